"""The lab's command line: `python -m tests.lab up 3`."""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable

from tests.lab import base, mounts
from tests.lab.commands import LabCommandError
from tests.lab.guard import await_session_end
from tests.lab.lab import Lab, known_hosts, purge, sweep
from tests.lab.lease import Lease, holder, shared_lock
from tests.lab.machine import BootError, Machine
from tests.lab.paths import MAX_HOSTS, LabPaths, host_name
from tests.lab.requirements import LabUnavailableError, require

Action = Callable[[LabPaths, argparse.Namespace], int]


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.action(LabPaths(), options))
    except (BootError, LabCommandError, LabUnavailableError) as error:
        _say(f"lab: {error}")
        return 1


def up(paths: LabPaths, options: argparse.Namespace) -> int:
    """Have hosts 1 to N running; those that run this release already stay as they are."""
    wanted = range(1, options.count + 1)
    with Lab.open(paths=paths, release=options.release, keep=True) as lab:
        taken = lab.lease_exactly(wanted)
        lab.start([number for number in wanted if number not in taken], again=False)
    _say(f"{options.count} hosts up; ssh -F {paths.ssh_config} {host_name(1)}")
    return _report_taken(paths, taken)


def reset(paths: LabPaths, options: argparse.Namespace) -> int:
    """Give the named hosts, or all that run, a pristine disk."""
    require()
    machines = [Machine(paths=paths, number=number) for number in known_hosts(paths)]
    states = {machine.number: machine.state() for machine in machines}
    wanted = [_number(name) for name in options.host] or [n for n, state in states.items() if state]
    taken: list[int] = []
    for release in base.RELEASES:
        chosen = [
            number
            for number in wanted
            if (state := states.get(number)) is not None and state.release == release
        ]
        if chosen:
            with Lab.open(release=release, keep=True) as lab:
                busy = lab.lease_exactly(chosen)
                lab.start([number for number in chosen if number not in busy], again=True)
                taken += busy
    down_hosts = [number for number in wanted if states.get(number) is None]
    for number in down_hosts:
        _say(f"{host_name(number)} does not run")
    return _report_taken(paths, taken) or int(bool(down_hosts))


def down(paths: LabPaths, options: argparse.Namespace) -> int:
    """Stop all hosts that no one has leased; --purge also removes the bases and keys."""
    require()
    taken = []
    for number in known_hosts(paths):
        lease = Lease.take(paths, number)
        if lease is None:
            taken.append(number)
            continue
        Machine(paths=paths, number=number).stop()
        lease.release()
    if not taken and paths.locks.exists():
        with shared_lock(paths, "setup"):
            mounts.remove_machine_mounts(paths)
            paths.port_file.unlink(missing_ok=True)
            if options.purge:
                purge(paths)
    return _report_taken(paths, taken)


def status(paths: LabPaths, _options: argparse.Namespace) -> int:
    """List the hosts: name, address, release, who uses it."""
    for number in known_hosts(paths):
        state = Machine(paths=paths, number=number).state()
        words = [host_name(number), paths.address(number)]
        if state is None:
            words.append("down")
        else:
            words += ["up", state.release, f"pid {state.leader.number}"]
            words += ["pristine" if state.pristine else "used"]
        if user := holder(paths, number):
            words.append(f"leased by {user}")
        _say("  ".join(words))
    return 0


def ssh_config(paths: LabPaths, _options: argparse.Namespace) -> int:
    """Print the configuration for the system's ssh."""
    sys.stdout.write(paths.ssh_config.read_text(encoding="utf-8"))
    return 0


def guard(paths: LabPaths, _options: argparse.Namespace) -> int:
    """Wait for the end of the session that started this, then stop what it left running."""
    await_session_end()
    sweep(paths)
    return 0


def hold(paths: LabPaths, options: argparse.Namespace) -> int:
    """Run a command while N hosts are leased to it: CFGDSL_LAB_HOSTS names them."""
    argv: list[str] = options.argv
    with Lab.open(paths=paths, release=options.release) as lab:
        names = " ".join(host.name for host in lab.hosts(options.count))
        environment = {
            **os.environ,
            "CFGDSL_LAB_HOSTS": names,
            "CFGDSL_LAB_SSH_CONFIG": str(paths.ssh_config),
        }
        command = argv[1:] if argv[:1] == ["--"] else argv
        return subprocess.run(command, env=environment, check=False).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, action: Action, summary: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=summary, description=action.__doc__)
        added.set_defaults(action=action)
        return added

    starting = command("up", up, "have N hosts running")
    resetting = command("reset", reset, "give hosts a pristine disk (all that run)")
    resetting.add_argument("host", nargs="*")
    stopping = command("down", down, "stop all hosts")
    stopping.add_argument("--purge", action="store_true", help="remove all that the lab has made")
    command("status", status, "list the hosts")
    command("ssh-config", ssh_config, "print the ssh_config of the lab")
    holding = command("hold", hold, "run a command with N leased hosts")
    command("guard", guard, "(a session starts this for itself, see guard.py)")
    for counting in (starting, holding):
        counting.add_argument("--release", choices=base.RELEASES, default=base.DEFAULT_RELEASE)
        counting.add_argument("count", type=_count, metavar="N")
    holding.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_HOSTS:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MAX_HOSTS}, not {text!r}")
    return int(text)


def _number(name: str) -> int:
    match = re.fullmatch(r"lab(\d+)", name)
    if match is None:
        raise LabUnavailableError(f"no host is called {name!r}; they are lab1, lab2, ...")
    return int(match[1])


def _report_taken(paths: LabPaths, taken: list[int]) -> int:
    for number in taken:
        _say(f"{host_name(number)} was left alone: leased by {holder(paths, number)}")
    return 1 if taken else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
