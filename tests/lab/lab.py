"""The lab as a session uses it: lease hosts, reset them, give them back as they were found."""

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import attrs

from tests.lab import base, keys, mounts, requirements
from tests.lab.guard import start_guard
from tests.lab.host import LabHost
from tests.lab.lease import Lease, holder, shared_lock
from tests.lab.machine import Machine, MachineState
from tests.lab.paths import MAX_HOSTS, LabPaths, host_name
from tests.lab.ports import choose_port

# Each booting host costs about 8 inotify instances of the one limit that all of root shares.
INOTIFY_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_WANTED = 8192


@attrs.define
class Lab:
    """One session's hosts. Use `with Lab.open() as lab:`; what the session started ends with it."""

    paths: LabPaths
    release: str
    layers: list[Path]
    keep: bool = False
    """Leave hosts up that this session started."""
    _leased: dict[int, Lease] = attrs.field(factory=dict, init=False)
    _found_running: set[int] = attrs.field(factory=set, init=False)
    _used: set[int] = attrs.field(factory=set, init=False)
    _guard: int | None = attrs.field(default=None, init=False)
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)

    @classmethod
    @contextmanager
    def open(
        cls,
        *,
        paths: LabPaths | None = None,
        release: str = base.DEFAULT_RELEASE,
        keep: bool = False,
    ) -> "Iterator[Lab]":
        """Prepare the machine, making the base if there is none, and yield the lab."""
        requirements.require()
        paths = paths or LabPaths()
        paths.create()
        with shared_lock(paths, "setup"):
            mounts.prepare_machine_mounts(paths)
            keys.ensure_key(paths.client_key)
            _raise_inotify_limit()
            if not paths.port_file.exists():
                paths.port_file.write_text(f"{choose_port()}\n", encoding="utf-8")
        with shared_lock(paths, f"base-{release}"):
            layers = base.ensure_base(paths, release)
        sweep(paths)
        lab = cls(paths=paths, release=release, layers=layers, keep=keep)
        try:
            yield lab
        finally:
            lab.close()

    def hosts(self, count: int = 1, *, pristine: bool = True) -> list[LabHost]:
        """The session's first `count` hosts, leased and running; reset unless nobody used them.

        Asking again gives the same hosts, so a test asks once, for all that it needs.
        `pristine=False` leaves them as the session's last test left them.
        """
        with self._lock:
            self._lease(count)
            if self._guard is None and not self.keep:
                self._guard = start_guard(self.paths.state)
            numbers = list(self._leased)[:count]
            _together(lambda number: self._make_ready(number, pristine=pristine), numbers)
            return [LabHost(self._machine(number)) for number in numbers]

    def reset(
        self, host: LabHost, *, private_network: bool = False, disk_size: str | None = None
    ) -> None:
        """Give a host of this session a pristine disk and boot it again (about a second).

        `private_network=True`: with a network of its own, for tests of nftables and net sysctls;
        such a host is reached by `host.inside` only. `disk_size="64m"`: with a small disk, in
        memory, that a test can fill (`host.machine.disk` is on it).
        """
        self.reset_all([host], private_network=private_network, disk_size=disk_size)

    def restart(self, host: LabHost) -> None:
        """Cut the power of a host of this session and boot it again, with what is on its disk."""
        self._require_lease(host.machine.number)
        host.machine.restart(self.layers)

    def reset_all(
        self,
        hosts: Iterable[LabHost],
        *,
        private_network: bool = False,
        disk_size: str | None = None,
    ) -> None:
        """Reset hosts of this session, side by side."""

        def one(number: int) -> None:
            self._require_lease(number)
            self._boot(number, private_network=private_network, disk_size=disk_size)
            self._mark_used(number)

        _together(one, [host.machine.number for host in hosts])

    def lease_exactly(self, numbers: Iterable[int]) -> list[int]:
        """Lease just these hosts, for the command line; returns those that someone else has."""
        return [number for number in numbers if not self._take(number)]

    def start(self, numbers: Sequence[int], *, again: bool) -> None:
        """Boot leased hosts; those that run already only with `again` (or of another release)."""

        def one(number: int) -> None:
            state = self._machine(number).state()
            if again or state is None or state.release != self.release:
                self._boot(number)

        _together(one, numbers)

    def close(self) -> None:
        """Stop what this session started, leave pristine what it found running, end its leases."""
        with self._lock:
            _together(self._give_back, list(self._leased))
            for lease in self._leased.values():
                lease.release()
            self._leased.clear()
            if self._guard is not None:
                os.close(self._guard)
                self._guard = None

    def _give_back(self, number: int) -> None:
        machine = self._machine(number)
        state = machine.state()
        if state is None or (number not in self._found_running and not self.keep):
            machine.stop()
        elif number in self._used:
            self._boot(number)

    def _lease(self, count: int) -> None:
        """Lease until there are `count`: first what runs already, then the lowest free numbers."""
        if len(self._leased) >= count:
            return
        running = [number for number in known_hosts(self.paths) if self._runs_this_release(number)]
        idle = [number for number in range(1, MAX_HOSTS + 1) if number not in running]
        for number in (*running, *idle):
            if len(self._leased) == count:
                return
            state = self._machine(number).state()
            if number not in self._leased and (state is None or state.release == self.release):
                self._take(number)
        if len(self._leased) < count:
            raise RuntimeError(f"the lab has no {count} free hosts (at most {MAX_HOSTS})")

    def _runs_this_release(self, number: int) -> bool:
        state = self._machine(number).state()
        return state is not None and state.release == self.release

    def _take(self, number: int) -> bool:
        lease = Lease.take(self.paths, number)
        if lease is None:
            return False
        self._leased[number] = lease
        state = self._machine(number).state()
        # One that runs, but not to be kept, is what a killed session left behind.
        if state is not None and state.keep:
            self._found_running.add(number)
        with shared_lock(self.paths, "setup"):
            keys.ensure_key(self.paths.host_key(number))
            known = sorted({number, *known_hosts(self.paths)})
            keys.write_client_files(self.paths, known)
        return True

    def _make_ready(self, number: int, *, pristine: bool) -> None:
        state = self._machine(number).state()
        if state is None or (pristine and not state.pristine):
            self._boot(number)
        self._mark_used(number)

    def _mark_used(self, number: int) -> None:
        machine = self._machine(number)
        state = machine.state()
        self._used.add(number)
        if state is not None:
            machine.save(attrs.evolve(state, pristine=False))

    def _require_lease(self, number: int) -> None:
        if number not in self._leased:
            raise ValueError(f"{host_name(number)} is not leased by this session")

    def _boot(
        self, number: int, *, private_network: bool = False, disk_size: str | None = None
    ) -> MachineState:
        return self._machine(number).boot(
            self.layers,
            release=self.release,
            keep=self.keep or number in self._found_running,
            private_network=private_network,
            disk_size=disk_size,
        )

    def _machine(self, number: int) -> Machine:
        return Machine(paths=self.paths, number=number)


def known_hosts(paths: LabPaths) -> list[int]:
    """The numbers of all hosts that were ever leased here (they have a host key)."""
    names = {key.name for key in paths.keys.glob("lab*")}
    return [number for number in range(1, MAX_HOSTS + 1) if host_name(number) in names]


def sweep(paths: LabPaths) -> list[int]:
    """Stop the hosts that a killed session left behind: running, not to be kept, not leased."""
    swept = []
    for number in known_hosts(paths):
        machine = Machine(paths=paths, number=number)
        state = machine.state()
        if state is not None and not state.keep and not holder(paths, number):
            lease = Lease.take(paths, number)
            if lease is not None:
                machine.stop()
                lease.release()
                swept.append(number)
    return swept


def purge(paths: LabPaths) -> None:
    """Remove all that the lab has made, once no host runs and nothing is mounted."""
    mounted = mounts.mounted_below(paths.state)
    if mounted:
        raise RuntimeError(f"still mounted: {', '.join(map(str, mounted))}")
    for made in (paths.bases, paths.machines, paths.keys, paths.control_sockets):
        shutil.rmtree(made)
    for file in (paths.ssh_config, paths.known_hosts):
        file.unlink(missing_ok=True)


def _together(action: Callable[[int], object], numbers: Sequence[int]) -> None:
    """Do it for all at once, wait for all, then raise the first failure."""
    if not numbers:
        return
    with ThreadPoolExecutor(max_workers=min(len(numbers), 32)) as pool:
        futures = [pool.submit(action, number) for number in numbers]
    for future in futures:
        future.result()


def _raise_inotify_limit() -> None:
    if int(INOTIFY_INSTANCES.read_text(encoding="utf-8")) < INOTIFY_WANTED:
        INOTIFY_INSTANCES.write_text(f"{INOTIFY_WANTED}\n", encoding="utf-8")
