"""Mutants of the product: known wrong ways to keep a record, which tests must judge wrong."""

import itertools
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from cfgdsl import ops
from cfgdsl.core import dropped, planner
from cfgdsl.core.dropped import Dropped
from cfgdsl.core.ledger import Ledger
from cfgdsl.core.record import Left
from cfgdsl.core.step import reason_for
from cfgdsl.runner import keeper, record, schedule, survey
from cfgdsl.runner.execute import Execution
from cfgdsl.runner.keeper import Keeper
from cfgdsl.runner.record import Record
from cfgdsl.runner.schedule import Schedule
from cfgdsl.runner.state import open_state

Mutate = Callable[[pytest.MonkeyPatch], None]


def make_a_folder_when_a_plan_looks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(survey, "find_state", open_state)


def count_in_reasons(patch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count()
    patch.setattr(planner, "reason_for", lambda *a, **k: f"{reason_for(*a, **k)} {next(numbers)}")


def do_nothing_and_call_it_done(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Execution, "_decide", lambda self, step, _: self._finish(step, "unneeded"))


def drop_whole_trees(patch: pytest.MonkeyPatch) -> None:
    real = Dropped.ops

    def mutant(self: Dropped, change: Any) -> Any:
        found = real(self, change)
        return tuple(
            attrs.evolve(op, recursive=True) if isinstance(op, ops.Remove) else op for op in found
        )

    patch.setattr(Dropped, "ops", mutant)
    patch.setattr(dropped, "declaration", lambda *_, **__: None)


def release_nothing(patch: pytest.MonkeyPatch) -> None:
    real = Record._on_done
    patch.setattr(Record, "_on_done", lambda self, entry: real(self, {**entry, "release": False}))


def adopt_nothing_that_an_open_step_finds(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Keeper, "_tells", lambda *_: False)


def go_on_after_failures(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(schedule, "WELL", ("changed", "unneeded", "failed"))


def forget_who_made_it(patch: pytest.MonkeyPatch) -> None:
    real = Record._own

    def mutant(self: Record, name: str, own: Any, run: str, *, created: bool) -> None:
        self.owned.pop(name, None)
        real(self, name, own, run, created=created)

    patch.setattr(Record, "_own", mutant)


def take_over_whatever_is_there(patch: pytest.MonkeyPatch) -> None:
    real = Record._own
    patch.setattr(
        Record, "_own", lambda self, n, own, run, **_: real(self, n, own, run, created=True)
    )


def note_no_debts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Schedule, "refreshes_after", lambda *_: iter(()))


def drop_debts_on_failure(patch: pytest.MonkeyPatch) -> None:
    real = Record._on_done

    def mutant(self: Record, entry: Any) -> None:
        real(self, entry)
        self.debts.pop(entry["step"], None)

    patch.setattr(Record, "_on_done", mutant)


def take_any_start_for_a_refresh(patch: pytest.MonkeyPatch) -> None:
    for module in (keeper, survey):
        patch.setattr(module, "is_paid", lambda debt, answer, _: bool(debt["at"] and answer))


def forget_before_the_steps(patch: pytest.MonkeyPatch) -> None:
    real = Keeper._open

    def mutant(self: Keeper, message: Any) -> None:
        real(self, message)
        self._note("forget", names=message.get("forget") or [])

    patch.setattr(Keeper, "_open", mutant)


def note_intents_with_the_outcomes(patch: pytest.MonkeyPatch) -> None:
    """They are written, but not before the ops."""
    real = Keeper.intend

    def mutant(self: Keeper, *args: Any) -> None:
        flush, self.flush = self.flush, lambda: None  # type: ignore[method-assign]
        real(self, *args)
        self.flush = flush  # type: ignore[method-assign]

    patch.setattr(Keeper, "intend", mutant)


def lose_what_is_owned_when_condensing(patch: pytest.MonkeyPatch) -> None:
    real = record.Record.snapshot
    patch.setattr(Record, "snapshot", lambda self: {**real(self), "owned": {}})


def lose_debts_when_condensing(patch: pytest.MonkeyPatch) -> None:
    real = record.Record.snapshot
    patch.setattr(Record, "snapshot", lambda self: {**real(self), "debts": {}})


def protect_nothing(patch: pytest.MonkeyPatch) -> None:
    real = dropped.drops
    ignore = lambda left: attrs.evolve(left, protect=False)  # noqa: E731
    patch.setattr(
        "tests.core.recorded.drops",
        lambda told, *a: real(attrs.evolve(told, left=tuple(map(ignore, told.left))), *a),
    )


def restore_what_was_never_changed(patch: pytest.MonkeyPatch) -> None:
    """As it was "before": not there."""
    patch.setattr(Left, "action", property(lambda self: self.on_drop or "restore"))


def stop_at_what_is_kept(patch: pytest.MonkeyPatch) -> None:
    """What comes after it is left out without a word."""
    real = Ledger.keep

    def mutant(self: Ledger, resource: Any, why: str) -> bool:
        real(self, resource, why)
        return True

    patch.setattr(Ledger, "keep", mutant)
