"""The scenario for cfgdsl; TRUTH_HOST and TRUTH_ADDRESS name the lab's host.

No `after=` is needed. What has a name in benchmarks/truth/steps.py is named there.
"""

import os

from cfgdsl import Host, configure, project, template
from cfgdsl_stdlib import Command, Directory, File, Group, Line, Package, Service, User

project("truth")

host = Host(os.environ["TRUTH_HOST"], user="root")


@configure([host])
def app(_: Host) -> None:
    Package("nginx")

    Group("app")
    user = User("app", group="app", shell="/bin/bash")
    Command(
        ["install", "-d", "-m", "0711", "-o", "app", "-g", "app", "/home/app"],
        creates="/home/app",
        after=user,
    )

    Directory("/srv/app", owner="app", group="app", mode=0o750)
    config = File(
        "/srv/app/app.conf",
        content=template("files/app.conf.j2", greeting=os.environ["TRUTH_GREETING"]),
        owner="app",
        group="app",
        mode=0o640,
    )

    Directory("/home/app/.ssh", owner="app", group="app", mode=0o700)
    File(
        "/home/app/.ssh/authorized_keys",
        source="files/authorized_keys",
        owner="app",
        group="app",
        mode=0o600,
    )
    Command(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/home/app/.ssh/id_ed25519"],
        creates="/home/app/.ssh/id_ed25519",
        user="app",
    )

    site = File(
        "/etc/nginx/conf.d/app.conf",
        content=template("files/site.conf.j2", address=os.environ["TRUTH_ADDRESS"]),
        mode=0o644,
    )
    default = File("/etc/nginx/sites-enabled/default", absent=True)
    main = "/etc/nginx/nginx.conf"
    first = Line(main, "\tworker_connections 1024;", match=r"^\s*worker_connections ")
    second = Line(main, "\tserver_tokens off;", match=r"^\s*(# )?server_tokens ")

    unit = File("/etc/systemd/system/app.service", source="files/app.service", mode=0o644)
    Service("app", running=True, enabled=True, restart_on=[config, unit])
    Service("nginx", running=True, enabled=True, reload_on=[site, default, first, second])
