"""What a removal takes from a host although something else that is declared needs it.

A package goes, and a service that came with it is to run: each is a fine declaration alone. So that
which needs what is taken is looked at once more, on the host as it would be without.
"""

from collections.abc import Iterator, Mapping

from cfgdsl.core.decide import decide
from cfgdsl.core.errors import Diagnostic, ImpossibleError
from cfgdsl.core.footprint import parents
from cfgdsl.core.graph import Graph
from cfgdsl.core.ops import Remove, Run
from cfgdsl.core.predict import Identity, World
from cfgdsl.core.probes import Answer, Probe
from cfgdsl.core.resource import Resource, is_absent
from cfgdsl.core.view import look


def conflicts(
    taken: Mapping[str, Resource], graph: Graph, base: Mapping[Probe, Answer], identity: Identity
) -> Iterator[Diagnostic]:
    """A problem for each resource that cannot be as declared once what is `taken` is gone (by key:
    the resource that takes it)."""
    needed = tuple(_needed(taken, graph)) if taken else ()
    if not needed:
        return
    world = World(base, identity)
    for _, key, probe in needed:
        folder = key.startswith("path:")
        gone = Remove(key[5:], recursive=True) if folder else Run((), effects=((probe, None),))
        world.apply(gone)
    for resource, key, _ in needed:
        why = _refusal(resource, world, base)
        if why:
            yield Diagnostic(
                summary=f"needs {key}, which {taken[key].identity} takes away: {why}",
                hint="Declare both absent, or none; a folder that is to stay, declare as well.",
                address=resource.identity,
                origins=(resource.origin, taken[key].origin),
            )


def _needed(taken: Mapping[str, Resource], graph: Graph) -> Iterator[tuple[Resource, str, Probe]]:
    """Each resource that must have one of these keys, that key, and the question for it."""
    makers = {
        key: index
        for index, footprint in enumerate(graph.footprints)
        if not is_absent(graph.resources[index])
        for key in (*footprint.writes, *footprint.makes)
    }
    for index, footprint in enumerate(graph.footprints):
        for awaited, probe in () if is_absent(graph.resources[index]) else footprint.awaits:
            for key in (awaited, *(parents(awaited[5:]) if awaited.startswith("path:") else ())):
                if makers.get(key, index) != index:
                    break  # somebody else makes it, and all below
                if key in taken:
                    yield graph.resources[index], key, probe
                    break


def _refusal(resource: Resource, world: World, base: Mapping[Probe, Answer]) -> str:
    """Why it cannot be as declared in `world`; empty: it can."""
    try:
        change = look(resource, world, base, uncertain=False).change
        if change.is_needed:
            decide(change, world, ())
    except ImpossibleError as error:
        return error.summary
    return ""
