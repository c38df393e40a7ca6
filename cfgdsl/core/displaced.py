"""What is owned, no longer declared, and in the way of what is declared in its place.

A directory that becomes a link: the old thing goes first, after all that is dropped inside it, and
the new one comes last. Where one can just become the other, it changes hands instead.
"""

from collections.abc import Mapping

from cfgdsl.core.record import Left
from cfgdsl.core.resource import Resource, is_absent


class Displaced:
    """Which of all that is left is in the way, and of what."""

    def __init__(self, written: Mapping[str, Resource]) -> None:
        self._written = written
        self.heirs: dict[str, Resource] = {}
        """By identity of what goes: what is declared in its place."""
        self.by_key: dict[str, str] = {}
        """By the key at which it makes room: the identity of what goes."""

    def take(self, left: Left) -> bool:
        """Whether `left` has to go before what is declared in its place can come."""
        keys = [key for key in left.writes if self._is_displaced(left, key)]
        if not keys or left.action != "delete" or not left.ops or left.is_gone:
            return False
        self.heirs[left.identity] = self._written[keys[0]]
        self.by_key.update((key, left.identity) for key in keys)
        return True

    def _is_displaced(self, left: Left, key: str) -> bool:
        heir = self._written.get(key)
        if heir is None or is_absent(heir) or left.kind not in type(heir).displaces:
            return False
        return not getattr(heir, "recursive", False)  # else it takes all away by itself
