"""The lab's command line: `python -m tests.lab up 3`."""

import argparse
import os
import re
import subprocess
import sys

from tests.lab import base, mounts
from tests.lab.commands import LabCommandError
from tests.lab.lab import Lab, known_hosts, sweep
from tests.lab.lease import Lease, holder, lab_lock
from tests.lab.machine import BootError, Machine
from tests.lab.paths import MAX_HOSTS, LabPaths, host_name
from tests.lab.requirements import LabUnavailableError, require


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return _dispatch(options)
    except (BootError, LabCommandError, LabUnavailableError) as error:
        _say(f"lab: {error}")
        return 1


def _dispatch(options: argparse.Namespace) -> int:
    paths = LabPaths()
    match options.command:
        case "up":
            return up(options.count, release=options.release)
        case "reset":
            return reset(paths, options.host)
        case "down":
            return down(paths)
        case "status":
            return status(paths)
        case "hold":
            return hold(options.count, options.argv, release=options.release)
        case _:
            sys.stdout.write(paths.ssh_config.read_text(encoding="utf-8"))
            return 0


def up(count: int, *, release: str) -> int:
    """Have hosts 1 to `count` running; those that run already stay as they are."""
    with Lab.open(release=release, keep=True) as lab:
        sweep(lab.paths)
        taken = lab.lease_exactly(range(1, count + 1))
        lab.start([number for number in range(1, count + 1) if number not in taken], again=False)
        _say(f"{count} hosts up; ssh -F {lab.paths.ssh_config} {host_name(1)}")
    return _report_taken(lab.paths, taken)


def reset(paths: LabPaths, names: list[str]) -> int:
    """Give the named hosts, or all that run, a pristine disk."""
    require()
    machines = [Machine(paths=paths, number=number) for number in known_hosts(paths)]
    states = {machine.number: machine.state() for machine in machines}
    wanted = [_number(name) for name in names] or [n for n, state in states.items() if state]
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


def down(paths: LabPaths) -> int:
    """Stop all hosts that no one has leased."""
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
        with lab_lock(paths):
            mounts.remove_machine_mounts(paths)
    return _report_taken(paths, taken)


def status(paths: LabPaths) -> int:
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


def hold(count: int, argv: list[str], *, release: str) -> int:
    """Run a command while `count` hosts are leased to it: CFGDSL_LAB_HOSTS names them."""
    with Lab.open(release=release) as lab:
        names = " ".join(host.name for host in lab.hosts(count))
        environment = {
            **os.environ,
            "CFGDSL_LAB_HOSTS": names,
            "CFGDSL_LAB_SSH_CONFIG": str(lab.paths.ssh_config),
        }
        return subprocess.run(argv, env=environment, check=False).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    release = argparse.ArgumentParser(add_help=False)
    release.add_argument("--release", choices=base.RELEASES, default=base.DEFAULT_RELEASE)
    start = commands.add_parser("up", help="have N hosts running", parents=[release])
    start.add_argument("count", type=_count, metavar="N")
    again = commands.add_parser("reset", help="give hosts a pristine disk (all that run)")
    again.add_argument("host", nargs="*")
    commands.add_parser("down", help="stop all hosts")
    commands.add_parser("status", help="list the hosts")
    commands.add_parser("ssh-config", help="print the ssh_config of the lab")
    held = commands.add_parser("hold", help="run COMMAND with N leased hosts", parents=[release])
    held.add_argument("count", type=_count, metavar="N")
    held.add_argument("argv", nargs="+", metavar="COMMAND")
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
