"""Everything as JSON: one document for a result, one line for an event."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.graph import Graph
from cfgdsl.core.plan import Plan, diagnostic_to_json
from cfgdsl.core.secret import redact
from cfgdsl.engine.events import Event, HostPlanned
from cfgdsl.engine.run import Run


def document(data: Any) -> str:
    """One JSON document."""
    return json.dumps(redacted(data), indent=1, sort_keys=True)


def one_line(data: Any) -> str:
    """One line of NDJSON."""
    return json.dumps(redacted(data), ensure_ascii=True)


def redacted(data: Any) -> Any:
    """`data` with secrets as people may see them, in values and in names."""
    match data:
        case str():
            return redact(data)
        case Mapping():
            return {redact(str(key)): redacted(value) for key, value in data.items()}
        case list() | tuple() | set() | frozenset():
            return [redacted(value) for value in data]
        case Diagnostic():
            return redacted(diagnostic_to_json(data))
        case None | bool() | int() | float():
            return data
    return redacted(attrs.asdict(data)) if attrs.has(type(data)) else redact(str(data))


def plan_document(plan: Plan) -> Iterator[str]:
    """The plan's own document, host by host: it holds secrets by reference only."""
    return plan.to_json_parts()


def problems_document(problems: Sequence[Diagnostic]) -> str:
    """What was wrong, where no result could be had."""
    return document({"problems": list(problems)})


def event_data(event: Event) -> dict[str, Any]:
    """An event as JSON: its name in snake case, and its values."""
    data: dict[str, Any] = {"event": _snake(type(event).__name__)}
    for field in attrs.fields(type(event)):
        value = getattr(event, field.name)
        if field.name == "step":
            data |= {"step": value.identity, "id": value.id, "action": value.action}
        elif isinstance(event, HostPlanned) and field.name == "plan":
            data["plan"] = value.to_json()
        elif field.name != "host" or value:
            data[field.name] = value
    return data


def summary_data(run: Run | None, plan: Plan, *, seconds: float) -> dict[str, Any]:
    """The last line of an apply."""
    return {
        "event": "summary",
        "ok": plan.ok and (run is None or run.ok),
        "seconds": round(seconds, 3),
        "run": run.id if run else None,
        "hosts": len(plan.hosts),
        "planned": dict(plan.counts()),
        "outcomes": run.counts() if run else {},
        "unchanged": sum(host.unchanged for host in plan.summaries),
        "failures": [
            {
                "address": done.step.address,
                "outcome": done.outcome,
                "origin": {"file": done.step.origin.file, "line": done.step.origin.line},
                "changes": [change.name for change in done.step.fields],
                "detail": done.detail,
            }
            for done in (run.failures if run else ())
        ],
        "failed_hosts": dict(run.failed_hosts) if run else {},
        "converged": run is None or run.converged,
        "deviations": dict(run.deviations) if run else {},
        "cannot_be_planned": {h.host: list(h.problems) for h in plan.summaries if h.problems},
        "not_started": list(run.halted.not_started) if run and run.halted else [],
    }


def graphs_document(graphs: Mapping[str, Graph]) -> str:
    """Resources and edges of each host."""
    return document({"hosts": {name: graph_data(graph) for name, graph in graphs.items()}})


def graph_data(graph: Graph) -> dict[str, Any]:
    """One host's graph; many that others wait for have one name, which `groups` explains."""
    identities = [*(resource.identity for resource in graph.resources), *graph.barriers]
    groups: dict[str, list[str]] = {name: [] for name in graph.barriers}
    edges = []
    for edge in graph.edges:
        if edge.after < len(graph.resources):
            edges.append(edge)
        else:
            groups[identities[edge.after]].append(identities[edge.before])
    return {
        "resources": [
            {
                "identity": r.identity,
                "origin": {"file": r.origin.file, "line": r.origin.line},
                "parts": [part.identity for part in graph.parts.get(r.identity, ())],
            }
            for r in graph.resources
        ],
        "edges": [
            {
                "before": identities[e.before],
                "after": identities[e.after],
                "kind": e.kind,
                "why": e.why,
            }
            for e in edges
        ],
        "across": [
            {"before": e.address, "after": identities[e.after], "kind": e.kind, "why": e.why}
            for e in graph.foreign
        ],
        "groups": groups,
        "order": [identities[i] for i in graph.order],
    }


def results_document(results: Mapping[str, Any]) -> str:
    """Facts or command results by host; a host without one has its problems."""
    hosts = {
        name: {"problems": list(result)} if isinstance(result, tuple) else result
        for name, result in results.items()
    }
    return document({"hosts": hosts})


def answers_document(found: Mapping[str, Sequence[Any]]) -> str:
    """What each host told, in a list; or its problems."""
    hosts: dict[str, Any] = {}
    for name, told in found.items():
        problems = [each for each in told if isinstance(each, Diagnostic)]
        hosts[name] = {"problems": problems} if problems else list(told)
    return document({"hosts": hosts})


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
