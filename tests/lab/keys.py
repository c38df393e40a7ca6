"""SSH keys of the lab and what a client needs to know: `ssh_config` and `known_hosts`."""

from pathlib import Path

from tests.lab.commands import run
from tests.lab.paths import LabPaths, host_name


def ensure_key(path: Path) -> None:
    """Make an ed25519 key pair unless there is one (5 ms; an RSA key takes a second)."""
    if not path.exists():
        comment = f"cfgdsl-lab {path.name}"
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])


def write_client_files(paths: LabPaths, numbers: list[int]) -> None:
    """Write `ssh_config` and `known_hosts` for these hosts: `ssh -F .../ssh_config lab1`."""
    config = [_host_entry(paths, number) for number in numbers]
    known = [_known_hosts_line(paths, number) for number in numbers]
    _replace(paths.ssh_config, "".join(config))
    _replace(paths.known_hosts, "".join(known))


def public_key(path: Path) -> str:
    return path.with_name(path.name + ".pub").read_text(encoding="utf-8")


def _host_entry(paths: LabPaths, number: int) -> str:
    return (
        f"Host {host_name(number)} {paths.address(number)}\n"
        f"    HostName {paths.address(number)}\n"
        f"    Port {paths.port}\n"
        "    User root\n"
        f"    IdentityFile {paths.client_key}\n"
        "    IdentitiesOnly yes\n"
        f"    UserKnownHostsFile {paths.known_hosts}\n"
        "    GlobalKnownHostsFile /dev/null\n"
        "    StrictHostKeyChecking yes\n"
        "    BatchMode yes\n"
        "    LogLevel ERROR\n"
        "\n"
    )


def _known_hosts_line(paths: LabPaths, number: int) -> str:
    kind, blob, *_ = public_key(paths.host_key(number)).split()
    names = [host_name(number), paths.address(number)]
    if paths.port != 22:  # sshd(8), SSH_KNOWN_HOSTS FILE FORMAT
        names = [f"[{name}]:{paths.port}" for name in names]
    return f"{','.join(names)} {kind} {blob}\n"


def _replace(path: Path, text: str) -> None:
    # By rename, so that a client which reads it meanwhile sees the old or the new, never half.
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
