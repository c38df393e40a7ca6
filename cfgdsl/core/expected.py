"""The answers around a closed step: those that its ops were planned from, and those that they lead
to. Digests of them decide; the answers themselves are for people, when somebody was faster.

Of a step that writes a secret, a plan file may hold no digest: then the answers are *masked*, and
what is compared is everything else.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.probes import Answer, Probe, Unknown, is_error

CONTENT = "content of op"
"""Names, in masked answers afterwards, the op whose secret content is there."""
_BARE = frozenset({"text"})
_DIGEST = frozenset({"sha256", "size", CONTENT})


@attrs.frozen
class Expected:
    """What a step expects to find before its ops, and afterwards, in the order of its probes.

    >>> Expected.of([None], [{"kind": "file", "text": "not kept"}]).after
    ({'kind': 'file'},)
    """

    before: tuple[Answer, ...]
    after: tuple[Answer | Unknown, ...]
    masked: bool = False

    @classmethod
    def of(cls, before: Iterable[Answer], after: Iterable[Answer | Unknown]) -> "Expected":
        """Without the texts, which digests do not count."""
        return cls(_without(_BARE, before), _without(_BARE, after))

    def mask(self, secrets: Sequence[Content | None]) -> "Expected":
        """Without what a secret could be guessed from.

        `secrets`: for each op the secret content that it writes; where an answer afterwards is one
        of these, it says which.
        """
        after = tuple(_marked(answer, secrets) for answer in self.after)
        return Expected(mask(self.before), after, masked=True)

    def fill(self, secrets: Sequence[Content | None]) -> tuple[Answer | Unknown, ...]:
        """The answers afterwards, with the contents that `mask` took out."""
        return tuple(_filled(answer, secrets) for answer in self.after)


def mask(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Answers without texts, digests and sizes of contents.

    >>> mask([{"sha256": "...", "size": 8, "text": None}, None])
    ({}, None)
    """
    return _without(_BARE | _DIGEST, answers)


def _without(names: frozenset[str], answers: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(
        [
            {k: v for k, v in answer.items() if k not in names}
            if type(answer) is dict and not names.isdisjoint(answer)
            else answer
            for answer in answers
        ]
    )


def _marked(answer: Any, secrets: Sequence[Content | None]) -> Any:
    if not isinstance(answer, dict) or _DIGEST.isdisjoint(answer):
        return answer
    (bare,) = mask([answer])
    for index, content in enumerate(secrets):
        if content is not None and answer.get("sha256") == content.sha256:
            return {**bare, CONTENT: index}
    return Unknown("not kept beside a secret")


def _filled(answer: Any, secrets: Sequence[Content | None]) -> Any:
    if not isinstance(answer, dict) or CONTENT not in answer:
        return answer
    content = secrets[answer[CONTENT]]
    if content is None:
        raise ValueError("an answer stands for a content that no op writes")
    bare = {name: value for name, value in answer.items() if name != CONTENT}
    return {**bare, "sha256": content.sha256, "size": content.size}


_SECRET, _ANOTHER = "(secret content)", "(another content)"


@attrs.frozen
class SideBySide:
    """One value that is not as planned from, side by side; `field` is empty for a whole answer."""

    question: str
    """What was asked: ``stat /etc/motd``."""
    field: str
    planned_from: Any
    found: Any
    wanted: Any

    def to_json(self) -> dict[str, Any]:
        """As reports have it; what only the run decides is said to be so."""
        sides = {"planned_from": self.planned_from, "found": self.found, "wanted": self.wanted}
        shown = {
            k: {"known": "after apply"} if isinstance(v, Unknown) else v for k, v in sides.items()
        }
        return {"question": self.question, "field": self.field, **shown}


def side_by_side(
    probes: Sequence[Probe], expected: Expected, found: Sequence[Answer], *, secret: bool = False
) -> tuple[SideBySide, ...]:
    """What a step found instead of what it was planned from; without digests for a `secret`."""
    rows: list[SideBySide] = []
    bare = _without(_BARE, found)
    for probe, before, now, after in zip(
        probes, expected.before, bare, expected.after, strict=True
    ):
        sides = mask((before, now, after)) if secret else (before, now, after)
        if sides[0] != sides[1]:
            rows.extend(_rows(_question(probe), *sides))
        elif before != now and not expected.masked:
            rows.append(SideBySide(_question(probe), "content", _SECRET, _ANOTHER, _SECRET))
    return tuple(rows)


def _rows(question: str, before: Any, now: Any, after: Any) -> Iterable[SideBySide]:
    if not _is_plain(before) or not _is_plain(now):
        yield SideBySide(question, "", before, now, after)
        return
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            wanted = after.get(name) if _is_plain(after) else after
            yield SideBySide(question, name, before.get(name), now.get(name), wanted)


def _is_plain(answer: Any) -> bool:
    return isinstance(answer, dict) and not is_error(answer)


def _question(probe: Probe) -> str:
    """A probe in two words."""
    for name in ("path", "name", "item", "number"):
        if hasattr(probe, name):
            return f"{probe.kind} {getattr(probe, name)}"
    return " ".join((probe.kind, *getattr(probe, "argv", ())))


def unlike_wanted(
    probes: Sequence[Probe], expected: Expected, found: Sequence[Answer], *, secret: bool = False
) -> tuple[str, ...]:
    """What is not as it must be afterwards, where no type is at hand to judge it."""
    aims = Expected(expected.after, expected.after, expected.masked)
    rows = side_by_side(probes, aims, found, secret=secret)
    told = tuple(f"{r.question}: {r.field} is {r.found!r}, not {r.wanted!r}" for r in rows)
    return told or ("a content is not as wanted",)
