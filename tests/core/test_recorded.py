"""What is promised holds whatever happens to the runs, on a host that keeps a record.

Random histories: configurations one after the other, changes by others in between, runs that fail,
are killed at any moment, or find the disk full, with the journal cut at any byte that was not
durable. Each promise is shown to catch mutants of the product.
"""

import pytest

from . import recorded_mutants as mutants
from .promises import (
    ADOPTED,
    HAPPENS,
    NOTHING_ELSE,
    OWNED,
    PROTECTED,
    READ_ONLY,
    RECOVERS,
    REFRESHED,
    SAME,
    SECOND,
    THOROUGH,
    UNTOUCHED,
    BrokenError,
    forall,
)


def test_all_promises_hold_whatever_happens_to_the_runs() -> None:
    forall(examples=5000 if THOROUGH else 100)


RARE = [
    (mutants.drop_whole_trees, NOTHING_ELSE),
    (mutants.drop_whole_trees, ADOPTED),
    (mutants.drop_debts_on_failure, REFRESHED),
    (mutants.lose_debts_when_condensing, REFRESHED),
]
"""It takes many histories until one of these shows: only where there is time for that."""


@pytest.mark.parametrize(
    ("mutate", "promise"),
    [
        *(RARE if THOROUGH else ()),
        (mutants.make_a_folder_when_a_plan_looks, READ_ONLY),
        (mutants.count_in_reasons, SAME),
        (mutants.do_nothing_and_call_it_done, HAPPENS),
        (mutants.stop_at_what_is_kept, HAPPENS),
        (mutants.release_nothing, SECOND),
        (mutants.adopt_nothing_that_an_open_step_finds, SECOND),
        (mutants.go_on_after_failures, UNTOUCHED),
        (mutants.forget_who_made_it, RECOVERS),
        (mutants.take_over_whatever_is_there, ADOPTED),
        (mutants.restore_what_was_never_changed, ADOPTED),
        (mutants.note_no_debts, REFRESHED),
        (mutants.take_any_start_for_a_refresh, REFRESHED),
        (mutants.note_intents_with_the_outcomes, OWNED),
        (mutants.lose_what_is_owned_when_condensing, OWNED),
        (mutants.protect_nothing, PROTECTED),
    ],
)
def test_a_mutant_is_caught(
    mutate: mutants.Mutate, promise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch)
    with pytest.raises(BrokenError, match=promise):
        forall(frozenset({promise}), examples=2000, explain=False)
