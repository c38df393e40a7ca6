"""What the user should know of a change besides the change itself."""

from collections.abc import Iterable
from typing import Any

from cfgdsl.core.diff import Change
from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.resource import Resource


def notes_on(
    resource: Resource, changes: Iterable[Change[Any]], host: str
) -> tuple[Diagnostic, ...]:
    """The notes of `resource`, which has steps in the plan of `host`.

    `changes`: how it is seen before and after the shared work that comes first; what is to be said
    of the host as it is goes before what is to be said of the host by then.
    """
    texts = next(filter(None, map(resource.notes, changes)), ())
    return tuple(
        Diagnostic(summary=text, address=f"{host}/{resource.identity}", origins=(resource.origin,))
        for text in texts
    )
