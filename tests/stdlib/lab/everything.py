"""A configuration with every type of the standard library, the way a user would write it."""

from cfgdsl import exists
from cfgdsl_stdlib import (
    Block,
    Command,
    Directory,
    File,
    Group,
    Line,
    Package,
    Service,
    Symlink,
    User,
)

UNIT = """[Unit]
Description=Everything
[Service]
ExecStart=/srv/app/current/run
User=app
[Install]
WantedBy=multi-user.target
"""

RUN = """#!/bin/sh
cat /srv/app/app.conf > /srv/app/state/loaded
exec sleep infinity
"""


def everything(threads: int = 2) -> None:
    """An application with all that belongs to it; declared in no particular order."""
    config = File(
        "/srv/app/app.conf", content=f"threads = {threads}\n", owner="app", group="app", mode=0o640
    )
    unit = File("/etc/systemd/system/app.service", content=UNIT)
    Service(
        "app", running=True, enabled=True, restart_on=[config, unit, "symlink:/srv/app/current"]
    )
    Symlink("/srv/app/current", to="releases/1")
    File("/srv/app/releases/1/run", content=RUN, mode=0o755)
    Directory("/srv/app/releases/1", parents=True)
    Directory("/srv/app/state", owner="app", mode=0o700)
    User("app", group="app", groups=["adm"], system=True, home="/srv/app", shell="/bin/sh")
    Group("app", system=True)
    Command(
        shell="wc -c < /srv/app/app.conf > /srv/app/size", on_change=config, user="root", id="size"
    )
    Command(["touch", "/srv/app/state/initialised"], creates="/srv/app/state/initialised")
    Package("lab-hello", version="1.0")
    Line("/etc/lab-hello.conf", "by = cfgdsl", match="^by")
    Block("/etc/hosts", "192.0.2.1 database\n", name="app")
    Package("lab-daemon")
    Package("lab-tool-01", absent=True)
    File("/etc/lab-daemon/conf.d/app.conf", content="app\n")
    Service("lab-daemon", running=True, reload_on="file:/etc/lab-daemon/conf.d/app.conf")
    File("/etc/motd", absent=True)
    Service("cron", enabled=False, running=False)
    File("/etc/never", content="x", only_if=exists("/no/such/path"))
