"""A host in a dict, written without a look at `cfgdsl.core.predict`: what plans are tested against.

It interprets the probes and ops of the types in `kinds`, and executes plans as the runner does:
asks right before and right after each step, and compares with what the plan says.
"""

import hashlib
from collections.abc import Container, Iterable, Mapping
from typing import Any

import attrs

from cfgdsl import HostPlan, ImpossibleError, Probe, Resource, Step, ops, probes
from cfgdsl.core.content import as_text
from cfgdsl.core.decide import decide_open, differences, digest_of
from cfgdsl.core.graph import Graph, build
from cfgdsl.core.planner import plan_host
from cfgdsl.core.predict import Identity
from cfgdsl.core.request import Planned, Request, questions

FOLDER = {"kind": "dir", "mode": 0o755, "owner": "root", "group": "root"}


class FailedError(Exception):
    """An op that does not work on this host."""


@attrs.define
class Machine:
    """Everything that the tiny types know of a host."""

    paths: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    """How each path is; files have their bytes under "data"."""
    users: dict[str, str] = attrs.field(factory=lambda: {"root": "/bin/sh"})
    packages: set[str] = attrs.field(factory=set)
    units: dict[str, str] = attrs.field(factory=dict)
    starts: dict[str, int] = attrs.field(factory=dict)
    stale: set[str] = attrs.field(factory=set)
    brought: Mapping[str, Iterable[str]] = attrs.field(factory=dict)
    """What each package brings: paths that end in / are folders, unit:NAME are units."""
    ran: list[str] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.paths.setdefault("/", dict(FOLDER))

    def answer(self, probe: Probe) -> Any:
        match probe:
            case probes.Stat(path):
                node = self.paths.get(path)
                return node and {k: v for k, v in node.items() if k != "data"}
            case probes.Read(path):
                return self._read(probe, self.paths.get(path))
            case probes.List(path):
                return self._names(path)
            case probes.User(name) | probes.AccountNumber("user", name):
                entry = {"shell": self.users.get(name)}
                found = entry if isinstance(probe, probes.User) else {"number": 1}
                return found if name in self.users else None
            case probes.Query():
                return self._row(probe.argv, probe.item)
            case probes.Run(("test", word)):
                return {"exit": 0 if word == "true" else 1, "stdout": ""}
        raise AssertionError(probe)

    def _names(self, path: str) -> Any:
        if self.paths.get(path, {}).get("kind") != "dir":
            return None
        names = [p.rpartition("/")[2] for p in self.paths if parent(p) == path and p != "/"]
        return {"names": sorted(names), "more": False}

    def _row(self, argv: tuple[str, ...], name: str) -> list[Any] | None:
        if argv == ("pkg", "query"):
            return ["1.0"] if name in self.packages else None
        if name not in self.units:
            return None
        if argv == ("svc", "started"):
            return [self.starts.get(name, 0)]
        return [self.units[name], "stale" if name in self.stale else "fresh"]

    def _read(self, probe: probes.Read, node: dict[str, Any] | None) -> Any:
        if node is None or node["kind"] != "file":
            return None
        data: bytes = node["data"]
        sha256 = hashlib.sha256(data).hexdigest()
        wanted = sha256 != probe.unless and len(data) <= probe.up_to
        text = as_text(data) if wanted else None
        return {"sha256": sha256, "size": len(data), "text": text}

    def perform(self, op: ops.Op) -> None:
        match op:
            case ops.Put():
                self._need(parent(op.path), "dir")
                old = self.paths.get(op.path, {})
                assert old.get("kind") != "dir"
                self._place(op, "file", old, 0o644)
                self._note_units(op.path)
                assert op.content.data is not None
                self.paths[op.path]["data"] = op.content.data
            case ops.Mkdir():
                self._need(parent(op.path), "dir")
                assert op.path not in self.paths
                self._place(op, "dir", {}, 0o755)
            case ops.SetAttrs():
                self._place(op, self.paths[op.path]["kind"], self.paths[op.path], 0)
            case ops.Remove():
                below = [p for p in self.paths if p == op.path or p.startswith(op.path + "/")]
                assert op.recursive or len(below) == 1
                for path in below:
                    del self.paths[path]
                    self._note_units(path)
            case ops.Run():
                self._run(*op.argv, *op.items)
            case _:
                raise AssertionError(op)

    def _need(self, path: str, kind: str) -> None:
        if self.paths.get(path, {}).get("kind") != kind:
            raise FailedError(f"{path} is no {kind}")

    def _note_units(self, path: str) -> None:
        """What systemd has not read yet."""
        self.stale |= {name for name in self.units if path.startswith(f"/units/{name}.d/")}

    def _place(self, op: Any, kind: str, old: dict[str, Any], mode: int) -> None:
        if op.owner is not None and op.owner not in self.users:
            raise FailedError(f"no user {op.owner}")
        self.paths[op.path] = {
            **old,
            "kind": kind,
            "mode": op.mode if op.mode is not None else old.get("mode", mode),
            "owner": op.owner or old.get("owner", "root"),
            "group": old.get("group", "root"),
        }

    def _run(self, *argv: str) -> None:
        self.ran.append(" ".join(argv))
        match argv:
            case ("useradd" | "usermod", shell, name):
                self.users[name] = shell
            case ("userdel", name):
                del self.users[name]
            case ("pkg", "install", name):
                self.packages.add(name)
                self.bring(name)
            case ("pkg", "update"):
                pass
            case ("svc", *rest):
                self._service(*rest)
            case ("touch", path):
                self.paths.setdefault(parent(path), dict(FOLDER))
                self.paths.setdefault(path, {**FOLDER, "kind": "file", "data": b""})
            case _:
                raise AssertionError(argv)

    def _service(self, verb: str, name: str = "") -> None:
        if verb == "reload-units":
            self.stale.clear()
            return
        assert name not in self.stale, "systemd would start it from its old files"
        if verb == "restart":
            self.starts[name] = self.starts.get(name, 0) + 1
        else:
            self.units[name] = {"start": "active", "stop": "inactive"}[verb]

    def bring(self, package: str) -> None:
        """Make what comes with a package."""
        for what in self.brought.get(package, ()):
            self._bring(what)

    def _bring(self, what: str) -> None:
        if what.startswith("unit:"):
            self.units.setdefault(what.removeprefix("unit:"), "inactive")
        elif what.endswith("/"):
            self.paths.setdefault(what.rstrip("/"), dict(FOLDER))
        else:
            self.paths.setdefault(what, {**FOLDER, "kind": "file", "data": b"brought"})

    def lines(self, path: str) -> list[str]:
        """What is in a file; nothing, where there is none."""
        data: bytes = self.paths.get(path, {}).get("data", b"")
        return data.decode().splitlines()

    def lacks(self, resource: Any, edited: Container[str] = ()) -> str:
        """The declaration that does not hold here, judged without the core; "" is well.

        Files that are `edited` only begin with their content.
        """
        match resource.kind:
            case "tiny-user":
                found = self.users.get(resource.name)
                well = (found is None) is resource.absent and resource.shell in {None, found}
            case "tiny-package":
                well = resource.name in self.packages
            case "tiny-service":
                found = self.units.get(resource.name)
                well = found is not None and resource.running in {None, found == "active"}
            case "tiny-file" | "tiny-dir":
                node = self.paths.get(resource.path)
                well = self._is_placed(resource, node, edited=resource.path in edited)
            case "tiny-line":
                well = (resource.line in self.lines(resource.path)) is not resource.absent
            case "tiny-command":
                well = resource.creates is None or resource.creates in self.paths
            case _:
                raise AssertionError(resource)
        return "" if well else resource.identity

    def _is_placed(self, resource: Any, node: dict[str, Any] | None, *, edited: bool) -> bool:
        if node is None or resource.absent:
            return node is None and bool(resource.absent)
        content = getattr(resource, "content", None)
        return (
            node["kind"] == resource.kind.removeprefix("tiny-")
            and resource.mode in {None, node["mode"]}
            and resource.owner in {None, node["owner"]}
            and (content is None or content.data == node["data"][: len(content.data)])
            and (content is None or edited or content.size == len(node["data"]))
        )

    def plan(self, *resources: Resource, **request: Any) -> Planned:
        """The plan from how it is now."""
        graph = build(resources, request.get("components", {}), host="h")
        answers = {probe: self.answer(probe) for probe in questions(graph.resources)}
        planned = plan_host(Request(host="h", graph=graph, **request), answers)
        while planned.unasked:
            answers.update({probe: self.answer(probe) for probe in planned.unasked})
            planned = plan_host(Request(host="h", graph=graph, **request), answers)
        return planned

    def apply(self, planned: Planned) -> dict[str, str]:
        """Execute a plan as the runner does; the outcome of each step.

        Only what hangs on the unknown may fail: an open step, and a service that nothing brings.
        """
        outcomes: dict[int, str] = {}
        for step in planned.plan.steps:
            waits = planned.plan.expanded(step.after)
            if not all(outcomes[i] in {"changed", "unneeded"} for i in waits):
                outcomes[step.id] = "skipped"
                continue
            causes = planned.plan.expanded(step.triggers)
            due = not causes or any(outcomes[i] == "changed" for i in causes)
            try:
                outcomes[step.id] = self._execute(step, planned) if due else "unneeded"
            except (FailedError, ImpossibleError):
                assert step.is_open
                outcomes[step.id] = "failed"
        return {planned.plan.steps[i].identity: outcome for i, outcome in outcomes.items()}

    def _execute(self, step: Step, planned: Planned) -> str:
        before = self._answers(step)
        todo, want = step.ops, step.want
        if todo is None:
            decision = decide_open(planned.resources[step.id], step.probes, before, Identity())
            if decision is None:
                return "unneeded"
            todo, want = decision.ops, decision.want
        elif want is not None and digest_of(before) == want and not step.always:
            return "unneeded"
        elif step.before is not None:
            assert digest_of(before) == step.before, f"stale: {step.identity}"
        for op in todo:
            self.perform(op)
        after = self._answers(step)
        if step.refresh:
            assert after != before
        elif want is not None:
            assert digest_of(after) == want, f"unproven: {step.identity}: {after}"
        elif step.probes and not step.always:
            assert differences(planned.resources[step.id], step.probes, after) == ()
        return "changed"

    def _answers(self, step: Step) -> list[Any]:
        return [self.answer(probe) for probe in step.probes]


def parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def graph_of(*resources: Resource, **components: tuple[str, ...]) -> Graph:
    return build(resources, {f"component:{k}": v for k, v in components.items()})


def names(plan: HostPlan) -> list[str]:
    return [step.identity for step in plan.steps]
