"""What goes wrong on one host, even in a resource type's own code, stops no other."""

from pathlib import Path

import cfgdsl

CONFIG = """
from cfgdsl import *
from cfgdsl_stdlib import File

@resource("fragile")
class Fragile(Resource):
    '''Fails where its path says so.'''

    path: Field[AbsPath] = key(kw_only=False)

    def footprint(self):
        return Footprint(writes=[keys.path(self.path)])

    def probes(self):
        return (probes.Stat(self.path),)

    def observe(self, answers):
        if self.path == "/bad":
            raise TypeError("a mistake in a type")
        return None if answers[probes.Stat(self.path)] is None else self

    def ops(self, change):
        return (ops.Put(self.path, Content.of("x")),)

hosts = [Host.local({root!r} + "/" + name, name=name) for name in ("good", "bad")]

@configure(hosts)
def each(host):
    Fragile("/" + host.name)
"""


def test_a_type_that_fails_on_one_host_leaves_the_others_to_be_done(tmp_path: Path) -> None:
    config = tmp_path / "infra.py"
    config.write_text(CONFIG.replace("{root!r}", repr(str(tmp_path))))
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
    with cfgdsl.load(config) as project:
        plan = project.plan()
        good, bad = plan.hosts
        assert [step.identity for step in good.steps] == ["fragile:/good"]
        (problem,) = bad.problems
        assert "TypeError: a mistake in a type" in problem.summary
        assert problem.origins[0].file == str(config)
        run = project.apply(plan)
    assert set(run.failed_hosts) == {"bad"}
    assert (tmp_path / "good" / "good").read_text() == "x"
