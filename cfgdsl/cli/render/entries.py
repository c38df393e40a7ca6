"""What one host's plan shows, as entries that are equal where hosts need the same."""

from collections.abc import Iterator

import attrs

from cfgdsl.cli.render.fields import field_lines
from cfgdsl.cli.text import Line, Span, clean, line, listed, wrapped
from cfgdsl.cli.view import View
from cfgdsl.core.content import Content
from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.ops import Op, Put, describe
from cfgdsl.core.plan import HostPlan, Skip, Step

GLYPHS = {
    "create": ("+", "create"),
    "update": ("~", "update"),
    "delete": ("-", "delete"),
    "restore": ("<", "update"),
    "run": ("!", "run"),
    "restart": ("↻", "refresh"),
    "reload": ("↻", "refresh"),
}
"""The sign and the style of each action; a type's own words look like `run`."""

_PLAIN = ("create", "update", "delete", "run")
"""Actions that their sign says; others are named."""


@attrs.frozen(kw_only=True)
class Entry:
    """One thing to show of a host; equal entries of several hosts are shown once."""

    glyph: str
    style: str
    identity: str
    reason: str
    where: str
    component: str = ""
    body: tuple[Line, ...] = ()


def step_entry(step: Step, view: View) -> Entry:
    """A change: what, why, where it was declared, and its differences."""
    glyph, style = GLYPHS.get(step.action, ("!", "run"))
    reason = step.reason
    if step.action not in _PLAIN:
        reason = f"{step.action}: {reason}"
    if step.possible:
        glyph, style = "?", "possible"
        reason = f"possible {step.action}: {step.reason}"
    return Entry(
        glyph=glyph,
        style=style,
        identity=clean(step.identity),
        reason=reason,
        where=view.where(step.origin),
        component=step.component.removeprefix("component:"),
        body=tuple(_body(step, view)),
    )


def _body(step: Step, view: View) -> Iterator[Line]:
    if not step.refresh:
        yield from field_lines(step.fields, verbose=view.verbose)
    chain = [cause for cause in step.causes if cause not in step.reason]
    if chain:
        yield from wrapped(f"because of {', '.join(chain)}", view.width - 8, style="dim")
    for part in step.parts:
        yield line(Span(f"part  {clean(part.identity)}  {view.where(part.origin)}", "dim"))
    if step.gates:
        waits = f"waits for {', '.join(map(clean, step.gates))}"
        yield from wrapped(waits, view.width - 8, style="dim")
    if step.is_open:
        yield line(Span("decided during the run, from what is found then", "dim"))
    if view.verbose:
        for op in step.ops or ():
            yield line(Span(f"op: {_described(op)}", "dim"))


def _described(op: Op) -> str:
    if isinstance(op, Put) and isinstance(op.content, Content) and op.content.secret:
        return f"put {op.path} (secret content)"
    return describe(op)


def skip_entry(skip: Skip, view: View) -> Entry:
    """A resource whose condition is false."""
    return Entry(
        glyph="·",
        style="dim",
        identity=clean(skip.identity),
        reason=f"skipped: only if {skip.condition}",
        where=view.where(skip.origin),
    )


def note_entries(plan: HostPlan, view: View) -> Iterator[Entry]:
    """What the user should know; the same of several resources in one line, unless verbose."""
    alike: dict[tuple[str, ...], list[Diagnostic]] = {}
    for note in plan.notes:
        own = note.address if view.verbose else ""
        alike.setdefault((note.summary, note.detail, note.hint, own), []).append(note)
    return (note_entry(notes, plan.host, view) for notes in alike.values())


def note_entry(notes: list[Diagnostic], host: str, view: View) -> Entry:
    """Something that the user should know, of one resource or of several."""
    first, names = notes[0], [note.address.removeprefix(f"{host}/") for note in notes]
    details = f"{first.detail}\n{first.hint}".strip()
    return Entry(
        glyph="i",
        style="warning",
        identity=clean(listed(names, 1)),
        reason=first.summary,
        where=", ".join(view.where(o) for o in first.origins) if len(notes) == 1 else "",
        body=tuple(wrapped(details, view.width - 8, style="dim")),
    )


def changes_of(plan: HostPlan, view: View) -> Iterator[Entry]:
    """What a host's plan shows, besides its problems and what runs each time.

    Where nothing changes, what is skipped is no news.
    """
    for step in plan.steps:
        if not step.always:
            yield step_entry(step, view)
    for skip in plan.skipped if plan.steps or view.verbose else ():
        yield skip_entry(skip, view)
    yield from note_entries(plan, view)


def always_of(plan: HostPlan, view: View) -> Iterator[Entry]:
    """The commands that run each time."""
    return (step_entry(step, view) for step in plan.steps if step.always)
