"""Random hosts and random configurations of the tiny types."""

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cfgdsl import Resource

from .kinds import TinyCommand, TinyDir, TinyFile, TinyLine, TinyPackage, TinyService, TinyUser
from .machine import FOLDER, Machine, parent

FOLDERS = ["/a", "/a/b", "/a/b/c", "/d", "/d/e", "/units", "/units/s.d"]
FILES = ["/a/f", "/a/b/f", "/d/g", "/units/s.d/x", "/p/etc/f", "/q/conf", "/x"]
BROUGHT = {"p": ("/p/", "/p/etc/", "unit:s"), "q": ("/q/", "/q/conf", "/x")}
"""What a package brings is declared by no folder here, and a file where it may be only as absent
or in a folder that comes along: else two would make one thing without knowing of each other."""

_modes = st.sampled_from([None, 0o600, 0o750])
_owners = st.sampled_from([None, "root", "u"])
_rarely = st.integers(0, 5).map(lambda n: n == 0)

Check = Callable[[Machine, list[Resource]], None]


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    machine = Machine(brought=BROUGHT)
    for path in FOLDERS:
        if draw(st.booleans()) and parent(path) in machine.paths:
            machine.paths[path] = {**FOLDER, "mode": draw(st.sampled_from([0o755, 0o700]))}
    for path in FILES:
        if draw(st.booleans()) and parent(path) in machine.paths:
            machine.paths[path] = {**FOLDER, "kind": "file", "mode": 0o644, "data": b"old\n"}
    machine.users |= dict.fromkeys(sorted(draw(st.sets(st.sampled_from("uv")))), "/bin/old")
    machine.packages = draw(st.sets(st.sampled_from("pq")))
    for name in sorted(machine.packages):
        machine.bring(name)
    if draw(st.booleans()):
        machine.units["s"] = draw(st.sampled_from(["active", "inactive"]))
    return machine


@st.composite
def configurations(draw: st.DrawFn) -> list[Resource]:
    """Mostly such that can be: what is used is mostly declared, what is removed is not used."""
    gone = draw(st.sets(st.sampled_from(FOLDERS), max_size=1)) if draw(_rarely) else set()
    paths = draw(st.sets(st.sampled_from(FILES)))
    folders = draw(st.sets(st.sampled_from(FOLDERS), max_size=3))
    packages = draw(st.sets(st.sampled_from("pq"), max_size=2))
    if not draw(_rarely):
        above = {f for f in FOLDERS for path in paths | folders if path.startswith(f + "/")}
        folders |= above
        packages |= {path[1] for path in paths if path.startswith(("/p/", "/q/"))}
    made: list[Resource] = [
        draw(_folder(path, absent=_is_inside(path, gone))) for path in sorted(folders | gone)
    ]
    files: list[Resource] = []
    for path in sorted(paths):
        files += draw(_file(path, absent=_is_inside(path, gone)))
    made.extend(files)
    if any(getattr(r, "owner", None) == "u" for r in made) or draw(st.booleans()):
        made.append(TinyUser("u", shell=draw(st.sampled_from([None, "/bin/new"]))))
    if draw(st.booleans()):
        made.append(TinyUser("v", absent=draw(st.booleans())))
    if draw(st.booleans()):
        causes = draw(st.lists(st.sampled_from(files), unique_by=id)) if files else []
        running = draw(st.sampled_from([None, True, False]))
        made.append(TinyService("s", running=running, restart_on=causes))
        packages.add("p")
    made += [TinyPackage(name) for name in sorted(packages)]
    if draw(st.booleans()) and not _is_inside("/d", gone):
        made.append(TinyCommand(["touch", "/d/made"], creates="/d/made"))
    if draw(st.booleans()) and files:
        made.append(TinyCommand(["touch", "/t"], on_change=draw(st.sampled_from(files))))
    return draw(st.permutations(made))


def _is_inside(path: str, folders: set[str]) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


@st.composite
def _folder(draw: st.DrawFn, path: str, *, absent: bool) -> TinyDir:
    if absent:
        return TinyDir(path, absent=True)
    return TinyDir(path, mode=draw(_modes), owner=draw(_owners))


@st.composite
def _file(draw: st.DrawFn, path: str, *, absent: bool) -> list[Resource]:
    if absent or path == "/x" or draw(_rarely):
        return [TinyFile(path, absent=True)]
    edits: list[Resource] = [
        TinyLine(path, line, create=draw(st.booleans()), absent=line not in {"one", "two"})
        for line in draw(st.lists(st.sampled_from(["one", "two", "old"]), unique=True, max_size=2))
    ]
    alone = draw(st.booleans())
    if edits and alone:
        return edits
    text = draw(st.sampled_from([None, "", "one\n", "one\ntwo"]))
    return [TinyFile(path, content=text, mode=draw(_modes), owner=draw(_owners)), *edits]


def forall(check: Check, *, examples: int = 300, explain: bool = True) -> None:
    """Run `check` on random hosts and configurations; without `explain`, only whether it fails."""

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, *([Phase.shrink] if explain else [])],
        suppress_health_check=list(HealthCheck),
    )
    @given(machines(), configurations())
    def run(machine: Machine, resources: list[Resource]) -> None:
        check(machine, resources)

    run()
