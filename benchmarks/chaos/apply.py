"""`cfgdsl apply` as a process that is followed by its events, so that a moment in it can be met."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.lab import LabHost

INFRA = Path(__file__).with_name("infra.py")
JOURNAL = "/var/lib/cfgdsl/chaos/journal"
PATIENCE = 180.0
"""Seconds for anything that must come to an end by itself."""


def command(host: LabHost, version: int, word: str, *options: str) -> tuple[list[str], Any]:
    """The argv and the environment of one run on a host."""
    ssh = ["--ssh-config", str(host.ssh_config), "--connect-timeout", "60"]
    argv = [sys.executable, "-m", "cfgdsl", word, str(INFRA), *ssh, *options]
    return argv, {**os.environ, "CHAOS_HOST": host.name, "CHAOS_VERSION": str(version)}


def plain(host: LabHost, version: int, word: str, *options: str) -> tuple[int, str]:
    """Run it undisturbed; exit code, and all that it said."""
    argv, environment = command(host, version, word, *options)
    done = subprocess.run(
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout


@dataclass(frozen=True)
class Moment:
    """When a run is disturbed: `delay` seconds after something has come."""

    after: Literal["start", "writes", "steps"]
    """Its start; so many writes to the host's journal, each before steps or after them; the end of
    so many of a hundred of its steps, as the controller hears of it."""
    count: int
    delay: float

    @classmethod
    def at_random(cls, rng: random.Random) -> "Moment":
        """Files are all written within a tenth of a second: that is hit by the journal's writes."""
        after = rng.choices(("start", "writes", "steps"), (0.12, 0.5, 0.38))[0]
        if after == "start":
            return cls("start", 0, rng.uniform(0.0, 1.0))
        if after == "writes":
            return cls("writes", rng.choice((1, 2, 2, 2, 2, 3, 4, 5)), rng.uniform(0.0, 0.08))
        return cls("steps", rng.randrange(98), rng.uniform(0.0, 0.2))


class Apply:
    """A run on its way. It leads a process group of its own."""

    def __init__(self, host: LabHost, version: int) -> None:
        argv, environment = command(host, version, "apply", "--yes", "--json")
        self.steps = 0
        self.done = 0
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._journal = host.path(JOURNAL)
        self._process = subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ended = False

    def _read(self) -> None:
        for line in self._process.stdout or ():
            event = json.loads(line) if line.startswith("{") and line.endswith("}\n") else {}
            with self._changed:
                self.lines.append(line)
                self._take(event)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, event: dict[str, Any]) -> None:
        if event.get("event") == "host_planned":
            self.steps = len(event["plan"]["steps"])
        elif event.get("event") == "step_done":
            self.done += 1

    @property
    def runs(self) -> bool:
        """Whether it still does."""
        return self._process.poll() is None

    def reaches(self, moment: Moment) -> bool:
        """Wait for a moment in it; False when it ended before."""
        if moment.after == "writes":
            self._await_writes(moment.count)
        elif moment.after == "steps":
            wanted = moment.count / 100
            with self._changed:
                self._changed.wait_for(
                    lambda: self._ended or (self.steps and self.done >= int(wanted * self.steps)),
                    PATIENCE,
                )
        time.sleep(moment.delay)
        return self.runs

    def _await_writes(self, count: int) -> None:
        """Wait until the journal on the host has grown so often."""
        size = self._journal_size()
        while count and self.runs:
            time.sleep(0.0005)
            now = self._journal_size()
            count -= now != size
            size = now

    def _journal_size(self) -> int:
        try:
            return self._journal.stat().st_size
        except OSError:  # its host is just being restarted
            return 0

    def kill(self) -> None:
        """End it at once; it is our own child, so its number is still its own."""
        self._process.send_signal(signal.SIGKILL)

    def exit_code(self) -> int:
        """Wait for its end."""
        try:
            code = self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            if self._process.stdout is not None:
                self._process.stdout.close()
        return code

    @property
    def said(self) -> str:
        """What it has said, without what only programs read."""
        kept = [line for line in self.lines if '"event": "host_planned"' not in line]
        return "".join(line for line in kept if '"outcome": "changed"' not in line)
