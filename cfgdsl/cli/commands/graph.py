"""`cfgdsl graph`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cfgdsl.cli import documents
from cfgdsl.cli import options as o
from cfgdsl.cli.exit_codes import DONE
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.opening import Connections, opened, progress_of, watching
from cfgdsl.cli.render.dot import dot
from cfgdsl.cli.render.graph import graph_lines, pictures
from cfgdsl.cli.render.svg import svg
from cfgdsl.cli.terminal import Terminal, words
from cfgdsl.cli.text import plain
from cfgdsl.core.errors import ConfigurationError, Diagnostic


class Form(StrEnum):
    """How a graph is shown."""

    TEXT = "text"
    DOT = "dot"
    SVG = "svg"


_Format = Annotated[Form, typer.Option("--format", help="A listing, Graphviz's language, or SVG.")]
_Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write to a file instead.")
]


@guarded
def graph_command(
    file: o.ConfigFile = o.DEFAULT_FILE,
    *,
    limit: o.Limit = None,
    form: _Format = Form.TEXT,
    out: _Out = None,
    as_json: o.Json = False,
    verbose: o.Verbose = False,
    no_color: o.NoColor = False,
    parallel: o.Parallel = 50,
    ssh_config: o.SshConfig = None,
    accept_new_host_keys: o.AcceptNewHostKeys = False,
    connect_timeout: o.ConnectTimeout = None,
) -> int:
    """Show resources and what comes before what. Hosts are asked only for facts that are used."""
    is_document = as_json or form is not Form.TEXT
    terminal = Terminal(no_color=no_color, verbose=verbose, for_programs=is_document)
    connections = Connections(parallel, ssh_config, accept_new_host_keys, connect_timeout)
    with opened(file, terminal, connections) as project:
        progress = progress_of("evaluating", project, limit)
        graphs = project.graphs(limit=limit, listen=watching(progress, terminal))
    view = terminal.view
    if as_json:
        text = documents.graphs_document(graphs)
    elif form is Form.TEXT:
        if out is None:
            terminal.show(graph_lines(graphs, view))
            return DONE
        text = plain(graph_lines(graphs, view))
    else:
        draw = dot if form is Form.DOT else svg
        text = draw(pictures(graphs, view))
    if out is None:
        terminal.data(text)
    else:
        _save(out, text)
        terminal.complain(words(f"Wrote {out}."))
    return DONE


def _save(out: Path, text: str) -> None:
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            Diagnostic(summary=f"cannot write {out}: {error.strerror}")
        ) from None
