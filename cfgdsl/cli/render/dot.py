"""Graphs in Graphviz's language, for `dot` and whatever else reads it."""

from collections.abc import Iterator, Mapping

from cfgdsl.cli.render.graph import Picture
from cfgdsl.cli.text import clean, listed


def dot(pictures: Mapping[tuple[str, ...], Picture]) -> str:
    """One digraph, with a cluster for each group of hosts."""
    lines = ["digraph cfgdsl {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];']
    for number, (hosts, picture) in enumerate(pictures.items()):
        lines.append(f"  subgraph cluster_{number} {{")
        lines.append(f"    label={_quoted(listed(hosts, 6))};")
        lines += [f"    {text}" for text in _inside(f"n{number}_", picture)]
        lines.append("  }")
    return "\n".join([*lines, "}", ""])


def _inside(prefix: str, picture: Picture) -> Iterator[str]:
    for number, node in enumerate(picture.nodes):
        name = _quoted(node.name)
        text = f"label={name}, tooltip={_quoted(node.where)}"
        yield f"{prefix}{number} [{f'shape=point, tooltip={name}' if node.is_point else text}];"
    for before, after, why in picture.edges:
        yield f"{prefix}{before} -> {prefix}{after} [tooltip={_quoted(why)}];"


def _quoted(text: str) -> str:
    escaped = clean(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
