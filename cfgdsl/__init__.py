"""Configure hosts and services from plain, typed Python: a truthful plan, then exactly that plan.

Every public name is importable from here; each is loaded when it is first used, so that
``import cfgdsl`` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cfgdsl.core import footprint as keys
    from cfgdsl.core import ops, probes
    from cfgdsl.core.condition import Condition, command_ok, exists
    from cfgdsl.core.content import Content, LocalFile, Template, Text
    from cfgdsl.core.diff import Change
    from cfgdsl.core.errors import (
        CfgdslError,
        ConfigurationError,
        Diagnostic,
        ImpossibleError,
        TargetError,
        UnknownValueError,
    )
    from cfgdsl.core.facts import CustomFact, Facts, custom_fact
    from cfgdsl.core.fields import Field, field, key
    from cfgdsl.core.footprint import Footprint
    from cfgdsl.core.host import Become, Host
    from cfgdsl.core.ops import Op
    from cfgdsl.core.output import Output
    from cfgdsl.core.plan import HostPlan, HostSummary, Plan, Step
    from cfgdsl.core.probes import Answers, Probe
    from cfgdsl.core.refresh import Task
    from cfgdsl.core.resource import Resource, resource
    from cfgdsl.core.secret import Secret
    from cfgdsl.core.values import AbsPath, Argv, Env, FileContent, ListOf, Mode, Name, Owner
    from cfgdsl.engine.ad_hoc import CommandResult
    from cfgdsl.engine.declare import component, configure, moved, project, template
    from cfgdsl.engine.events import Event
    from cfgdsl.engine.options import Options
    from cfgdsl.engine.project import Project, load
    from cfgdsl.engine.run import Run
    from cfgdsl.engine.saved import SavedPlan, load_plan

_HOME = {
    "AbsPath": "core.values",
    "Answers": "core.probes",
    "Argv": "core.values",
    "Become": "core.host",
    "CommandResult": "engine.ad_hoc",
    "Options": "engine.options",
    "CfgdslError": "core.errors",
    "Change": "core.diff",
    "Condition": "core.condition",
    "ConfigurationError": "core.errors",
    "Content": "core.content",
    "Diagnostic": "core.errors",
    "Env": "core.values",
    "Event": "engine.events",
    "CustomFact": "core.facts",
    "Facts": "core.facts",
    "Field": "core.fields",
    "FileContent": "core.values",
    "Footprint": "core.footprint",
    "ListOf": "core.values",
    "LocalFile": "core.content",
    "Template": "core.content",
    "Text": "core.content",
    "Host": "core.host",
    "HostPlan": "core.plan",
    "HostSummary": "core.summary",
    "ImpossibleError": "core.errors",
    "Mode": "core.values",
    "Name": "core.values",
    "Op": "core.ops",
    "Output": "core.output",
    "Owner": "core.values",
    "Plan": "core.plan",
    "Probe": "core.probes",
    "Project": "engine.project",
    "Resource": "core.resource",
    "Run": "engine.run",
    "Secret": "core.secret",
    "Step": "core.plan",
    "TargetError": "core.errors",
    "Task": "core.refresh",
    "UnknownValueError": "core.errors",
    "command_ok": "core.condition",
    "component": "engine.declare",
    "configure": "engine.declare",
    "custom_fact": "core.facts",
    "exists": "core.condition",
    "field": "core.fields",
    "key": "core.fields",
    "SavedPlan": "engine.saved",
    "load": "engine.project",
    "load_plan": "engine.saved",
    "moved": "engine.declare",
    "project": "engine.declare",
    "resource": "core.resource",
    "template": "engine.declare",
}
_MODULES = {
    "keys": "cfgdsl.core.footprint",
    "ops": "cfgdsl.core.ops",
    "probes": "cfgdsl.core.probes",
}

__version__ = "0.1.0"

__all__ = [
    "AbsPath",
    "Answers",
    "Argv",
    "Become",
    "CfgdslError",
    "Change",
    "CommandResult",
    "Condition",
    "ConfigurationError",
    "Content",
    "CustomFact",
    "Diagnostic",
    "Env",
    "Event",
    "Facts",
    "Field",
    "FileContent",
    "Footprint",
    "Host",
    "HostPlan",
    "HostSummary",
    "ImpossibleError",
    "ListOf",
    "LocalFile",
    "Mode",
    "Name",
    "Op",
    "Options",
    "Output",
    "Owner",
    "Plan",
    "Probe",
    "Project",
    "Resource",
    "Run",
    "SavedPlan",
    "Secret",
    "Step",
    "TargetError",
    "Task",
    "Template",
    "Text",
    "UnknownValueError",
    "__version__",
    "command_ok",
    "component",
    "configure",
    "custom_fact",
    "exists",
    "field",
    "key",
    "keys",
    "load",
    "load_plan",
    "moved",
    "ops",
    "probes",
    "project",
    "resource",
    "template",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'cfgdsl' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"cfgdsl.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
