"""A first configuration: a small site in a directory. Needs no root and no other machine."""

from pathlib import Path

from cfgdsl import Host, configure, project, template
from cfgdsl_stdlib import Directory, File, Symlink

project("quickstart")

DEMO = Path(__file__).parents[2] / ".demo"

laptop = Host.local(str(DEMO), name="laptop", data={"greeting": "Hello from cfgdsl"})


@configure(laptop)
def site(host: Host) -> File:
    Directory("/srv/www", parents=True)
    page = File(
        "/srv/www/index.html",
        content=template("templates/index.html.j2", greeting=host.data.greeting),
    )
    File("/etc/motd", content="Managed by cfgdsl.\n", mode=0o644)
    Directory("/etc")
    Symlink("/etc/site", to="/srv/www")
    return page
