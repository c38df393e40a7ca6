"""Finds processes of one lab host, and nothing but them, to be killed."""

from pathlib import Path

from tests.lab import LabHost
from tests.lab.processes import ProcessId


def all_of(host: LabHost) -> list[ProcessId]:
    """Every process of a host: what is in its cgroup, oldest first."""
    listed = [file for file in host.machine.cgroup.rglob("cgroup.procs") if file.is_file()]
    numbers = {int(word) for file in listed for word in _text(file).split()}
    found = [ProcessId.of(number) for number in numbers]
    return sorted((each for each in found if each is not None), key=lambda p: (p.started, p.number))


def runners(host: LabHost) -> list[ProcessId]:
    """What executes, and for moments its children before they become a command."""
    return [p for p in all_of(host) if any("cfgdsl_runner" in arg for arg in p.command_line())]


def named(host: LabHost, *names: str) -> list[ProcessId]:
    """Those that run one of these programs."""
    return [process for process in all_of(host) if name_of(process) in names]


def sshd_of(process: ProcessId) -> ProcessId | None:
    """The session of sshd that a process was started in."""
    above: ProcessId | None = process
    while above is not None and above.number > 1:
        if name_of(above) == "sshd":
            return above
        above = _parent(above)
    return None


def name_of(process: ProcessId) -> str:
    """The name of its program, at most 15 bytes of it (proc(5))."""
    return _text(Path(f"/proc/{process.number}/comm")).strip()


def _parent(process: ProcessId) -> ProcessId | None:
    lines = _text(Path(f"/proc/{process.number}/status")).splitlines()
    numbers = [int(line.split()[1]) for line in lines if line.startswith("PPid:")]
    return ProcessId.of(numbers[0]) if numbers else None


def _text(file: Path) -> str:
    """What a file says; it may vanish with its process or its cgroup."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
