"""What is on a host, found by a script that uses none of the tools."""

import json
from dataclasses import dataclass

from tests.lab import LabHost

_SCRIPT = r"""
import grp, json, os, pwd, re, subprocess, urllib.request
wrong = []
def check(ok, what):
    if not ok:
        wrong.append(what)
def output(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.decode().strip()
def owned(path, mode, owner, group):
    try:
        st = os.lstat(path)
    except OSError:
        return False
    names = (pwd.getpwuid(st.st_uid).pw_name, grp.getgrgid(st.st_gid).gr_name)
    return (st.st_mode & 0o7777, *names) == (mode, owner, group)
def text(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""

check(output("dpkg-query", "-W", "-f", "${db:Status-Status}", "nginx") == "installed", "package")
try:
    entry = pwd.getpwnam("app")
    check(entry.pw_gid == grp.getgrnam("app").gr_gid, "group")
    check((entry.pw_dir, entry.pw_shell) == ("/home/app", "/bin/bash"), "user")
except KeyError as error:
    wrong.append(str(error))
check(owned("/srv/app", 0o750, "app", "app"), "directory")
check(owned("/srv/app/app.conf", 0o640, "app", "app"), "config: owner or mode")
check(text("/srv/app/app.conf") == "greeting = %s\n" % GREETING, "config: content")
check(owned("/home/app/.ssh", 0o700, "app", "app"), "ssh directory")
check(owned("/home/app/.ssh/authorized_keys", 0o600, "app", "app"), "authorized keys")
check(text("/home/app/.ssh/authorized_keys").startswith("ssh-ed25519 "), "authorized keys: content")
check(owned("/home/app/.ssh/id_ed25519", 0o600, "app", "app"), "ssh key")
check(owned("/etc/nginx/conf.d/app.conf", 0o644, "root", "root"), "site")
check(not os.path.lexists("/etc/nginx/sites-enabled/default"), "default site")
main = text("/etc/nginx/nginx.conf")
check(re.findall(r"^.*worker_connections.*$", main, re.M) == ["\tworker_connections 1024;"],
      "first edit")
check(re.findall(r"^.*server_tokens.*$", main, re.M) == ["\tserver_tokens off;"], "second edit")
check("RuntimeDirectory=app" in text("/etc/systemd/system/app.service"), "unit")
for unit in ("app", "nginx"):
    check(output("systemctl", "is-active", unit) == "active", unit + " service: running")
    check(output("systemctl", "is-enabled", unit) == "enabled", unit + " service: enabled")
    check(output("systemctl", "show", "-p", "NeedDaemonReload", unit).endswith("=no"),
          unit + " service: daemon-reload")
check(text("/run/app/loaded") == text("/srv/app/app.conf"), "app restart: runs with an old config")
try:
    with urllib.request.urlopen("http://%s:8080/" % ADDRESS, timeout=10) as answer:
        check(answer.headers["Server"] == "nginx", "nginx reload: does not know the second edit")
except OSError as error:
    wrong.append("nginx reload: does not serve the site: %s" % error)
ran = os.path.isdir("/home/app") and os.stat("/home/app").st_mode & 0o7777 == 0o711
print(json.dumps({"wrong": wrong, "home_command_ran": ran}))
"""


@dataclass(frozen=True)
class Found:
    """What is not as wanted, and whether the command ran that had no need to."""

    wrong: tuple[str, ...]
    home_command_ran: bool


def look(host: LabHost, greeting: str) -> Found:
    """Ask the host itself. The command that makes the home would give it a mode of its own."""
    given = f"GREETING = {greeting!r}\nADDRESS = {host.address!r}\n{_SCRIPT}"
    said = json.loads(host.run(["python3", "-"], stdin=given).stdout)
    return Found(tuple(said["wrong"]), bool(said["home_command_ran"]))
