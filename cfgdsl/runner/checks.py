"""Whether a message is what `wire` says it may be, down to each field of each probe and op.

Everything that comes over the wire passes here before anything else looks at it.
"""

from __future__ import annotations

from .wire import (
    DECISION,
    DROP,
    LEAST_SECRET,
    MOST_SECRET,
    NOTE,
    OPS,
    OUTCOMES,
    OWN,
    PROBES,
    RECORD,
    STEP,
    WireError,
)  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any


_DEEPEST = 8


def check(table: Mapping[str, Sequence[str]], kind: object, fields: Mapping[str, Any]) -> None:
    """Raise WireError unless `fields` (a mapping) fit the entry `kind` of a table."""
    spec = table.get(kind) if isinstance(kind, str) else None
    if spec is None:
        raise WireError("unknown kind %r" % (kind,))
    known = {name.rstrip("?"): name.endswith("?") for name in spec}
    for name, value in fields.items():
        if name in ("kind", "do"):
            continue
        if name not in known:
            raise WireError("%s: unknown field %r" % (kind, name))
        if not (value is None and known[name]) and not _FIELDS[name](value):
            raise WireError("%s: the field %r may not be %.80r" % (kind, name, value))
    missing = [name for name, optional in known.items() if not optional and name not in fields]
    if missing:
        raise WireError("%s: missing fields %s" % (kind, missing))


def _is_text(value: object) -> bool:
    """Text that a path or an argument can hold."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _is_path(value: object) -> bool:
    return _is_text(value) and str(value).startswith("/")


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_mode(value: object) -> bool:
    return _is_count(value) and isinstance(value, int) and value <= 0o7777


def _is_seconds(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and not value.strip("0123456789abcdef")


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_argv(value: object) -> bool:
    return _is_texts(value) and bool(value)


def _is_environment(value: object) -> bool:
    return isinstance(value, dict) and all(
        _is_text(k) and _is_text(v) and k and "=" not in k for k, v in value.items()
    )


def _is_length(value: object) -> bool:
    return _is_count(value) and isinstance(value, int) and LEAST_SECRET <= value <= MOST_SECRET


def _is_alphabet(value: object) -> bool:
    """Two characters or more that can be seen and are ASCII, each once."""
    return (
        isinstance(value, str)
        and 1 < len(value) == len(set(value))
        and all("!" <= character <= "~" for character in value)
    )


def _is_codes(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_count, value))


def _is_probe(value: object) -> bool:
    if not isinstance(value, dict) or _depth(value) > _DEEPEST:
        return False
    check(PROBES, value.get("kind"), value)
    return True


def _depth(probe: object) -> int:
    """How many probes wait for each other: `when` of `when` ..."""
    depth = 0
    while isinstance(probe, dict) and depth <= _DEEPEST:
        probe = probe.get("when")
        depth += 1
    return depth


def _is_probes(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_probe, value))


def _is_op(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    check(OPS, value.get("kind"), value)
    return True


def _is_ops(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_op, value))


def _is_steps(value: object) -> bool:
    """The steps to execute (a list), or what the controller decided on some (by id)."""
    kind, spec = ("decision", DECISION) if isinstance(value, dict) else ("step", STEP)
    if not isinstance(value, (dict, list)):
        return False
    for step in value.values() if isinstance(value, dict) else value:
        if not isinstance(step, dict):
            return False
        check({kind: spec}, kind, step)
    return True


def _is(name: str, spec: Sequence[str]) -> Callable[[object], bool]:
    """An object of these fields."""

    def fits(value: object) -> bool:
        if not isinstance(value, dict):
            return False
        check({name: spec}, name, value)
        return True

    return fits


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_names(value: object) -> bool:
    return isinstance(value, dict) and all(_is_text(k) and _is_text(v) for k, v in value.items())


def _is_notes(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is("note", NOTE), value.values()))


def _is_declared(value: object) -> bool:
    return isinstance(value, list) and all(_is_texts(pair) and len(pair) == 2 for pair in value)


def _is_contents(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, list) and len(entry) == 2 and _is_sha256(entry[0]) and _is_count(entry[1])
        for entry in value
    )


def _are_contents(value: object) -> bool:
    """Texts of files, which may hold anything that UTF-8 can."""
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        return False
    try:
        "".join(value).encode()
    except UnicodeEncodeError:
        return False
    return True


# What a field may hold, wherever it occurs. A field's name means the same thing everywhere.
_FIELDS = {
    "absent": _is_text, "adopt": _is_notes, "after": _is_texts, "alphabet": _is_alphabet,
    "always": _is_flag,
    "applied": _is_text, "argv": _is_argv, "barrier": _is_flag, "before": _is_text,
    "by": _is_names, "capture": _is_text, "causes": _is_texts, "contents": _is_contents,
    "cwd": _is_path,
    "database": ("user", "group").__contains__,
    "debt": _is_flag, "declared": _is_declared, "detail": lambda value: isinstance(value, dict),
    "done": OUTCOMES.__contains__, "drop": _is("drop", DROP), "dropping": _is_text,
    "env": _is_environment, "fields": _is_texts, "follow": _is_flag, "forget": _is_texts,
    "gone": _is_flag, "group": _is_text, "id": _is_text, "item": _is_text, "items": _is_texts,
    "key": _is_text, "keys": _is_object, "length": _is_length, "locks": _is_texts,
    "look": _is_flag, "mode": _is_mode,
    "name": _is_text, "number": _is_count, "ok": _is_codes, "on_drop": _is_text, "ops": _is_ops,
    "origin": _is_object, "own": _is("own", OWN), "owner": _is_text, "parents": _is_flag,
    "past": _is_object, "path": _is_path, "probes": _is_probes, "project": _is_text,
    "protect": _is_flag,
    "reads": _is_texts, "reads_under": _is_texts, "record": _is("record", RECORD),
    "recursive": _is_flag, "refresh": _is_flag, "release": _is_flag, "rename": _is_names,
    "report": _is_flag, "retries": _is_count, "reveal": _is_flag,
    "run": _is_text, "secret": _is_flag,
    "separator": _is_text, "sha256": _is_sha256, "since": _is_text, "size": _is_count,
    "split": _is_text,
    "stdin": lambda value: isinstance(value, str), "steps": _is_steps, "texts": _are_contents,
    "timeout": _is_seconds, "to": _is_text, "unless": _is_text, "up_to": _is_count,
    "user": _is_text, "validate": _is_argv,
    "values": _is_object, "want": _is_text, "was": _is_object, "when": _is_probe,
    "writes": _is_texts,
}  # fmt: skip
