"""From an opened channel to the first word of the program we wanted: past noise and passwords.

Login shells print (``echo`` in .bashrc), sudo asks. What we start says a random marker first; all
before it is noise, bounded in time and size, and shown when the marker never comes.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any

import attrs

from cfgdsl.core.errors import Diagnostic, TargetError
from cfgdsl.core.host import Host
from cfgdsl.targets.channel import Channel, printable
from cfgdsl.targets.options import Options
from cfgdsl.targets.privilege import Privilege

_MAX_NOISE = 64 * 1024
_EXCERPT = 1000
_POLL = 0.02
"""How often stderr is looked at while a question for a password may come."""


def new_marker() -> str:
    """A word that nobody else says."""
    return "cfgdsl" + secrets.token_hex(12)


@attrs.define
class Dialogue:
    """One start of a program on one host; `begin` once, then `line` or `rest`."""

    channel: Channel
    host: Host[Any]
    marker: str
    privilege: Privilege
    options: Options
    _heard: bytearray = attrs.field(factory=bytearray, init=False)
    _answered: bool = attrs.field(default=False, init=False)
    _end: float = attrs.field(default=0.0, init=False)

    @classmethod
    def start(
        cls,
        open_channel: Callable[[list[str]], Channel],
        host: Host[Any],
        argv_for: Callable[[str], list[str]],
        options: Options,
    ) -> "Dialogue":
        """Start ``argv_for(marker)``, with the host's privilege, and go on to after the marker.

        Raises `TargetError`: a wrong password, no marker in time, a shell that refuses.
        """
        marker = new_marker()
        privilege = Privilege(
            become=host.become, marker=new_marker(), python=host.python or "python3"
        )
        channel = open_channel(privilege.wrap(argv_for(marker)))
        dialogue = cls(channel, host, marker, privilege, options)
        try:
            dialogue._begin()
        except BaseException:
            channel.close()
            raise
        return dialogue

    def _begin(self) -> None:
        self._end = time.monotonic() + self.options.timeouts.start
        word = self.marker.encode() + b" "
        while (at := self._heard.find(word)) < 0:
            if len(self._heard) > _MAX_NOISE:
                raise self._silent(f"{_MAX_NOISE} bytes came, and not the runner's first word.")
            self._hear()
        del self._heard[: at + len(word)]

    def line(self) -> str:
        """The rest of the marker's line."""
        while (at := self._heard.find(b"\n")) < 0:
            if len(self._heard) > _MAX_NOISE:
                raise self._silent("A line without an end came.")
            self._hear()
        text = printable(bytes(self._heard[:at]))
        del self._heard[: at + 1]
        return text

    def next_line(self) -> str:
        """The line of the next marker."""
        self._begin()
        return self.line()

    def rest(self) -> bytes:
        """What was heard beyond the lines that were taken."""
        data = bytes(self._heard)
        self._heard.clear()
        return data

    def _hear(self) -> None:
        left = self._end - time.monotonic()
        if left <= 0:
            limit = self.options.timeouts.start
            raise self._silent(f"{limit:g} s went by without the runner's first word.")
        may_ask = self.privilege.may_ask
        try:
            data = self.channel.read(64 * 1024, min(left, _POLL) if may_ask else left)
        except TimeoutError:
            if may_ask:
                self._answer()
            return
        if not data:
            raise self._ended()
        self._heard += data

    def _answer(self) -> None:
        """Give the password when it is asked for; a second question means that it was wrong."""
        errors = self.channel.diagnostics()
        questions = self.privilege.questions(errors)
        become = self.privilege.become
        if questions == 0 or become is None or (self._answered and become.method == "su"):
            return
        if self._answered:
            if questions > 1:
                raise TargetError(self._refusal(errors))
            return
        if become.password is None:
            raise TargetError(self._refusal(errors))
        self._answered = True
        self.channel.write(self.options.reveal(become.password).encode() + b"\n")

    def _refusal(self, errors: str) -> Diagnostic:
        return self.privilege.refused(self.host.name, errors, answered=self._answered)

    def _ended(self) -> TargetError:
        status = self.channel.exit_status(1.0)
        errors = self.channel.diagnostics()
        if self.privilege.blames(errors, answered=self._answered):
            return TargetError(self._refusal(errors))
        known = "" if status is None else f" with exit status {status}"
        return self._silent(f"The login shell, or what it ran, ended{known}.")

    def _silent(self, problem: str) -> TargetError:
        noise = printable(bytes(self._heard[:_EXCERPT])).strip()
        errors = self.channel.diagnostics()[-_EXCERPT:].strip()
        parts = [problem]
        parts += [f"On stdout:\n{noise}"] if noise else []
        parts += [f"On stderr:\n{errors.replace(self.privilege.marker, '')}"] if errors else []
        return TargetError(
            Diagnostic(
                summary="the runner did not start",
                detail="\n".join(parts),
                hint="Try by hand what the login user's shell does with: sh -c 'echo ready'",
                address=self.host.name,
            )
        )
