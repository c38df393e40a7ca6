"""Whether answers are what their probes ask for, down to each value (S5).

Resource types read answers without suspicion: what a hostile or broken host made up ends here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from cfgdsl.runner.wire import LEAST_SECRET

Check: TypeAlias = Callable[[Any], bool]

_KINDS = ("file", "dir", "link", "other")


def misfit(probes: Sequence[Mapping[str, Any]], answers: Sequence[Any]) -> str:
    """What is wrong with the first answer that does not fit its probe; empty when all fit.

    >>> misfit([{"kind": "stat", "path": "/etc"}], [{"kind": "moon"}])
    "an answer to a 'stat' that is none: {'kind': 'moon'}"
    """
    for probe, answer in zip(probes, answers, strict=True):
        if not fits(probe, answer):
            shown = "" if probe["kind"] == "generated" else f": {str(answer)[:200]}"
            return f"an answer to a {probe['kind']!r} that is none{shown}"
    return ""


def fits(probe: Mapping[str, Any], answer: Any) -> bool:
    """Whether it is an answer to the probe. None is, to all: there is nothing."""
    if answer is None:
        return bool(probe["kind"] != "run")
    if isinstance(answer, dict) and set(answer) == {"error"}:
        return _is_text(answer["error"])
    if probe["kind"] == "generated":
        return _is_generated(probe, answer)
    return _FITS[probe["kind"]](answer)


def _is_generated(probe: Mapping[str, Any], answer: Any) -> bool:
    """Its value is there only where it was asked for, and is then as was said of it."""
    if not _has(answer, {"length": _is_number}) or "text" not in answer:
        return False
    alphabet, text = probe.get("alphabet"), answer["text"]
    if alphabet is not None and not _is_flag(answer.get("fits")):
        return False
    if text is None:
        return not probe.get("reveal") or answer.get("fits") is False
    return (
        _is_text(text)
        and bool(probe.get("reveal"))
        and LEAST_SECRET <= len(text) == answer["length"]
        and all("!" <= character <= "~" for character in text)
        and (alphabet is None or (answer["fits"] is True and set(text) <= set(alphabet)))
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_stat(answer: Any) -> bool:
    if not isinstance(answer, dict) or answer.get("kind") not in _KINDS:
        return False
    by_kind = _LINK if answer["kind"] == "link" else _NODE
    return _has(answer, by_kind)


def _is_read(answer: Any) -> bool:
    text = answer.get("text") if isinstance(answer, dict) else None
    return _has(answer, _READ) and (text is None or _is_text(text))


def _is_run(answer: Any) -> bool:
    return _has(answer, _RUN) and _is_text(answer.get("stderr", ""))


def _is_query(answer: Any) -> bool:
    if isinstance(answer, dict):
        return all(_is_text(value) for value in answer.values())
    return _is_texts(answer)


def _has(answer: Any, fields: Mapping[str, Check]) -> bool:
    return isinstance(answer, dict) and all(
        name in answer and check(answer[name]) for name, check in fields.items()
    )


def _with(fields: Mapping[str, Check]) -> Check:
    return lambda answer: _has(answer, fields)


_OWNED: Mapping[str, Check] = {"owner": _is_text, "group": _is_text}
_NODE: Mapping[str, Check] = {"mode": _is_number, **_OWNED}
_LINK: Mapping[str, Check] = {"target": _is_text, **_OWNED}
_READ: Mapping[str, Check] = {"sha256": _is_text, "size": _is_number}
_RUN: Mapping[str, Check] = {"exit": _is_number, "stdout": _is_text}
_LIST: Mapping[str, Check] = {"names": _is_texts, "more": _is_flag}
_USER: Mapping[str, Check] = {
    "uid": _is_number,
    "group": _is_text,
    "comment": _is_text,
    "home": _is_text,
    "shell": _is_text,
    "groups": _is_texts,
}

_FITS: Mapping[str, Check] = {
    "stat": _is_stat,
    "read": _is_read,
    "list": _with(_LIST),
    "user": _with(_USER),
    "group": _with({"gid": _is_number}),
    "account_name": _with({"name": _is_text}),
    "account_number": _with({"number": _is_number}),
    "query": _is_query,
    "run": _is_run,
}
