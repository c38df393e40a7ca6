"""Configurations of any size, in the shapes that break quadratic passes, and hosts to plan them on.

A host is what answers each probe: bare (nothing is there) or converged (everything is as declared).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cfgdsl import Probe, Resource, probes
from cfgdsl_stdlib import Directory, File, Package, Service, Symlink, User

THERE = {
    *("/", "/etc", "/etc/apt/sources.list.d", "/etc/systemd/system", "/run/systemd/system"),
    *("/chain", "/fan", "/srv"),
}
FOLDER = {"kind": "dir", "mode": 0o755, "owner": "root", "group": "root"}


def mixed(size: int) -> list[Resource]:
    """What a host has: per ten resources a package, its folder, six files, a link and a service."""
    made: list[Resource] = []
    for app in range(size // 10):
        name = f"app{app}"
        package = Package(name)
        folder = Directory(f"/etc/{name}", mode=0o755, after=package)
        files = [
            File(f"/etc/{name}/part{n}.conf", content=f"{name} {n}\n", mode=0o644) for n in range(6)
        ]
        link = Symlink(f"/etc/{name}/enabled", to="part0.conf")
        service = Service(name, running=True, restart_on=files)
        made += [package, folder, *files, link, service]
    return made


def chain(size: int) -> list[Resource]:
    """Each after the one before."""
    made: list[Resource] = []
    for n in range(size):
        made.append(File(f"/chain/{n}", content=f"{n}\n", after=made[-1:]))
    return made


def fan_out(size: int) -> list[Resource]:
    """All after one."""
    first = User("first")
    return [first, *(File(f"/fan/{n}", content=f"{n}\n", after=first) for n in range(size - 1))]


def fan_in(size: int) -> list[Resource]:
    """One service after all, restarted by any."""
    files = [File(f"/fan/{n}", content=f"{n}\n") for n in range(size - 1)]
    return [*files, Service("last", running=True, restart_on=files)]


def one_folder(size: int) -> list[Resource]:
    """One directory with all files in it."""
    files = [File(f"/srv/many/{n}", content=f"{n}\n", owner="www") for n in range(size - 2)]
    return [User("www"), Directory("/srv/many"), *files]


def component_after_component(size: int) -> list[Resource]:
    """Accounts, files after all of them, and services that each of the files restarts."""
    users = [User(f"u{n}", tags=["users"]) for n in range(size * 2 // 5)]
    files = [
        File(f"/fan/{n}", content=f"{n}\n", after="component:users", tags=["files"])
        for n in range(size * 2 // 5)
    ]
    services = [
        Service(f"s{n}", running=True, restart_on="component:files")
        for n in range(size - len(users) - len(files))
    ]
    return [*users, *files, *services]


def files_wait_for_packages(size: int) -> list[Resource]:
    """Files in folders that nobody declares: any of the packages may bring them."""
    packages = [Package(f"p{n}") for n in range(size // 2)]
    return [*packages, *(File(f"/opt/{n}/f", content=f"{n}\n") for n in range(size - size // 2))]


def through_a_hub(size: int) -> list[Resource]:
    """Half of all before one that does not change, half after it."""
    first = [File(f"/fan/{n}", content=f"{n}\n") for n in range(size // 2)]
    hub = Directory("/etc", after=first)
    last = [File(f"/srv/{n}", content=f"{n}\n", after=hub) for n in range(size - size // 2 - 1)]
    return [*first, hub, *last]


def units(size: int) -> list[Resource]:
    """Unit files, which all services read, share one reload."""
    half = range(size // 2)
    files = [File(f"/etc/systemd/system/s{n}.service", content=f"{n}\n") for n in half]
    return [*files, *(Service(f"s{n}", running=True) for n in half)]


def sources(size: int) -> list[Resource]:
    """Lists of packages, which each package comes after."""
    half = range(size // 2)
    files = [File(f"/etc/apt/sources.list.d/{n}.list", content=f"{n}\n") for n in half]
    return [*files, *(Package(f"p{n}") for n in half)]


def components_of(resources: Iterable[Resource]) -> dict[str, list[str]]:
    """As if a component was around all resources with the same tag."""
    found: dict[str, list[str]] = {}
    for resource in resources:
        for tag in resource.tags:
            found.setdefault(f"component:{tag}", []).append(resource.identity)
    return found


SHAPES: Mapping[str, Callable[[int], list[Resource]]] = {
    "mixed": mixed,
    "chain": chain,
    "fan out": fan_out,
    "fan in": fan_in,
    "one folder": one_folder,
    "component after component": component_after_component,
    "files wait for packages": files_wait_for_packages,
    "through a hub": through_a_hub,
    "units": units,
    "sources": sources,
}


def bare(asked: Iterable[Probe]) -> dict[Probe, Any]:
    """The answers of a fresh Debian host, booted with systemd, with the top folders."""
    return {probe: _bare_answer(probe) for probe in asked}


def _bare_answer(probe: Probe) -> Any:
    match probe:
        case probes.Stat(path) if path in THERE:
            return FOLDER
        case probes.Query(("apt-cache", *_)):
            return {"Version": "1.0"}
        case probes.Query(("systemctl", *_), name):
            return _unit(name, "inactive")
        case probes.Run(("find", *words)):
            return {"exit": 0, "stdout": "" if "interrupted" in words else "fresh"}
    return None


def converged(asked: Iterable[Probe], resources: Iterable[Resource]) -> dict[Probe, Any]:
    """The answers of a host where everything is as declared."""
    placed = {r.path: r for r in resources if isinstance(r, File | Directory | Symlink)}
    return {probe: _converged_answer(probe, placed) for probe in asked}


def _converged_answer(probe: Probe, placed: Mapping[str, File | Directory | Symlink]) -> Any:
    match probe:
        case probes.Stat(path) | probes.Read(path) if path in placed:
            return _placed(probe, placed[path])
        case probes.User(name):
            entry = {"uid": 1000, "group": name, "comment": "", "home": f"/home/{name}"}
            return {**entry, "shell": "/bin/sh", "groups": []}
        case probes.AccountNumber():
            return {"number": 1000}
        case probes.Query((program, *_), name) if program != "apt-cache":
            installed = {"Version": "1.0", "Status": "installed"}
            return installed if program == "dpkg-query" else _unit(name, "active")
        case probes.Query():
            return None
    return _bare_answer(probe)


def _placed(probe: Probe, resource: File | Directory | Symlink) -> dict[str, Any]:
    content = getattr(resource, "content", None)
    if isinstance(probe, probes.Read) and content is not None:
        return {"sha256": content.sha256, "size": content.size, "text": None}
    return _stat(resource)


def _stat(resource: File | Directory | Symlink) -> dict[str, Any]:
    owner = {"owner": resource.owner or "root", "group": resource.group or "root"}
    if isinstance(resource, Symlink):
        return {"kind": "link", "target": resource.to, **owner}
    kind, mode = ("dir", 0o755) if isinstance(resource, Directory) else ("file", 0o644)
    return {"kind": kind, "mode": mode if resource.mode is None else resource.mode, **owner}


def _unit(name: str, active: str) -> dict[str, str]:
    return {
        "Id": name,
        "LoadState": "loaded",
        "ActiveState": active,
        "UnitFileState": "enabled",
        "NeedDaemonReload": "no",
        "InvocationID": "",
    }
