"""Paths as the steps planned so far will leave them: an overlay over what the host answered."""

import posixpath
from collections.abc import Mapping
from typing import Any, TypeGuard

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.footprint import folder_of, parents
from cfgdsl.core.probes import Answer, List, Probe, Read, Stat, Unknown, is_error
from cfgdsl.runner.wire import MOST_NAMES

_MAX_LINKS = 40
_NOT_ASKED = Unknown("not asked")
_NOT_LISTED = Unknown("more is in it than was listed")

KEPT = Unknown("kept")
"""The content of a path whose attributes alone change: what the host answered still holds."""


@attrs.frozen
class Node:
    """A path that an earlier step makes, changes or removes."""

    stat: Answer | Unknown
    content: Content | Unknown | None = None
    """Of a regular file; None for anything else."""
    since: int = 0
    """Set by `PathOverlay`: later numbers came later."""


_GONE = Node(None)


class PathOverlay:
    """What is at each path, with what was set and removed here laid over a host's answers."""

    def __init__(self, base: Mapping[Probe, Answer]) -> None:
        self._base = base
        # By path: a walk asks for the same folder again and again, and text hashes once.
        self._own: dict[str, Answer] = {}
        self._followed: dict[str, Answer] = {}
        self._whole: dict[tuple[str, bool], tuple[int, Answer]] = {}
        for probe, answer in base.items():
            if isinstance(probe, Stat):
                (self._followed if probe.follow else self._own)[probe.path] = answer
            elif isinstance(probe, Read) and probe.unless is None:
                self._whole[probe.path, probe.follow] = (probe.up_to, answer)
        self._nodes: dict[str, Node] = {}
        self._removed: dict[str, int] = {}
        self._inside: dict[str, dict[str, None]] = {}
        """By folder: the names in it that have nodes."""
        self._listed: dict[str, tuple[int, Answer | Unknown]] = {}
        """What is in a folder, as a command says, and since when."""
        self._undecided = False
        """Whether only the run can tell how some path will be."""
        self._links: dict[str, str] = {}
        """By key, where links that are new here lead to: what is below one lies there."""
        self._now = 0

    def set(self, path: str, stat: Answer | Unknown, content: Content | Unknown | None) -> None:
        """`path` is now like this."""
        self._now += 1
        self._note(self._at(path), Node(stat, content, self._now))

    def remove(self, path: str) -> None:
        """`path`, and all below it, is gone; what is set below it later is there again."""
        self._now += 1
        path = self._at(path)
        self._note(path, Node(None, since=self._now))
        self._removed[path] = self._now

    def fill(self, path: str, names: Answer | Unknown) -> None:
        """The answer to `List(path)` is now this."""
        self._now += 1
        self._listed[self._at(path)] = (self._now, names)

    def _note(self, path: str, node: Node) -> None:
        self._nodes[path] = node
        self._undecided |= isinstance(node.stat, Unknown)
        if is_link(node.stat):
            self._links[f"path:{path}"] = _end(path, node.stat)
        elif self._links:
            self._links.pop(f"path:{path}", None)
        folder, name = posixpath.split(path)
        if name:
            self._inside.setdefault(folder, {})[name] = None

    def node(self, path: str) -> Node | None:
        """What the overlay says of `path`; None: nothing, the host's own answer holds."""
        return self._node(self._at(path))

    def _node(self, path: str) -> Node | None:
        node = self._nodes.get(path)
        if not self._removed:
            return node
        removed = self._removal_above(path)
        if removed > (node.since if node is not None else 0):
            return _GONE
        return node

    def _at(self, path: str) -> str:
        """Where `path` is, after the links that are new in the folders above it."""
        for _ in range(_MAX_LINKS if self._links else 0):
            above = parents(path)
            if self._links.keys().isdisjoint(above):
                break
            link = next(key for key in reversed(above) if key in self._links)
            path = posixpath.join(self._links[link], path[len(link) - len("path:") + 1 :])
        return path

    def end_of(self, path: str) -> str:
        """Where the links at `path` lead to, as far as they are known."""
        path = self._at(path)
        for _ in range(_MAX_LINKS):
            node = self._node(path)
            found = self._own.get(path) if node is None else node.stat
            if not is_link(found):
                break
            path = self._at(_end(path, found))
        return path

    def stat(self, path: str, *, follow: bool = False) -> Answer | Unknown:
        """The answer to `Stat(path, follow)`."""
        path = self._at(path)
        end = self.end_of(path) if follow else path
        node = self._node(end)
        if node is not None:
            return node.stat
        if follow and path in self._followed and (end == path or self._node(path) is None):
            found: Answer | Unknown = self._followed[path]
        else:
            found = self._own[end] if end in self._own else self._unasked(end)
        return self._undecided_above(end) if found is None else found

    def _undecided_above(self, path: str) -> Unknown | None:
        """Why what is not at `path` now may be there by then: only the run can tell what a folder
        above it will be."""
        while self._undecided and path != "/":
            path = folder_of(path)
            node = self.node(path)
            if node is not None:
                return node.stat if isinstance(node.stat, Unknown) else None
        return None

    def _unasked(self, path: str) -> Answer | Unknown:
        """What is at a path that nobody asked about: nothing, where a folder above is missing, or
        is new."""
        while path != "/":
            path = folder_of(path)
            node = self.node(path)
            if node is not None or path in self._own:
                found = self._own[path] if node is None else node.stat
                is_new = isinstance(found, dict) and node is not None and self._was_missing(path)
                return None if found is None or is_new else _NOT_ASKED
        return _NOT_ASKED

    def _was_missing(self, path: str) -> bool:
        """Whether the host has said that there is nothing at `path`."""
        while path != "/":
            if path in self._own:
                return self._own[path] is None
            if path in self._followed:
                return self._followed[path] is None
            path = folder_of(path)
        return False

    def read(self, probe: Read) -> Answer | Unknown:
        """The answer to `probe`."""
        place = self._at(probe.path)
        if place != probe.path:
            probe = attrs.evolve(probe, path=place)
        node = self.node(self.end_of(probe.path) if probe.follow else probe.path)
        if node is None or node.content is KEPT:
            at_path = self.node(probe.path)
            is_own = at_path is None or at_path is node  # else a link that now leads elsewhere
            found = self._answered(probe) if is_own else _NOT_ASKED
            gone = found is _NOT_ASKED and self.stat(probe.path, follow=probe.follow) is None
            return None if gone else found
        if node.content is None or isinstance(node.content, Unknown):
            return node.content
        content = node.content
        shown = content.sha256 != probe.unless and content.size <= probe.up_to
        text = content.text if shown else None
        return {"sha256": content.sha256, "size": content.size, "text": text}

    def names(self, path: str) -> Answer | Unknown:
        """The answer to `List(path)`."""
        path = self._at(path)
        since, found = self._listed.get(path, (0, self._base.get(List(path), _NOT_ASKED)))
        if max(self._removed.get(path, 0), self._removal_above(path)) > since:
            found = None
        node = self.node(path)
        stat = None if node is None else node.stat
        if isinstance(stat, Unknown):
            return stat
        if node is not None and (stat is None or stat.get("kind") != "dir"):
            return None
        if found is None and node is not None:
            found = {"names": [], "more": False}  # it is made
        if found is None or isinstance(found, Unknown) or is_error(found):
            return found
        return self._changed(path, found, since)

    def _changed(self, path: str, found: dict[str, Any], since: int) -> Answer | Unknown:
        """The names in a folder, after what was made and removed in it."""
        names = dict.fromkeys(found["names"])
        for name in self._inside.get(path, ()):
            node = self._nodes[posixpath.join(path, name)]
            if node.since <= since:
                continue
            stat = self.stat(posixpath.join(path, name))
            if isinstance(stat, Unknown):
                return stat
            if stat is None:
                names.pop(name, None)
            else:
                names[name] = None
        if list(names) == found["names"]:
            return found
        if found["more"] or len(names) > MOST_NAMES:
            return _NOT_LISTED
        return {"names": sorted(names), "more": False}

    def _answered(self, probe: Read) -> Answer | Unknown:
        """The host's own answer; one to a question for more answers this one, too."""
        up_to, answer = self._whole.get((probe.path, probe.follow), (-1, None))
        if probe in self._base or up_to < probe.up_to:
            return self._base.get(probe, _NOT_ASKED)
        if answer is None or is_error(answer):
            return answer
        shown = answer["sha256"] != probe.unless and answer["size"] <= probe.up_to
        return {**answer, "text": answer["text"] if shown else None}

    def _removal_above(self, path: str) -> int:
        """When the last of the folders above was removed; 0: never."""
        latest = 0
        while path != "/":
            path = folder_of(path)
            latest = max(latest, self._removed.get(path, 0))
        return latest


def is_link(answer: Answer | Unknown) -> TypeGuard[dict[str, Any]]:
    """Whether a stat answer is known to be that of a symbolic link."""
    return isinstance(answer, dict) and answer.get("kind") == "link"


def _end(path: str, link: Mapping[str, Any]) -> str:
    """Where the link at `path` leads to."""
    return posixpath.normpath(posixpath.join(folder_of(path), link["target"]))
