"""The scenario for pyinfra, as its documentation writes such things: one operation per thing.

The names are the keys of benchmarks/truth/steps.py. `_if` is its documented way to decide during
the run: by what changed, or by what is there. A plain `if` would be decided before the first step.
"""

from pyinfra import host
from pyinfra.facts.files import Directory, File
from pyinfra.operations import apt, files, server, systemd
from pyinfra.operations.util import any_changed

apt.packages(name="package", packages=["nginx"], update=True, cache_time=86400)

server.group(name="group", group="app")
server.user(name="user", user="app", group="app", shell="/bin/bash", create_home=True)
server.shell(
    name="home",
    commands=["install -d -m 0711 -o app -g app /home/app"],
    _if=lambda: host.get_fact(Directory, path="/home/app") is None,
)

files.directory(name="directory", path="/srv/app", user="app", group="app", mode="750")
config = files.template(
    name="config",
    src="files/app.conf.j2",
    dest="/srv/app/app.conf",
    user="app",
    group="app",
    mode="640",
    greeting=host.data.greeting,
)

files.directory(name="ssh directory", path="/home/app/.ssh", user="app", group="app", mode="700")
files.put(
    name="authorized keys",
    src="files/authorized_keys",
    dest="/home/app/.ssh/authorized_keys",
    user="app",
    group="app",
    mode="600",
)
server.shell(
    name="ssh key",
    commands=["ssh-keygen -q -t ed25519 -N '' -f /home/app/.ssh/id_ed25519"],
    _sudo=True,
    _sudo_user="app",
    _if=lambda: host.get_fact(File, path="/home/app/.ssh/id_ed25519") is None,
)

site = files.template(
    name="site",
    src="files/site.conf.j2",
    dest="/etc/nginx/conf.d/app.conf",
    mode="644",
    address=host.data.address,
)
default = files.link(name="default site", path="/etc/nginx/sites-enabled/default", present=False)
first = files.line(
    name="first edit",
    path="/etc/nginx/nginx.conf",
    line=r"^\s*worker_connections .*$",
    replace="\tworker_connections 1024;",
)
second = files.line(
    name="second edit",
    path="/etc/nginx/nginx.conf",
    line=r"^\s*(# )?server_tokens .*$",
    replace="\tserver_tokens off;",
    extended_regex=True,
)

unit = files.put(
    name="unit", src="files/app.service", dest="/etc/systemd/system/app.service", mode="644"
)
systemd.daemon_reload(name="daemon reload", _if=any_changed(unit))
systemd.service(name="app service", service="app", running=True, enabled=True)
systemd.service(name="app restart", service="app", restarted=True, _if=any_changed(config, unit))
systemd.service(name="nginx service", service="nginx", running=True, enabled=True)
systemd.service(
    name="nginx reload",
    service="nginx",
    reloaded=True,
    _if=any_changed(site, default, first, second),
)
