"""What a host says, taken as data (S5): bounded, of the right shape, unable to pose as a secret.

A host may be broken or hostile. Whatever it sends, the outcome is a checked message or a
`TargetError`, in bounded memory, and never a change to another host's plan (S16).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cfgdsl.core.errors import Diagnostic, TargetError
from cfgdsl.core.record import HostRecord, read_record
from cfgdsl.core.secret import strip_marks
from cfgdsl.runner import wire
from cfgdsl.targets.answers import misfit
from cfgdsl.targets.channel import printable

MAX_DEPTH = 32
"""How deep lists and objects may be nested in a message; answers need six."""
SMALL = 1024 * 1024
"""The longest message that is not made of answers."""
_PER_PROBE = 512 * 1024
_PER_BYTE = 6
"""What a byte of text may become in JSON: ``\\u0001``."""
_EXCERPT = 400
_LONE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
# U+E000 and U+E001 in UTF-8 and as JSON escapes; and any escaped surrogate.
_SUSPECT = re.compile(rb"\xee\x80[\x80\x81]|\\u[eE]00[01]|\\u[dD][89a-fA-F]")


class NonsenseError(Exception):
    """What came is not what the protocol allows."""


def answers_limit(probes: Iterable[Mapping[str, Any]], others: int = 0) -> int:
    """How long the answers to these probes may be, and so many other things besides."""
    asked = [int(probe.get("up_to") or 0) for probe in probes]
    texts = sum(max(0, up_to * _PER_BYTE - _PER_PROBE) for up_to in asked)
    return min(wire.MAX_MESSAGE, SMALL + (len(asked) + others) * _PER_PROBE + texts)


def parse(payload: bytes) -> dict[str, Any]:
    """The message in a JSON frame, checked and cleaned; raises `NonsenseError`."""
    try:
        message: dict[str, Any] = wire.decode(payload)
    except (wire.WireError, UnicodeDecodeError) as error:
        raise NonsenseError(str(error)) from None
    _check_depth(message)
    if _SUSPECT.search(payload):
        message = _clean(message)
    return message


def _check_depth(message: dict[str, Any]) -> None:
    level: list[Any] = [message]
    for _ in range(MAX_DEPTH):
        values = (v for c in level for v in (c.values() if isinstance(c, dict) else c))
        level = [value for value in values if isinstance(value, (dict, list))]
        if not level:
            return
    msg = f"a message nested more than {MAX_DEPTH} deep"
    raise NonsenseError(msg)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        # Lone surrogates are no text, but for those that stand for bytes of odd file names.
        return _LONE.sub("\ufffd", strip_marks(value))
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value


def check_ready(message: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a greeting."""
    if message.get("is") != "ready" or message.get("protocol") != wire.PROTOCOL:
        raise NonsenseError("not the greeting of a runner that speaks this protocol")
    return _object(message, "facts")


def check_facts(message: Mapping[str, Any]) -> dict[str, Any]:
    """The facts in an answer."""
    _expect(message, "facts")
    return _object(message, "facts")


def check_answers(message: Mapping[str, Any], probes: Sequence[Mapping[str, Any]]) -> list[Any]:
    """An answer to each probe."""
    _expect(message, "answers")
    return _fitting(message.get("answers"), probes)


def check_finished(
    message: Mapping[str, Any], probes: Sequence[Mapping[str, Any]]
) -> list[Any] | None:
    """The answers of the last look; None: there was none."""
    return None if message.get("answers") is None else _fitting(message["answers"], probes)


def check_record(message: Mapping[str, Any], declared: Sequence[str]) -> HostRecord:
    """What the record says, its answers to questions of its own included."""
    raw = _object(message, "record")
    try:
        record = read_record(raw, declared)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        msg = f"a record that is none: {type(error).__name__}: {error}"
        raise NonsenseError(msg) from None
    for left in record.left:
        _fitting(list(left.answers), [probe.to_json() for probe in left.probes])
    return record


def check_history(message: Mapping[str, Any]) -> dict[str, Any]:
    """Runs by their id, and the entries of one of them."""
    _expect(message, "history")
    runs, entries, kept = _object(message, "runs"), message.get("entries"), message.get("kept")
    if not all(isinstance(run, dict) for run in runs.values()):
        raise NonsenseError("a run that is no object")
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise NonsenseError("entries that are none")
    if not isinstance(kept, list) or not all(isinstance(name, str) for name in kept):
        raise NonsenseError("kept contents that are none")
    return {"runs": runs, "entries": entries, "kept": kept}


def _fitting(answers: Any, probes: Sequence[Mapping[str, Any]]) -> list[Any]:
    if not isinstance(answers, list) or len(answers) != len(probes):
        found = len(answers) if isinstance(answers, list) else type(answers).__name__
        msg = f"{len(probes)} probes, but answers: {found}"
        raise NonsenseError(msg)
    problem = misfit(probes, answers)
    if problem:
        raise NonsenseError(problem)
    return answers


def check_event(
    message: Mapping[str, Any], steps: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    """An event of a kind that exists, about one of the steps (with their probes) that were sent."""
    _expect(message, "event")
    kind, step = message.get("event"), message.get("step")
    if not isinstance(kind, str) or kind not in wire.EVENTS:
        raise NonsenseError("an event of no known kind")
    if not isinstance(step, str) or step not in steps:
        raise NonsenseError("an event of a step that was not sent")
    if kind == "done" and message.get("outcome") not in wire.OUTCOMES:
        raise NonsenseError("a step without a known outcome")
    fields: dict[str, type | tuple[type, ...]] = {
        "observed": {"answers": list, "phase": str},
        "output": {"stream": str, "text": str},
    }.get(kind, {})  # type: ignore[assignment]
    for name, wanted in fields.items():
        if not isinstance(message.get(name), wanted):
            msg = f"an event {kind!r} without {name}"
            raise NonsenseError(msg)
    if kind == "observed" or (kind == "done" and message.get("answers") is not None):
        _fitting(message["answers"], steps[step])
    captured = message.get("captured")
    if captured is not None and not _is_mapping_of_texts(captured):
        raise NonsenseError("a captured output that is no text")
    optional: dict[str, type | tuple[type, ...]] = {"detail": dict, "seconds": (int, float)}
    for name, wanted in optional.items():
        value = message.get(name)
        if value is not None and not isinstance(value, wanted):
            msg = f"an event with {name} of a wrong type"
            raise NonsenseError(msg)


def _is_mapping_of_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _expect(message: Mapping[str, Any], kind: str) -> None:
    if message.get("is") != kind:
        msg = f"a message {str(message.get('is'))[:40]!r} where {kind!r} was due"
        raise NonsenseError(msg)


def _object(message: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = message.get(name)
    if not isinstance(value, dict):
        msg = f"{name} is no object"
        raise NonsenseError(msg)
    return value


def nonsense(host: str, problem: str, sample: bytes = b"") -> TargetError:
    """The error for a host that does not keep to the protocol, with a bounded piece of it."""
    excerpt = printable(sample[:_EXCERPT])
    return TargetError(
        Diagnostic(
            summary="the host answered nonsense",
            detail=f"{problem}\n{excerpt}".strip(),
            hint="Its Python or its disk may be damaged, or something prints into the connection.",
            address=host,
        )
    )
