"""Graphs as SVG, laid out in layers, without any other program.

A resource's layer is the longest way to it; within a layer, resources stand near what they come
after. Edges that follow from others are left out, as in every readable picture of an order.
"""

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

import attrs

from cfgdsl.cli.render.graph import Node, Picture
from cfgdsl.cli.text import clean, listed, width_of

_ROW, _BOX, _GAP, _MARGIN, _CHARACTER = 40, 26, 70, 24, 7.3
_COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#76b7b2", "#9c755f", "#edc948")


@attrs.frozen
class _Box:
    x: float
    y: float
    width: float


def svg(pictures: Mapping[tuple[str, ...], Picture]) -> str:
    """One picture: a part for each group of hosts, one below the other."""
    parts: list[str] = []
    top, widest = float(_MARGIN), 0.0
    for hosts, picture in pictures.items():
        boxes = _laid_out(picture, top + 30)
        title = escape(clean(listed(hosts, 6)))
        parts.append(f'<text class="title" x="{_MARGIN}" y="{top + 14:.0f}">{title}</text>')
        parts += _edges(picture, boxes)
        parts += _nodes(picture, boxes)
        widest = max([widest, *(box.x + box.width for box in boxes)])
        top = max([top + 30, *(box.y + _ROW for box in boxes)]) + _MARGIN
    size = f'width="{widest + _MARGIN:.0f}" height="{top:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "\n".join([head, _STYLE, *parts, "</svg>\n"])


_STYLE = """<style>
text { font: 12px ui-monospace, monospace; fill: #222 } .title { font-weight: bold }
rect { fill: #fff; stroke-width: 1.5 } path { fill: none; stroke: #999 } circle { fill: #999 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } rect { fill: #1a1a1a } }
</style>"""


def _laid_out(picture: Picture, top: float) -> list[_Box]:
    """A place for each node: columns are layers, from left to right."""
    before = _predecessors(picture)
    layers: list[list[int]] = []
    layer_of: list[int] = []
    for number in range(len(picture.nodes)):  # in order of application: predecessors come first
        layer = max((layer_of[b] + 1 for b in before[number]), default=0)
        layer_of.append(layer)
        while len(layers) <= layer:
            layers.append([])
        layers[layer].append(number)
    row: dict[int, float] = {}
    places: dict[int, _Box] = {}
    x = float(_MARGIN)
    for layer_nodes in layers:
        ordered = sorted(layer_nodes, key=lambda n: (_mean([row[b] for b in before[n]]), n))
        widest = max(_width(picture.nodes[n]) for n in ordered)
        for place, number in enumerate(ordered):
            row[number] = place
            width = _width(picture.nodes[number])
            places[number] = _Box(x, top + place * _ROW, width)
        x += widest + _GAP
    return [places[number] for number in range(len(picture.nodes))]


def _predecessors(picture: Picture) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in picture.nodes]
    for before, after, _ in picture.edges:
        found[after].append(before)
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _width(node: Node) -> float:
    return 0.0 if node.is_point else width_of(clean(node.name)) * _CHARACTER + 20


def _needed(picture: Picture) -> Iterator[tuple[int, int, str]]:
    """Edges without those that a longer way implies: an edge over one layer always stays."""
    before = _predecessors(picture)
    above: list[int] = []  # sets as bits of numbers: a long chain has long ones
    for number in range(len(picture.nodes)):
        bits = 0
        for other in before[number]:
            bits |= above[other] | 1 << other
        above.append(bits)
    for first, second, why in picture.edges:
        if not any(above[other] >> first & 1 for other in before[second]):
            yield first, second, why


def _edges(picture: Picture, boxes: Sequence[_Box]) -> Iterator[str]:
    for first, second, why in _needed(picture):
        a, b = boxes[first], boxes[second]
        x1, y1, x2, y2 = a.x + a.width, a.y + _BOX / 2, b.x, b.y + _BOX / 2
        bend = max(30.0, (x2 - x1) / 2)
        path = f"M{x1:.0f},{y1:.0f} C{x1 + bend:.0f},{y1:.0f} {x2 - bend:.0f},{y2:.0f}"
        yield f'<path d="{path} {x2:.0f},{y2:.0f}"><title>{escape(clean(why))}</title></path>'


def _nodes(picture: Picture, boxes: Sequence[_Box]) -> Iterator[str]:
    kinds = list(dict.fromkeys(_kind(node) for node in picture.nodes if not node.is_point))
    for node, box in zip(picture.nodes, boxes, strict=True):
        name, where = escape(clean(node.name)), escape(clean(node.where))
        if node.is_point:
            at = f'cx="{box.x:.0f}" cy="{box.y + _BOX / 2:.0f}"'
            yield f'<circle {at} r="4"><title>{name}</title></circle>'
            continue
        colour = _COLOURS[kinds.index(_kind(node)) % len(_COLOURS)]
        yield (
            f'<g><title>{where}</title><rect x="{box.x:.0f}" y="{box.y:.0f}" '
            f'width="{box.width:.0f}" height="{_BOX}" rx="4" stroke="{colour}"/>'
            f'<text x="{box.x + 10:.0f}" y="{box.y + 17:.0f}">{name}</text></g>'
        )


def _kind(node: Node) -> str:
    return node.name.partition(":")[0]
