"""Code for what a host has already: declarations whose first plan is empty."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.errors import ConfigurationError, Diagnostic, ImpossibleError
from cfgdsl.core.host import Host
from cfgdsl.core.probes import Answer, Answers, Probe, is_error
from cfgdsl.core.resource import Resource, is_absent, registry, state_fields

_MOST_TEXT = 2000
"""Longer contents go into files of their own."""


@attrs.frozen(kw_only=True)
class Imported:
    """What became of the wishes: code, and files that it refers to."""

    host: Host[Any]
    imports: tuple[str, ...]
    """The types that the code needs."""
    lines: tuple[str, ...]
    files: Mapping[str, bytes]
    """By name, relative to the code."""
    problems: tuple[Diagnostic, ...]


def sought(identities: Iterable[str]) -> Iterator[Resource]:
    """What is looked for, one resource for each of ``kind:key``; every type must be registered.

    Raises `ConfigurationError` for what is no identity, or of no known type.
    """
    for identity in identities:
        kind, colon, name = identity.partition(":")
        cls = registry.get(kind)
        if not colon or not name or cls is None or len(cls.fields_.keys) != 1:
            raise ConfigurationError(
                Diagnostic(
                    summary=f"cannot import {identity!r}",
                    hint="Name things like user:deploy, file:/etc/motd, package:nginx, "
                    f"service:nginx. Known: {', '.join(sorted(registry))}.",
                )
            )
        try:
            yield _bare(cls, {cls.fields_.keys[0]: name}).sought()
        except ConfigurationError as error:  # its origin is no line of the user's
            (why,) = error.diagnostics
            raise ConfigurationError(
                Diagnostic(summary=f"cannot import {identity!r}", detail=why.summary)
            ) from None


def _bare(cls: Any, keys: Mapping[str, str]) -> Resource:
    """A resource of which only the key is known, although there may be more that it needs."""
    if "absent" not in cls.fields_.by_name:
        known: Resource = cls(**keys)
        return known
    known = cls(**keys, absent=True)
    return known.observed(absent=False)


def imported(
    host: Host[Any], wanted: Sequence[Resource], answers: Mapping[Probe, Answer]
) -> Imported:
    """The code that declares what was found; a problem for what was not."""
    lines: list[str] = []
    files: dict[str, bytes] = {}
    problems: list[Diagnostic] = []
    for resource in wanted:
        try:
            lines.append(_declaration(_found(resource, answers), files))
        except ImpossibleError as error:
            address = f"{host.name}/{resource.identity}"
            problems.append(Diagnostic(summary=error.summary, hint=error.hint, address=address))
    names = dict.fromkeys(type(r).__name__ for r in wanted)
    return Imported(
        host=host,
        imports=tuple(sorted(n for n in names if any(x.startswith(f"{n}(") for x in lines))),
        lines=tuple(lines),
        files=files,
        problems=tuple(problems),
    )


def _found(resource: Resource, answers: Mapping[Probe, Answer]) -> Resource:
    """How it is; raises `ImpossibleError` when it is not there, or cannot be looked at."""
    given = {probe: answers[probe] for probe in (*resource.probes(), *resource.hints())}
    failed = next((a["error"] for a in given.values() if is_error(a)), None)
    if failed is not None:
        raise ImpossibleError(f"cannot be looked at: {failed}")
    found = resource.observe(Answers(given))
    if found is None or is_absent(found):
        raise ImpossibleError("is not there")
    return found


def _declaration(found: Resource, files: dict[str, bytes]) -> str:
    """The call that declares `found` as it is."""
    cls = type(found)
    name = cls.fields_.keys[0]
    arguments = [_code(getattr(found, name))]
    for slot in state_fields(cls):
        value = getattr(found, slot.name)
        if value is None or value in (slot.spec.default, ()):
            continue
        if isinstance(value, Content):
            arguments.append(_content(found, value, files))
        else:
            shown = f"0o{value:o}" if slot.name == "mode" else _code(value)
            arguments.append(f"{slot.name}={shown}")
    return f"{cls.__name__}({', '.join(arguments)})"


def _code(value: Any) -> str:
    """A value as Python code, texts in double quotes (a JSON text is one of Python too)."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=not value.isprintable())
    if isinstance(value, tuple):
        return f"[{', '.join(map(_code, value))}]"
    return repr(value)


def _content(found: Resource, content: Content, files: dict[str, bytes]) -> str:
    text = content.text
    if text is not None and len(text) <= _MOST_TEXT:
        return f"content={_code(text)}"
    if content.data is None:
        raise ImpossibleError(
            f"is no text, or longer than 64 KiB: {content.size} bytes",
            hint="Copy it by hand, and declare it with source=.",
        )
    name = f"files/{found.key.strip('/').replace('/', '_')}"
    files[name] = content.data
    return f"source={_code(name)}"


def module(result: Imported) -> str:
    """A whole configuration of what was imported."""
    host = result.host
    body = "\n".join(f"    {line}" for line in result.lines) or "    pass"
    types = f"\nfrom cfgdsl_stdlib import {', '.join(result.imports)}" if result.imports else ""
    function = "".join(c if c.isalnum() else "_" for c in host.name)
    function = function if function.isidentifier() else f"host_{function}"
    return f'''"""What {host.name} has, as it was imported."""

from cfgdsl import Host, configure{types}


@configure({_reached(host)})
def {function}(host: Host) -> None:
{body}
'''


def _reached(host: Host[Any]) -> str:
    """The code that makes the host; passwords are left to the user."""
    if host.root is not None:
        return f"Host.local({_code(host.root)}, name={_code(host.name)})"
    given = [(name, getattr(host, name)) for name in ("address", "port", "user", "key", "exec")]
    arguments = [f"{name}={_code(value)}" for name, value in given if value is not None]
    if host.become is not None:
        arguments.append(f"become={_code(host.become.method)}")
    return f"Host({', '.join([_code(host.name), *arguments])})"
