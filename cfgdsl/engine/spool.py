"""The spool: plans of more hosts than are worked on at once wait here, not in memory.

A file without a name, that nobody but this process has open: it is gone when nothing refers to it
any more, and when the process ends, however it ends. What is in it is sealed with a key that never
leaves memory, for answers tell digests of secrets; the secrets themselves are never written.

>>> spool = Spool()
>>> place = spool.write(b"a plan")
>>> spool.read(place)
b'a plan'
"""

import os
import tempfile
import threading
import weakref
import zlib
from collections.abc import Sequence
from typing import Any, overload

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cfgdsl.core.errors import Diagnostic, SpoolError
from cfgdsl.core.exchange import Export
from cfgdsl.core.host import Host
from cfgdsl.core.plan import HostPlan, HostPlans, HostSummary
from cfgdsl.core.prepared import Prepared
from cfgdsl.core.secret import Secret
from cfgdsl.core.summary import summary_of
from cfgdsl.engine.observe import Observed
from cfgdsl.engine.pickled import CannotBePickledError, Pickled
from cfgdsl.engine.values import Awaited

_QUICK = 1
"""zlib's level: a plan shrinks to a tenth, most of it at the first attempt."""


@attrs.frozen
class Place:
    """Where something is in the spool."""

    offset: int
    size: int
    nonce: bytes = attrs.field(repr=False)


class Spool:
    """Takes in bytes, and gives them back; from any thread."""

    def __init__(self) -> None:
        with tempfile.TemporaryFile() as file:  # 0600 from its first byte, and without a name
            self._file = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)
        self._key = AESGCM(AESGCM.generate_key(256))
        self._end = 0
        self._lock = threading.Lock()

    def write(self, data: bytes) -> Place:
        """Keep `data`; raises `OSError` when there is no room."""
        nonce = os.urandom(12)
        sealed = self._key.encrypt(nonce, zlib.compress(data, _QUICK), None)
        with self._lock:
            place = Place(self._end, len(sealed), nonce)
            self._end += len(sealed)
        done = 0
        while done < len(sealed):
            done += os.pwrite(self._file, sealed[done:], place.offset + done)
        return place

    def read(self, place: Place) -> bytes:
        """What `write` has put there; raises `SpoolError` when it is not there as it was."""
        try:
            sealed = os.pread(self._file, place.size, place.offset)
            return zlib.decompress(self._key.decrypt(place.nonce, sealed, None))
        except (OSError, InvalidTag) as error:
            raise SpoolError(
                Diagnostic(
                    summary="the plan of this host cannot be read from the spool any more",
                    detail=str(error) or "It is not as it was written.",
                    hint="Plan again; TMPDIR says where the spool is.",
                )
            ) from None


class Spooled:
    """A host's plan that waits in the spool, and what is asked of it meanwhile."""

    def __init__(self, observed: Observed, host: Host[Any], spool: Spool, pickled: Pickled) -> None:
        """Raises `CannotBePickledError`, or `OSError` where there is no room."""
        planned = observed.planned
        self.summary: HostSummary = summary_of(planned.plan)
        self.tags = observed.tags
        self.knows_run = observed.knows_run
        self.awaited: frozenset[Awaited] = observed.awaited
        self._secrets = observed.secrets(host)
        self._spool, self._pickled = spool, pickled
        bare = Prepared.bare(host, HostPlan(host=host.name)).planned
        rest = attrs.evolve(
            observed, planned=attrs.evolve(planned, plan=bare.plan, export=bare.export)
        )
        self._plan, self._rest, self._exports = (
            spool.write(pickled.dumps(part)) for part in (planned.plan, rest, planned.export)
        )
        self._exported: dict[str, Export] = {}
        self._last = weakref.ref(planned.plan)
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        """Whose plan it is."""
        return self.summary.host

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        """Why the host cannot be planned."""
        return self.summary.problems

    @property
    def bootstrap(self) -> bool:
        """As of `HostPlan.bootstrap`."""
        return self.summary.bootstrap

    def secrets(self, _: Host[Any]) -> dict[Secret, Diagnostic]:
        """As of `Observed.secrets`."""
        return self._secrets

    def plan(self) -> HostPlan:
        """The plan; the same object as long as anybody has it."""
        with self._lock:
            plan: HostPlan = self._last() or self._read(self._plan)
            self._last = weakref.ref(plan)
            return plan

    def is_of(self, plan: HostPlan) -> bool:
        """Whether `plan` is the one that waits here."""
        return self._last() is plan

    def prepared(self, host: Host[Any]) -> Prepared:
        """What executing it takes."""
        observed: Observed = self._read(self._rest)
        whole = attrs.evolve(observed.planned, plan=self.plan())
        return attrs.evolve(observed, planned=whole).prepared(host)

    def export(self, identity: str) -> Export:
        """What other hosts may know of a resource; kept once anybody has asked."""
        if identity not in self._exported:
            self._exported[identity] = self._read(self._exports)(identity)
        return self._exported[identity]

    def _read(self, place: Place) -> Any:
        return self._pickled.loads(self._spool.read(place))


class Spooler:
    """Puts the plans of one `Plan` into a spool of its own."""

    def __init__(self, *services: object) -> None:
        """`services`: what plans refer to, and belongs to no host."""
        self._spool = Spool()
        self._pickled = Pickled(services)

    def put(self, observed: Observed, host: Host[Any]) -> Spooled | None:
        """The plan of a host, out of memory; None where it must stay: it holds what cannot be
        written, or there is no room."""
        try:
            return Spooled(observed, host, self._spool, self._pickled)
        except (CannotBePickledError, OSError):
            return None


class SpooledPlans(HostPlans):
    """The plans of many hosts: each is read when it is asked for, and forgotten after that."""

    def __init__(self, parts: Sequence[HostPlan | Spooled]) -> None:
        self.parts = tuple(parts)
        self._summaries = tuple(
            part.summary if isinstance(part, Spooled) else summary_of(part) for part in parts
        )

    @property
    def summaries(self) -> tuple[HostSummary, ...]:
        """Each in brief, without reading it."""
        return self._summaries

    def __len__(self) -> int:
        return len(self.parts)

    @overload
    def __getitem__(self, index: int) -> HostPlan: ...
    @overload
    def __getitem__(self, index: slice) -> "SpooledPlans": ...
    def __getitem__(self, index: int | slice) -> "HostPlan | SpooledPlans":
        if isinstance(index, slice):
            return SpooledPlans(self.parts[index])
        part = self.parts[index]
        return part.plan() if isinstance(part, Spooled) else part

    def __repr__(self) -> str:
        return f"<the plans of {len(self)} hosts>"
