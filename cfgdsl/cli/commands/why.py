"""`cfgdsl why`."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated

import attrs
import typer

from cfgdsl.cli import documents
from cfgdsl.cli import options as o
from cfgdsl.cli.exit_codes import DONE
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.opening import Connections, opened, progress_of, watching
from cfgdsl.cli.render.why import Explanation, explain, explain_across, why_lines
from cfgdsl.cli.terminal import Terminal
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.graph import Graph
from cfgdsl.core.joined import join

_First = Annotated[
    str, typer.Argument(metavar="A", help="A resource: package:nginx, web1/package:nginx.")
]
_Second = Annotated[str, typer.Argument(metavar="B", help="Another one, on any host.")]


@guarded
def why_command(
    first: _First,
    second: _Second,
    file: o.ConfigFile = o.DEFAULT_FILE,
    *,
    limit: o.Limit = None,
    as_json: o.Json = False,
    verbose: o.Verbose = False,
    no_color: o.NoColor = False,
    parallel: o.Parallel = 50,
    ssh_config: o.SshConfig = None,
    accept_new_host_keys: o.AcceptNewHostKeys = False,
    connect_timeout: o.ConnectTimeout = None,
) -> int:
    """Explain why one resource comes before another: each edge between them, and its line."""
    terminal = Terminal(no_color=no_color, verbose=verbose, for_programs=as_json)
    connections = Connections(parallel, ssh_config, accept_new_host_keys, connect_timeout)
    with opened(file, terminal, connections) as project:
        a, b = _named(first), _named(second)
        if limit is None and None in {a.host, b.host}:
            limit = a.host or b.host
        progress = progress_of("evaluating", project, limit)
        graphs = project.graphs(limit=limit, listen=watching(progress, terminal))
    found = _explained(graphs, a, b, terminal)
    if as_json:
        hosts = {host: explanation.to_json() for host, explanation in found.items()}
        terminal.data(documents.document({"hosts": hosts}))
    else:
        terminal.show(why_lines(found, terminal.view))
    return DONE


@attrs.frozen
class _Name:
    host: str | None
    identity: str


def _named(text: str) -> _Name:
    """``web1/package:nginx`` or ``package:nginx``; a host's name has no colon, a kind no slash."""
    host, slash, identity = text.partition("/")
    if slash and ":" not in host and ":" in identity:
        return _Name(host, identity)
    return _Name(None, text)


def _explained(
    graphs: Mapping[str, Graph], a: _Name, b: _Name, terminal: Terminal
) -> dict[str, Explanation]:
    """The explanation on each host that has both."""
    if a.host != b.host and a.host in graphs and b.host in graphs:
        return _across(graphs, a, b, terminal)
    found = {}
    for host, graph in graphs.items():
        if {a.host, b.host} <= {None, host}:
            first, second = _matching(graph, a.identity), _matching(graph, b.identity)
            if first is not None and second is not None:
                found[host] = explain(graph, first, second, terminal.view)
    if not found:
        raise ConfigurationError(*_missing(graphs, a, b))
    return found


def _across(
    graphs: Mapping[str, Graph], a: _Name, b: _Name, terminal: Terminal
) -> dict[str, Explanation]:
    """The explanation of two resources on two hosts."""
    joined = join(graphs)

    def number_of(name: _Name) -> int:
        graph = graphs[str(name.host)]
        identity = _matching(graph, name.identity)
        if identity is None:
            raise ConfigurationError(*_missing({str(name.host): graph}, name, name))
        return joined.number(str(name.host), identity)

    found = explain_across(joined, number_of(a), number_of(b), terminal.view)
    return {f"{a.host}, {b.host}": found}


def _matching(graph: Graph, text: str) -> str | None:
    """The identity that `text` means: itself, or the only one with this key."""
    if text in graph.position:
        return text
    same_key = [identity for identity in graph.position if identity.partition(":")[2] == text]
    return same_key[0] if len(same_key) == 1 else None


def _missing(graphs: Mapping[str, Graph], a: _Name, b: _Name) -> Iterable[Diagnostic]:
    for name in dict.fromkeys((a, b)):
        if not any(_matching(graph, name.identity) for graph in graphs.values()):
            known = list(dict.fromkeys(i for graph in graphs.values() for i in graph.position))
            near = difflib.get_close_matches(name.identity, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else "`cfgdsl graph` lists all resources."
            yield Diagnostic(summary=f"no resource is called {name.identity!r}", hint=hint)
            return
    yield Diagnostic(
        summary=f"no host has both {a.identity} and {b.identity}",
        hint="`cfgdsl graph` lists what each host has.",
    )
