"""One generic comparison for all resource types: desired against observed, field by field."""

from typing import Any, Generic, TypeVar

import attrs

from cfgdsl.core.content import hide
from cfgdsl.core.output import Output
from cfgdsl.core.resource import Resource, is_absent, state_fields

R = TypeVar("R", bound=Resource)

NONE = "none"
CREATE = "create"
UPDATE = "update"
DELETE = "delete"


@attrs.frozen
class FieldChange:
    """One field: how it is and how it will be.

    >>> FieldChange("mode", None, 0o644).before is None  # not there, or not known to the type
    True
    """

    name: str
    before: Any
    after: Any


@attrs.frozen
class Change(Generic[R]):
    """The difference of one resource between what was observed and what is declared.

    >>> from cfgdsl_stdlib import Directory
    >>> change = compare(Directory("/srv", mode=0o755), Directory("/srv", mode=0o700))
    >>> change.action, change.touches("mode"), change.touches("owner", "group")
    ('update', True, False)
    """

    desired: R
    before: R | None
    """As observed; None, or ``absent=True``: it is not there."""
    action: str
    """`create`, `update`, `delete`, `none`, or the type's own word for creating (`run`)."""
    fields: tuple[FieldChange, ...] = ()

    def touches(self, *names: str) -> bool:
        """Whether one of these fields changes."""
        return any(change.name in names for change in self.fields)

    @property
    def is_needed(self) -> bool:
        """Whether anything differs."""
        return self.action != NONE


def compare(desired: R, observed: R | None) -> Change[R]:
    """What must change for `observed` to become `desired`.

    A field left None is not managed; ``absent=True`` equals None.
    """
    if is_absent(desired):
        return Change(desired, observed, NONE if is_absent(observed) else DELETE)
    there = not is_absent(observed)
    fields = []
    for slot in state_fields(type(desired)):
        wanted = getattr(desired, slot.name)
        if wanted is None or slot.name == "absent":
            continue
        found = getattr(observed, slot.name) if there else None
        if isinstance(wanted, Output) or not there or wanted != found:
            fields.append(FieldChange(slot.name, hide(found, wanted), wanted))
    if not there:
        return Change(desired, observed, type(desired).creating, tuple(fields))
    return Change(desired, observed, UPDATE if fields else NONE, tuple(fields))
