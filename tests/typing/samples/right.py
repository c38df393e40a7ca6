"""Right uses: no checker finds anything here."""

from typing import assert_type

from cfgdsl import Host, Output, Secret, component, configure, exists, project, template
from cfgdsl_stdlib import (
    Block,
    Command,
    Directory,
    File,
    Group,
    Line,
    Package,
    Service,
    SshKey,
    Symlink,
    User,
)

project("typed", secrets={"db": Secret.env("DB")})

web = [Host(f"web{n}", address="192.0.2.1", tags={"web"}, data={"role": "web"}) for n in (1, 2)]
container = Host("c", exec=["docker", "exec", "-i", "c"])
jumped = Host("j", via=web[0], become="sudo", python="/usr/bin/python3")


@configure(web)
def site(host: Host) -> Service:
    package = Package("nginx", after="group:www")
    deploy = User("deploy", shell="/bin/bash", groups=["www", "adm"])
    Group("www", gid=900)
    page = File(
        "/srv/index.html",
        content=template("index.j2", cpus=host.facts.cpu_count, name=host.data.role),
        mode="0644",
        owner=deploy.name,
        after=[package, deploy, "group:www"],
        only_if=~exists("/etc/nologin"),
        retries=2,
        timeout=1.5,
        tags=["page"],
    )
    File("/etc/secret", content=f"password={Secret('db')}\n", mode=0o600)
    File("/etc/raw", content=b"\x00")
    with component("app", after=package) as app:
        Directory("/srv/app", mode=0o755, parents=True)
        Symlink("/srv/current", to="/srv/app")
        Line("/etc/hosts", "192.0.2.1 web", match="web$", below="^127", create=True)
        Line("/etc/app.conf", Secret.env("LINE"), name="password")
        Line("/etc/app.conf", match="^#", absent=True)
        Block("/etc/hosts", template("hosts.j2"), name="web", comment="#")
        Block("/etc/hosts", name="web", absent=True)
    version: Output[str] = Output(page, "version")
    File("/srv/version", content=version, after=app)
    Symlink("/srv/link", to=version)
    Command(["systemctl", "daemon-reload"], on_change=[page])
    made = Command(["hostname", "-f"], creates="/srv/named")
    assert_type(made.stdout, Output[str])
    key = SshKey("/root/.ssh/id", comment=made.stdout)
    User("backup", comment=page.sha256, groups=["adm", key.public_key.map(str.lower)])
    names = ["adm"]
    User("other", groups=names)
    both = Output.all(key.public_key, page.sha256)
    assert_type(both, Output[tuple[str, ...]])
    assert_type(both.map(len), Output[int])
    File("/srv/both", content=both.map(" ".join), mode=both.map(len), after=made.stdout)
    assert_type(page.path, str)
    assert_type(page.mode, int | None)
    assert_type(deploy.groups, tuple[str, ...] | None)
    assert_type(host.facts.cpu_count, int)
    assert_type(host.facts.hostname, str)
    return Service("nginx", running=True, restart_on=page, reload_on=[page, app])


assert_type(site["web1"], Service)
