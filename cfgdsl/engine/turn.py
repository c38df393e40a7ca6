"""Whose turn it is to run the user's code: one thread at a time, handed on during waits."""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, Self, TypeVar

K = TypeVar("K", bound=Hashable)


class Turn(Generic[K]):
    """A re-entrant lock that can be given away whole, and the jobs begun under it."""

    def __init__(self) -> None:
        self._condition = threading.Condition(threading.RLock())
        self._depth = 0
        self._running: dict[K, int] = {}
        self._awaited: dict[int, K] = {}

    def __enter__(self) -> Self:
        self._condition.acquire()
        self._depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        self._condition.release()

    @contextmanager
    def given_away(self) -> Iterator[None]:
        """Let others have the turn while this thread waits for something outside."""
        depth, self._depth = self._depth, 0
        for _ in range(depth):
            self._condition.release()
        try:
            yield
        finally:
            for _ in range(depth):
                self._condition.acquire()
            self._depth = depth

    def await_others(self, job: K) -> None:
        """Wait while another thread runs `job`, unless that one waits for us."""
        me = threading.get_ident()
        while self._running.get(job, me) != me and not self._waits_for_me(job, me):
            self._awaited[me] = job
            depth, self._depth = self._depth, 0
            self._condition.wait()
            self._depth = depth
            del self._awaited[me]

    def _waits_for_me(self, job: K, me: int) -> bool:
        seen = set()
        while job in self._running and job not in seen:
            seen.add(job)
            thread = self._running[job]
            if thread == me:
                return True
            if thread not in self._awaited:
                return False
            job = self._awaited[thread]
        return False

    def begin(self, job: K) -> bool:
        """Note that this thread runs `job`; False when it runs already: a circle."""
        if job in self._running:
            return False
        self._running[job] = threading.get_ident()
        return True

    def end(self, job: K) -> None:
        """Note that `job` is done."""
        del self._running[job]
        self._condition.notify_all()
