"""Random histories of a host: what is declared one after the other, who changes it meanwhile, and
what happens to the runs."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs
from hypothesis import strategies as st

from cfgdsl import Resource

from .kinds import TinyCommand, TinyFile, TinyPackage, TinyUser
from .machine import FOLDER, FailedError, parent
from .recorded_body import Body, Configuration, Trouble
from .recorded_kinds import TinyDaemon, TinyFolder

FOLDERS = ["/a", "/a/b", "/units", "/units/s.d"]
FILES = ["/f", "/a/g", "/a/b/h", "/units/s.d/x"]
TEXTS = ["", "one\n", "two\n"]
BROUGHT = {"p": ("unit:s",), "q": ("/q/", "/q/conf")}


@attrs.frozen
class Apply:
    """A configuration is applied: first with these troubles, then, if it `recovers`, without."""

    declared: Configuration
    troubles: tuple[Trouble, ...] = ()
    recovers: bool = True
    condense: bool = False


@attrs.frozen(eq=False)
class Meanwhile:
    """Somebody else does something."""

    name: str
    change: Callable[[Body], object] = attrs.field(repr=False)


Event = Apply | Meanwhile
History = tuple[Body, list[Event]]

_sometimes = st.integers(0, 3).map(lambda n: n == 3)
_rarely = st.integers(0, 5).map(lambda n: n == 5)
_small = st.integers(0, 60)


@st.composite
def bodies(draw: st.DrawFn) -> Body:
    """Hosts on which some of it is there already."""
    body = Body(brought=BROUGHT)
    for path in (*FOLDERS, *FILES):
        if draw(st.booleans()) and parent(path) in body.paths:
            kind = {"kind": "file", "mode": 0o644, "data": b"one\n"} if path in FILES else {}
            body.paths[path] = {**FOLDER, **kind}
    body.users |= {name: "/bin/old" for name in "uv" if draw(st.booleans())}
    if draw(st.booleans()):
        body.packages.add("p")
        body.bring("p")
        body.units["s"] = draw(st.sampled_from(["active", "inactive"]))
    return body


THINGS = [*FOLDERS, *FILES, "u", "v", "s", "t", "q"]


def _wish(name: str) -> st.SearchStrategy[dict[str, Any] | None]:
    """What is declared of one thing, by its arguments; None: nothing."""
    rarely: dict[str, Any] = {
        "on_drop": st.sampled_from(["forget", "delete", "restore"]),
        "protect": st.just(True),
        "id": st.just(f"new-name-of-{name}"),
    }
    extras = st.one_of(*[st.just({})] * 5, *(st.fixed_dictionaries({k: rarely[k]}) for k in rarely))
    if name in FILES:
        wish = _fields(
            content=st.sampled_from([*TEXTS, None]),
            mode=st.sampled_from([None, 0o600]),
            owner=st.sampled_from([None, None, "u"]),
        ) | st.just({"absent": True})
    elif name in FOLDERS:
        wish = _fields(mode=st.sampled_from([None, 0o750])) | st.just({"absent": True})
    elif name == "s":
        wish = _fields(running=st.sampled_from([True, True, None, False]), causes=_causes)
    elif name == "t":
        wish, extras = _fields(causes=_causes), st.just({})
    elif name == "u":
        wish = _fields(shell=st.sampled_from([None, "/bin/new"]))
    else:
        wish = st.just({"absent": True}) | st.just({}) if name == "v" else st.just({})
    return st.one_of(st.none(), st.builds(lambda w, e: {**w, **e}, wish, extras))


def _fields(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fields)


_causes = st.sampled_from([FILES, FILES[:2], FILES[2:], []])
_WISHES = {name: _wish(name) for name in THINGS}


def declared(wishes: Mapping[str, dict[str, Any] | None]) -> Configuration:
    """Such that can be: what is used is declared, what is removed is not used."""
    wanted = {name: dict(wish) for name, wish in wishes.items() if wish is not None}
    there = [n for n in FILES + FOLDERS if n in wanted]
    for folder in FOLDERS:
        if any(path.startswith(folder + "/") and not wanted[path].get("absent") for path in there):
            wish = wanted.setdefault(folder, {})
            wish.pop("absent", None)
    files = {path: TinyFile(path, **wanted[path]) for path in FILES if path in wanted}
    made: list[Resource] = [TinyFolder(path, **wanted[path]) for path in FOLDERS if path in wanted]
    made += files.values()
    if any(file.owner == "u" for file in files.values()):
        wanted.setdefault("u", {})
    made += [TinyUser(name, **wanted[name]) for name in "uv" if name in wanted]
    for name in "st":
        if name in wanted:
            causes = [files[path] for path in wanted[name].pop("causes") if path in files]
            made.append(
                TinyDaemon("s", restart_on=causes, **wanted["s"])
                if name == "s"
                else TinyCommand(["touch", "/t"], on_change=causes)
            )
    made += [TinyPackage("p")] if "s" in wanted else []
    made += [TinyPackage("q")] if "q" in wanted else []
    return Configuration(tuple(made))


def _write(path: str, data: bytes) -> Callable[[Body], None]:
    def change(body: Body) -> None:
        if body.paths.get(parent(path), {}).get("kind") != "dir":
            raise FailedError(path)
        old = body.paths.get(path, {**FOLDER, "mode": 0o644})
        if old["kind"] == "dir" and path in body.paths:
            raise FailedError(path)
        body.paths[path] = {**old, "kind": "file", "data": data}
        body._note_units(path)

    return change


def _remove(path: str) -> Callable[[Body], None]:
    def change(body: Body) -> None:
        for below in [p for p in body.paths if p == path or p.startswith(path + "/")]:
            del body.paths[below]
            body._note_units(below)

    return change


def _service(verb: str) -> Callable[[Body], None]:
    def change(body: Body) -> None:
        if "s" in body.units:
            body._service("reload-units")
            body._service(verb, "s")

    return change


def _mkdir(body: Body) -> None:
    body.paths.setdefault("/a", dict(FOLDER))


def _chmod(body: Body) -> None:
    body.paths["/f"] = {**body.paths["/f"], "mode": 0o777}


MEANWHILE = [
    *(Meanwhile(f"write {p} {t!r}", _write(p, t.encode())) for p in FILES for t in TEXTS[1:]),
    *(Meanwhile(f"rm -r {path}", _remove(path)) for path in [*FILES, *FOLDERS]),
    *(Meanwhile(f"svc {verb} s", _service(verb)) for verb in ("start", "stop", "restart")),
    Meanwhile("write /a/stranger", _write("/a/stranger", b"")),
    Meanwhile("mkdir /a", _mkdir),
    Meanwhile("chmod /f", _chmod),
    Meanwhile("useradd v", lambda body: body.users.update(v="/bin/old")),
    Meanwhile("userdel u", lambda body: body.users.pop("u")),
    Meanwhile("reboot", Body.reboot),
]


@st.composite
def _troubles(draw: st.DrawFn) -> Trouble:
    """Mostly it is killed."""
    order = draw(st.integers(0, 3))
    kind = draw(st.sampled_from(["kill", "kill", "kill", "fail", "full"]))
    at = draw(_small)
    if kind == "kill":
        return Trouble(kill=at, lost=draw(st.one_of(st.just(0), st.integers(0, 3000))), order=order)
    return Trouble(fail=at, order=order) if kind == "fail" else Trouble(full=at % 8, order=order)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Mostly the next configuration is like the one before, but for a few things."""
    events: list[Event] = []
    body = draw(bodies())
    wishes: dict[str, dict[str, Any] | None] = {}
    for _ in range(draw(st.integers(1, 6))):
        if events and draw(st.integers(0, 5)) == 5:
            events.append(draw(st.sampled_from(MEANWHILE)))
            continue
        anew = [name for name in THINGS if not wishes or draw(_sometimes)]
        wishes = {**wishes, **{name: draw(_WISHES[name]) for name in anew}}
        troubles = tuple(draw(st.lists(_troubles(), max_size=2)))
        events.append(Apply(declared(wishes), troubles, draw(st.booleans()), draw(_rarely)))
    return body, events
