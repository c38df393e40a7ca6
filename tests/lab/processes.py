"""Name a process so surely that ending it can never hit another one.

A process id alone is reused; with its start time (proc(5), field 22 of `stat`) it is unique since
the machine's boot.
"""

import os
import signal
import time
from pathlib import Path

import attrs


@attrs.frozen
class ProcessId:
    """A process, told apart from a later one that got the same number."""

    number: int
    started: int

    @classmethod
    def of(cls, number: int) -> "ProcessId | None":
        """The running process with this number; None when there is none, or only a zombie."""
        try:
            stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The second field is the name in parentheses, and may itself hold spaces and parentheses.
        state, *rest = stat.rpartition(")")[2].split()
        return None if state in "ZX" else cls(number=number, started=int(rest[18]))

    def is_running(self) -> bool:
        return ProcessId.of(self.number) == self

    def command_line(self) -> list[str]:
        """Its argv; empty when it is gone."""
        try:
            raw = Path(f"/proc/{self.number}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return []
        return os.fsdecode(raw).rstrip("\0").split("\0")

    def kill(self) -> None:
        """Send SIGKILL, if and only if it is still this very process."""
        try:
            handle = os.pidfd_open(self.number)
        except ProcessLookupError:
            return
        try:
            # Checked after the handle is open: from here on the handle cannot mean another one.
            if self.is_running():
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        except ProcessLookupError:
            pass  # It ended by itself meanwhile.
        finally:
            os.close(handle)

    def wait(self, timeout: float) -> bool:
        """Wait until it has ended; False when it still runs after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while self.is_running():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True
