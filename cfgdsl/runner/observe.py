"""Looks at what steps are about: many together, before their ops and after them."""

from __future__ import annotations

from .probes import Inquiry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .ops import Workshop
    from .pool import Pool
    from .schedule import Step

    Observed = list[tuple[Step, list[Any]]]


class Observations:
    """Groups of steps on the way to the answers of their probes."""

    def __init__(self, shop: Workshop, pool: Pool) -> None:
        self._shop = shop
        self._pool = pool
        self._asked: list[tuple[Inquiry, Sequence[list[Step]]]] = []

    def ask(self, groups: Sequence[list[Step]]) -> None:
        """Probe steps: all together, but for groups that may be slow, which hold up no other."""
        quick = [group for group in groups if not any(step.slow for step in group)]
        slow = [[group] for group in groups if any(step.slow for step in group)]
        for asked in ([quick] if quick else []) + slow:
            probes = [probe for group in asked for step in group for probe in step.probes]
            shop = self._shop
            inquiry = Inquiry(probes, shop.root, shop.accounts, self._pool, shop.generated)
            self._asked.append((inquiry, asked))

    def answered(self) -> list[Observed]:
        """The groups that have their answers now, each once."""
        groups: list[Observed] = []
        waiting = []
        for inquiry, asked in self._asked:
            if not inquiry.answered:
                waiting.append((inquiry, asked))
                continue
            answers = iter(inquiry.answers())
            groups += [
                [(step, [next(answers) for _ in step.probes]) for step in group] for group in asked
            ]
        self._asked = waiting
        return groups
