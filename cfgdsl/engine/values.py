"""The values of outputs, as the steps of one run bring them, on all hosts."""

from collections.abc import Container, Iterable, Mapping
from typing import Any

from cfgdsl.core.content import as_text
from cfgdsl.core.errors import ImpossibleError
from cfgdsl.core.exchange import Export, Foreign
from cfgdsl.core.inputs import host_of, outputs_in, sources_of, substituted
from cfgdsl.core.ops import Op, Put
from cfgdsl.core.probes import Answers, Probe, is_error
from cfgdsl.core.resource import Resource
from cfgdsl.engine.contents import Contents
from cfgdsl.engine.vault import Vault

Awaited = tuple[str | None, str]
"""A resource whose outputs somebody waits for: its host and its identity."""


def awaited_by(waiting: Iterable[Resource]) -> frozenset[Awaited]:
    """The resources whose outputs `waiting` wait for.

    >>> awaited_by([])
    frozenset()
    """
    return frozenset(
        (host_of(source.source), source.source.identity)
        for resource in waiting
        for source in sources_of(resource)
    )


class Values:
    """What is known of the outputs that steps of this run are waiting for.

    Different hosts' threads put and take; a value is put before the gate opens behind which it is
    taken.
    """

    def __init__(
        self, awaited: Iterable[Awaited], planned: Foreign, contents: Contents, vault: Vault
    ) -> None:
        """`planned`: what the plan knows already."""
        self._planned = planned
        self._contents = contents
        self._vault = vault
        self._found: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._awaited = frozenset(awaited)

    def is_awaited(self, host: str, identity: str) -> bool:
        """Whether a step waits for an output of this resource."""
        return (host, identity) in self._awaited

    def put(
        self, host: str, resource: Resource, probes: tuple[Probe, ...], report: Mapping[str, Any]
    ) -> None:
        """Take the values from what a step that ended well reports."""
        answers = dict(zip(probes, report.get("answers") or (), strict=False))
        told = {probe: a for probe, a in answers.items() if not is_error(a)}
        found = dict(resource.outputs(Answers(told))) if set(resource.probes()) <= {*told} else {}
        self._found[host, resource.identity] = {**found, **(report.get("captured") or {})}

    def foreign(self, host: str, identity: str) -> Export:
        """What is known of a resource of another host by now."""
        found = self._found.get((host, identity), {})
        return Export(values={**self._planned(host, identity).values, **found})

    def brought_by(self, host: str) -> dict[str, Mapping[str, Any]]:
        """The values that the steps of a host brought, by identity."""
        return {i: values for (name, i), values in self._found.items() if name == host}

    def fill(self, resource: Resource) -> Resource:
        """The resource with its outputs replaced by their values; `ImpossibleError` where one is
        not there."""
        if next(outputs_in(resource), None) is None:
            return resource
        for source in sources_of(resource):
            self._present(source.source, source.name)
        return self._contents.resolve(substituted(resource, self._value))

    def _present(self, source: Resource, name: str) -> None:
        try:
            value = self._value(source, name)
        except LookupError:
            raise ImpossibleError(
                f"{host_of(source)}/{source.identity}.{name} has no value",
                hint="Its step had nothing to do in this run, and no earlier run has kept it.",
            ) from None
        if isinstance(value, str) and self._vault.holds_secret(value):
            raise ImpossibleError(
                f"{host_of(source)}/{source.identity}.{name} holds a secret, and would show it",
                hint="Give the secret itself to both, or print something else.",
            )

    def _value(self, source: Resource, name: str) -> Any:
        host = host_of(source) or ""
        found = self._found.get((host, source.identity), {})
        return found[name] if name in found else self._planned(host, source.identity).values[name]


def texts_of(ops: Iterable[Op], sent: Container[str]) -> list[str]:
    """The contents that ops put and that were not sent with the plan; `ImpossibleError` for one
    that cannot be sent later."""
    found = []
    for op in ops:
        if isinstance(op, Put) and op.content.sha256 not in sent:
            text = None if op.content.data is None else as_text(op.content.data)
            if text is None:
                raise ImpossibleError(
                    f"the content of {op.path}, which an output brings, is large or no text",
                    hint="Outputs can become texts of up to 64 KiB.",
                )
            found.append(text)
    return found
