"""What makes a plain Debian a host of the lab: users, sshd, the package repository, a quiet boot.

Applied once to a layer of its own over the debootstrapped base (see `base.py`), so that a change
here costs seconds, not another debootstrap.
"""

from pathlib import Path

from tests.lab import packages
from tests.lab.commands import run_in_root

OPS_PASSWORD = "correct horse"
SSHD_LOG = "/var/log/lab-sshd.log"

# Jobs that would wake up in the middle of a test; apt-daily would even hold apt's lock.
MASKED_UNITS = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "man-db.timer",
    "systemd-tmpfiles-clean.timer",
    "console-getty.service",
    "getty@tty1.service",
    # Would make the RSA and ECDSA keys that the lab leaves out for speed.
    "sshd-keygen.service",
)

SSHD_CONFIG = """HostKey /etc/ssh/ssh_host_ed25519_key
# VERBOSE names each connection and each session: tests count both.
LogLevel VERBOSE
"""

# Until systemd-user-sessions is done, pam_nologin turns everyone but root away.
SSHD_UNIT = """[Unit]
After=systemd-user-sessions.service
"""

FILES = {
    "/etc/ssh/sshd_config.d/lab.conf": SSHD_CONFIG,
    "/etc/systemd/system/ssh.service.d/lab.conf": SSHD_UNIT,
    "/etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=volatile\n",
    # -E: to a file that can be read from outside, whatever state the host is in.
    "/etc/default/ssh": f"SSHD_OPTS=-E {SSHD_LOG}\n",
    "/etc/apt/sources.list": packages.SOURCES_LIST,
    # No name is ever looked up outside of the machine.
    "/etc/resolv.conf": "",
    # Empty: systemd takes the one that nspawn gives to each host (machine-id(5)).
    "/etc/machine-id": "",
}


def apply(root: Path, *, authorized_key: str) -> None:
    """Turn the system in `root` into the lab's template of a host."""
    for path, text in FILES.items():
        write(root / path.lstrip("/"), text)
    for unit in MASKED_UNITS:
        mask = root / "etc/systemd/system" / unit
        mask.unlink(missing_ok=True)
        mask.symlink_to("/dev/null")
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    # machine-id(5) prefers D-Bus's over the container's own, so all hosts would share it.
    (root / "var/lib/dbus/machine-id").unlink(missing_ok=True)
    _only_files_for_host_names(root / "etc/nsswitch.conf")
    _add_users(root, authorized_key)
    packages.build_repository(root / str(packages.REPOSITORY).lstrip("/"))
    run_in_root(root, ["apt-get", "update", "-q"])


def write(path: Path, text: str, *, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def _only_files_for_host_names(nsswitch: Path) -> None:
    # sudo looks its own host's name up; by DNS that waits for a time-out each time.
    lines = nsswitch.read_text(encoding="utf-8").splitlines()
    kept = ["hosts: files" if line.startswith("hosts:") else line for line in lines]
    nsswitch.write_text("\n".join(kept) + "\n", encoding="utf-8")


def _add_users(root: Path, authorized_key: str) -> None:
    run_in_root(root, ["useradd", "--create-home", "--shell=/bin/bash", "--groups=sudo", "ops"])
    run_in_root(root, ["useradd", "--create-home", "--shell=/bin/bash", "nopass"])
    run_in_root(root, ["chpasswd"], stdin=f"ops:{OPS_PASSWORD}\n")
    write(root / "etc/sudoers.d/nopass", "nopass ALL=(ALL:ALL) NOPASSWD: ALL\n", mode=0o440)
    for user, home in (("root", "root"), ("ops", "home/ops"), ("nopass", "home/nopass")):
        folder = root / home / ".ssh"
        folder.mkdir(mode=0o700, exist_ok=True)
        write(folder / "authorized_keys", authorized_key, mode=0o600)
        run_in_root(root, ["chown", "--recursive", f"{user}:{user}", f"/{home}/.ssh"])
