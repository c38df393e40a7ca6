"""Edits of text files, as the planner folds them, for tables of types; and texts to edit."""

from collections.abc import Mapping
from typing import Any

import attrs
from hypothesis import strategies as st

from cfgdsl import Content, ImpossibleError, Probe, Resource, ops, probes
from cfgdsl.core.decide import decide_open, differences
from cfgdsl.core.graph import build
from cfgdsl.core.predict import Identity, World
from tests.stdlib.walk import folder, regular

PATH = "/etc/f"
WORDS = ["a", "b", "a = 1", "#a = 1", "a = 2", "[s]", "# BEGIN cfgdsl: x", "ä\u2028b", ""]

bodies = st.lists(st.sampled_from(WORDS), max_size=6)
endings = st.sampled_from(["\n", "\r\n"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Texts with either end of lines, and with or without a last one."""
    end = draw(endings)
    text = end.join(draw(bodies))
    return text + end if draw(st.booleans()) else text


def edited(edit: Any, text: str) -> str:
    """The text after the edit; twice is as good as once."""
    result: str = edit.edit(text)
    assert edit.edit(result) == result
    return result


def refused(edit: Any, text: str) -> str:
    """Why the edit cannot be made."""
    try:
        edit.edit(text)
    except ImpossibleError as error:
        return f"{error.summary}\n{error.hint}"
    raise AssertionError(f"{edit.identity} edits {text!r}")


def found(text: str | None, **values: Any) -> dict[Probe, Any]:
    """A host with this text in the file, or without the file."""
    content = None if text is None else Content.of(text)
    read = content and {"sha256": content.sha256, "size": content.size, "text": text}
    return {
        probes.Stat(PATH): None if text is None else regular(**values),
        probes.Stat(PATH, follow=True): None if text is None else regular(**values),
        probes.Stat("/etc", follow=True): folder(),
        probes.Read(PATH): read,
        probes.Read(PATH, up_to=1024 * 1024): read,
    }


def settled(given: Mapping[Probe, Any], *declared: Resource) -> dict[Probe, Any]:
    """The answers after what is declared of the file was applied, which then differs in nothing."""
    (whole,) = build(declared, {}).resources
    asked = whole.probes()
    world = World(given)
    decision = decide_open(whole, asked, [world.answer(p) for p in asked], Identity())
    for each in decision.ops if decision else ():
        op = each
        # The prediction keeps the text of a secret to itself; the host answers with it.
        if isinstance(op, ops.Put):
            op = attrs.evolve(op, content=attrs.evolve(op.content, secret=False))
        world.apply(op)
    after = {probe: world.answer(probe) for probe in asked}
    assert differences(whole, asked, list(after.values())) == ()
    return after


def text_after(given: Mapping[Probe, Any], *declared: Resource) -> str | None:
    """What is in the file then."""
    read = settled(given, *declared)[probes.Read(PATH, up_to=1024 * 1024)]
    return None if read is None else read["text"]
