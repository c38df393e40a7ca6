"""How a resource will be found by the time it is applied, as far as a plan can say."""

from collections.abc import Mapping
from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.decide import refined
from cfgdsl.core.diff import CREATE, DELETE, UPDATE, Change, compare
from cfgdsl.core.errors import ImpossibleError
from cfgdsl.core.inputs import known_part, may_wait
from cfgdsl.core.output import Output
from cfgdsl.core.predict import World
from cfgdsl.core.probes import Answer, Answers, Probe, Query, Unknown, is_error, is_known
from cfgdsl.core.resource import Resource, contents_in, is_absent


@attrs.frozen
class View:
    """What can be said of one resource when its turn comes."""

    answers: Mapping[Probe, Any]
    """To what `change.desired` asks, when known."""
    known: bool
    """Whether nothing about it hangs on the run."""
    change: Change[Resource]

    @property
    def is_promised(self) -> bool:
        """Whether it changes for sure; what is compared with an output, or with a secret that is
        not available now, may be as wanted already."""
        change = self.change
        awaited = [isinstance(c.after, Output) or is_sealed(c.after) for c in change.fields]
        if any(isinstance(c.after, Unknown) for c in change.fields):
            return False
        if change.action not in {CREATE, UPDATE, DELETE} and not self._is_seen:
            return False  # what a command is to bring about may come without it
        return change.is_needed and (is_absent(change.before) or not awaited or not all(awaited))

    @property
    def _is_seen(self) -> bool:
        """Whether how it will be found is known."""
        return all(map(is_known, self.answers.values()))


def look(
    resource: Resource, world: World, base: Mapping[Probe, Answer], *, uncertain: bool
) -> View:
    """The view of `resource` in `world`; where an answer is unknown, its change is seen from how
    the host is now (`base`).

    `uncertain`: what is absent may have come by then. Raises `ImpossibleError`.
    """
    part = known_part(resource) if may_wait(resource) else resource
    answers = _answers(part.probes(), world, uncertain=uncertain)
    hints = _answers(part.hints(), world, uncertain=uncertain)
    told = {p: a for p, a in hints.items() if is_known(a)}
    if all(map(is_known, answers.values())) and not sealed_in(part):
        wanted, found = refined(part, answers)
        observed = wanted.observe(Answers({**told, **found}))
        change = compare(resource if wanted is part else wanted, observed)
        # An output that only says how does not matter where nothing is to be done.
        moot = wanted is part and not change.is_needed
        return View(found, part is resource or moot, change)
    now = {**told, **{p: a if is_known(a) else base.get(p) for p, a in answers.items()}}
    wanted, found = refined(part, now, known=False)
    try:
        observed = wanted.observe(Answers(found))
    except ImpossibleError:
        observed = None
    return View(answers, False, compare(resource if wanted is part else wanted, observed))


def is_sealed(value: Any) -> bool:
    """Whether it is a content that holds a secret which is not available now."""
    return isinstance(value, Content) and value.is_sealed


def sealed_in(resource: Resource) -> tuple[Content, ...]:
    """Its contents whose secrets are not available now."""
    return tuple([content for content in contents_in(resource) if content.is_sealed])


def _answers(probes: tuple[Probe, ...], world: World, *, uncertain: bool) -> dict[Probe, Any]:
    found = {}
    for probe in probes:
        answer = found[probe] = foresee(probe, world, uncertain=uncertain)
        if is_error(answer):
            what = getattr(probe, "path", None) or getattr(probe, "item", None) or probe.kind
            raise ImpossibleError(f"cannot look at {what}: {answer['error']}")
    return found


def foresee(probe: Probe, world: World, *, uncertain: bool) -> Answer | Unknown:
    """The answer to `probe` by then."""
    answer = world.answer(probe)
    if answer is not None or not uncertain or not world.is_base(probe):
        return answer
    if isinstance(probe, Query) and probe.when is not None:
        first = foresee(probe.when, world, uncertain=True)
        if first is not None and is_known(first):
            return None  # it was not asked, and will not be
    return Unknown("an earlier step may bring it")
