"""Plans and events to render, made by hand."""

from typing import Any

import attrs

from cfgdsl.core.content import Content
from cfgdsl.core.diff import FieldChange
from cfgdsl.core.errors import Diagnostic
from cfgdsl.core.ops import Put, Run, SetAttrs
from cfgdsl.core.origin import Origin
from cfgdsl.core.output import Output
from cfgdsl.core.plan import HostPlan, Part, Plan, Skip, Step
from cfgdsl.core.probes import Unknown
from cfgdsl.core.secret import Secret
from cfgdsl.engine.events import Event, HostDone, HostFailed, RunHalted, StepDone, StepStarted
from cfgdsl.engine.run import Run as RunOutcome


def origin(line: int) -> Origin:
    return Origin("/home/ann/site/infra.py", line, "nginx")


def step(number: int, identity: str, action: str = "create", **values: Any) -> Step:
    kind = identity.partition(":")[0]
    defaults: dict[str, Any] = {
        "id": number,
        "host": "web1",
        "identity": identity,
        "action": action,
        "reason": f"the {kind} is not there",
        "origin": origin(10 + number),
    }
    return Step(**{**defaults, **values})


OLD = "".join(f"line {n}\n" for n in range(1, 41))
NEW = OLD.replace("line 7\n", "line seven\n").replace("line 30\n", "line 30\nadded\n")
SECRET = Content.of("password=hunter2\n")


def web_steps() -> tuple[Step, ...]:
    """One of each kind of change."""
    site = "file:/etc/nginx/conf.d/site.conf"
    content = Content.of("server {\n    listen 80;\n}\n")
    return (
        step(0, "package:nginx", ops=(Run(("apt-get", "install", "-y"), ("nginx",)),)),
        step(
            1,
            site,
            component="component:nginx",
            fields=(
                FieldChange("content", None, content),
                FieldChange("mode", None, 0o644),
                FieldChange("owner", None, "deploy"),
            ),
            ops=(Put("/etc/nginx/conf.d/site.conf", content, 0o644, "deploy"),),
        ),
        step(
            2,
            "file:/etc/nginx/nginx.conf",
            "update",
            component="component:nginx",
            reason="content, mode differ",
            fields=(
                FieldChange("content", Content.of(OLD), Content.of(NEW)),
                FieldChange("mode", 0o600, 0o644),
            ),
            ops=(SetAttrs("/etc/nginx/nginx.conf", 0o644),),
        ),
        step(
            3,
            "user:deploy",
            "update",
            reason="groups, shell differ",
            fields=(
                FieldChange("groups", ("adm",), ("adm", "sudo")),
                FieldChange("shell", "/bin/sh", "/bin/bash"),
            ),
        ),
        step(4, "file:/etc/nginx/sites-enabled/default", "delete", reason="declared absent"),
        step(
            5,
            "service:nginx.service#restart",
            "restart",
            reason=f"{site}, file:/etc/nginx/nginx.conf change",
            causes=(site, "file:/etc/nginx/nginx.conf", "package:nginx"),
            refresh=True,
        ),
        step(6, "command:make site", "run", reason="its guard does not hold"),
    )


def odd_steps() -> tuple[Step, ...]:
    """Secrets, unknown values, binary contents, possible changes, hostile names."""
    hidden = attrs.evolve(SECRET, secret=True)
    binary = Content.of(b"\0\1\2" * 1000)
    key: Output[str] = Output(None, "public_key")
    return (
        step(0, "file:/etc/app/password", fields=(FieldChange("content", None, hidden),)),
        step(
            1,
            "file:/usr/local/bin/tool",
            "update",
            reason="content differs",
            fields=(FieldChange("content", Content.of(b"\0old"), binary),),
        ),
        step(
            2,
            "file:/etc/app/key",
            ops=None,
            fields=(FieldChange("content", None, key), FieldChange("mode", None, 0o600)),
        ),
        step(
            3,
            "service:app.service#restart",
            "restart",
            reason="file:/etc/app/key changes",
            causes=("file:/etc/app/key",),
            possible=True,
            refresh=True,
        ),
        step(
            4,
            "file:/srv/\x1b]0;owned\x07名前",
            "update",
            reason="owner differs",
            fields=(FieldChange("owner", "\x1b[2Jroot\u202e", f"{Secret.env('WHO')}"),),
        ),
        step(
            5,
            "command:backup --now",
            "run",
            reason="runs each time",
            always=True,
        ),
        step(
            6,
            "file:/etc/ssh/sshd_config",
            "update",
            reason="content differs",
            ops=None,
            possible=True,
            fields=(FieldChange("content", Content.of("Port 22\n"), Unknown("the file of then")),),
            parts=(
                Part("file:/etc/ssh/sshd_config", origin(20)),
                Part("line:/etc/ssh/sshd_config:Port \x1b[2J2222", origin(21)),
            ),
        ),
    )


NOTE = Diagnostic(
    summary="the package index is a day old",
    hint="Versions are known after apply.",
    address="web3/package:nginx",
    origins=(origin(10),),
)
UNREACHABLE = Diagnostic(
    summary="cannot connect to 192.0.2.9:22: timed out after 10 s",
    hint="Is it up? Try `ssh web9 true`.",
    address="web9",
    origins=(origin(3),),
)


def fleet() -> Plan:
    """Three hosts that need the same, one of them a little more; one that cannot be reached."""

    def host(name: str, *more: Step) -> HostPlan:
        steps = tuple(attrs.evolve(s, host=name) for s in (*web_steps(), *more))
        skip = Skip(identity="package:ntp", condition="exists(/etc/ntp.conf)", origin=origin(40))
        return HostPlan(host=name, steps=steps, unchanged=29, skipped=(skip,))

    motd = step(
        7,
        "file:/etc/motd",
        "update",
        reason="content differs",
        fields=(FieldChange("content", Content.of("hi"), Content.of("web3\n")),),
    )
    third = attrs.evolve(host("web3", motd), notes=(NOTE,))
    failed = HostPlan(host="web9", problems=(UNREACHABLE,))
    return Plan(project="acme", hosts=(host("web1"), host("web2"), third, failed))


def lone(*steps: Step, **values: Any) -> Plan:
    """A plan of one host."""
    return Plan(project="acme", hosts=(HostPlan(host="web1", steps=steps, **values),))


FAILURE = {
    "error": "nginx -t failed",
    "argv": ["nginx", "-t", "-c", "/etc/nginx/my site.conf"],
    "exit": 1,
    "stdout": "",
    "stderr": '\x1b[31mnginx: [emerg]\x1b[0m unknown directive "worker" in site.conf:3\r\n'
    + "".join(f"more {n}\n" for n in range(20)),
}

SIDE_BY_SIDE = [
    {
        "question": "user deploy",
        "field": "groups",
        "planned_from": ["adm"],
        "found": ["adm", "docker"],
        "wanted": ["adm", "sudo"],
    },
    {
        "question": "stat /home/deploy",
        "field": "mode",
        "planned_from": 0o700,
        "found": 0o777,
        "wanted": 0o750,
    },
    {
        "question": "stat /home/deploy/.profile",
        "field": "",
        "planned_from": None,
        "found": {"kind": "file", "mode": 0o600, "owner": "mal\x1b[2Jlory"},
        "wanted": {"known": "after apply"},
    },
]


def failed_run() -> RunOutcome:
    """Two hosts fail alike, one is lost, one was never started."""
    events: list[Event] = []
    for name in ("web1", "web2"):
        first, second, third, *_ = (attrs.evolve(s, host=name) for s in web_steps())
        events += [
            StepStarted(host=name, step=first),
            StepDone(host=name, step=first, outcome="changed", seconds=1.25),
            StepDone(host=name, step=second, outcome="failed", seconds=0.03, detail=FAILURE),
            StepDone(host=name, step=third, outcome="skipped", detail={"because": "1"}),
            HostDone(host=name, ok=False),
        ]
    stale = attrs.evolve(web_steps()[3], host="web3")
    unproven = attrs.evolve(web_steps()[4], host="web3")
    differences = ["mode is 0o600, not 0o644"]
    events += [
        StepDone(host="web3", step=stale, outcome="stale", detail={"side_by_side": SIDE_BY_SIDE}),
        StepDone(
            host="web3", step=unproven, outcome="unproven", detail={"differences": differences}
        ),
        HostFailed(host="web9", problems=(UNREACHABLE,)),
        RunHalted(reason="3 of 4 hosts failed, more than the run may lose", not_started=("web10",)),
    ]
    return RunOutcome("20260101T000000Z-00000000", tuple(events))
