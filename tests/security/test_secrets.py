"""A secret is in no output, record, process list or environment, whatever happens (S6, S7, S8)."""

import base64
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Self
from urllib.parse import quote

import pytest

from tests.badinput.workspace import Code, Done, Workspace, reach, ssh_config
from tests.lab import OPS_PASSWORD, Lab, LabHost

NEEDLE = f"hunter{os.urandom(4).hex()}"  # nobody else's, in the process lists of this machine
SECRET = f"{NEEDLE}-'\"<&>-canary\\x"
ENV = {"CANARY": SECRET}
FORMS = (
    SECRET,
    NEEDLE,
    json.dumps(SECRET)[1:-1],
    quote(SECRET),
    base64.b64encode(SECRET.encode()).decode(),
)
EVERYWHERE = [["-v"], ["--json", "-v"]]
FILES = """
    secret = Secret.env("CANARY")
    File("/by-itself", content=secret)
    File("/in-text", content=f"password = {secret}\\n")
    File("/joined", content="\\n".join(["a", str(secret)]))
    File("/in-json", content=__import__("json").dumps({"password": str(secret)}))
    File("/in-bytes", content=f"password = {secret}\\n".encode())
    File("/templated", content=template("t.j2", password=secret))
    Line("/line", f"password = {secret}", name="password", match="^password", create=True)
    Block("/block", f"password = {secret}\\n", name="password", create=True)
"""


def silent(done: Done, *codes: int) -> None:
    assert done.code in codes, done
    assert "Traceback" not in done.all
    for form in FORMS:
        assert form not in done.all, form


def nowhere(folder: Path, *but: str) -> None:
    """No file below the folder holds it, whatever its name, but for these."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.name not in but:
            data = path.read_bytes()
            assert NEEDLE.encode() not in data, path


@pytest.mark.parametrize("options", EVERYWHERE, ids=" ".join)
def test_contents_reach_their_files_and_nothing_else(work: Workspace, options: list[str]) -> None:
    """S6."""
    work.module("{{ password }}\n", name="t.j2")
    work.local(FILES)
    for name in ("in-text", "line"):
        (work.root / name).write_text(f"password = old-{SECRET}\n")
    silent(work.cli("plan", *options, env=ENV), 0)
    silent(work.cli("apply", "--yes", *options, env=ENV), 0)
    names = (
        *("by-itself", "in-text", "joined", "in-json", "in-bytes", "templated"),
        *("line", "block"),
    )
    for name in names:
        path = work.root / name
        expected = json.dumps(SECRET)[1:-1] if name == "in-json" else SECRET
        assert expected in path.read_text(), name
        assert path.stat().st_mode & 0o777 == 0o600, name
    nowhere(work.root, *names)
    nowhere(work.folder.parent / "home")
    silent(work.cli("plan", "--detailed-exitcode", *options, env=ENV), 0)


def test_digests_and_sizes_of_secrets_are_in_no_plan(work: Workspace) -> None:
    """S6: a short secret could be guessed from them."""
    work.local('File("/x", content=Secret.env("CANARY"))')
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    for options in (["plan", "--json"], ["apply", "--yes", "--json", "-v"]):
        done = work.cli(*options, env=ENV)
        assert digest not in done.all
    journal = (work.root / ".cfgdsl/test/journal").read_text()
    assert digest not in journal


REFUSED = {
    "a path": "File(f'/{secret}', content='')",
    "an argument": "Command(['echo', str(secret)], always=True)",
    "a shell line": "Command(shell=f'echo {secret}', always=True)",
    "an environment": "Command(['true'], env={'A': str(secret)}, always=True)",
    "a link": "Symlink('/x', to=f'/{secret}')",
    "a comment": "User('deploy', comment=str(secret))",
    "a name": "User(str(secret))",
    "a validation": "File('/x', content='', validate=['true', '%s', str(secret)])",
}


@pytest.mark.parametrize("where", REFUSED)
def test_where_others_could_see_it_a_secret_is_refused(work: Workspace, where: str) -> None:
    """S6, S8."""
    work.local(f'secret = Secret.env("CANARY")\n{REFUSED[where]}  # HERE')
    done = work.run("plan")
    assert done.code == 2, done
    assert work.line() in done.all
    assert "secret" in done.err


def test_an_exception_of_the_user_shows_the_reference_only(work: Workspace) -> None:
    """S6."""
    work.local('secret = Secret.env("CANARY")\nraise ValueError(f"it is {secret}")  # HERE')
    done = work.cli("plan", env=ENV)
    silent(done, 2)
    assert "it is (secret env CANARY)" in done.all


def test_a_template_error_shows_the_reference_only(work: Workspace) -> None:
    """S6."""
    work.module("{{ password.nothing }}\n", name="t.j2")
    work.local('File("/x", content=template("t.j2", password=Secret.env("CANARY")))')
    silent(work.cli("plan", env=ENV), 2)


def test_labels_and_debug_output_show_the_reference_only(work: Workspace) -> None:
    """S6: in names of components, in tags, in what the configuration prints."""
    work.local("""
        for number, secret in enumerate([Secret.env("CANARY")]):
            print(secret, repr(secret), [secret], f"{secret}")
            with component(f"user-{secret}"):
                File(f"/{number}", content=secret, tags=[f"tag-{secret}"])
    """)
    for options in (["plan", "-v"], ["graph", "--json"], ["apply", "--yes", "-v"]):
        silent(work.cli(*options, env=ENV), 0)


GENERATED = """
    password = RandomPassword("db")
    File("/by-itself", content=password.value)
    File("/in-text", content=password.value.map("password = {}\\n".format))
    File("/in-json", content=password.value.map(lambda p: __import__("json").dumps([p])))
    File("/templated", content=template("t.j2", password=password.value))
"""
HOLDERS = ("by-itself", "in-text", "in-json", "templated")


@pytest.mark.parametrize("options", EVERYWHERE, ids=" ".join)
def test_a_generated_password_reaches_its_files_and_nothing_else(
    work: Workspace, options: list[str]
) -> None:
    """S6, S9, S19: created, unchanged, repaired, from a saved plan, replaced, failed."""
    work.module("{{ password }}\n", name="t.j2")
    work.local(GENERATED)
    told = [work.cli("apply", "--yes", *options)]
    assert told[0].code == 0, told
    (kept,) = (work.root / ".cfgdsl/test/generated").iterdir()
    secret = kept.read_text()
    for name in HOLDERS:
        path = work.root / name
        assert secret in path.read_text(), name
        assert path.stat().st_mode & 0o777 == 0o600, name
    told.append(work.cli("plan", "--detailed-exitcode", *options))
    (work.root / "in-text").write_text(f"password = {secret}, old\n")
    (work.root / "by-itself").unlink()
    told.append(work.cli("plan", *options))
    told.append(work.cli("plan", *options, "--out", "saved"))
    told.append(work.cli("show", "saved"))
    told.append(work.cli("apply", "--yes", *options, "saved"))
    told.append(work.cli("apply", "--yes", *options))
    told += [work.cli("graph", "--json"), work.cli("history"), work.cli("drift", *options)]
    work.local(f"{GENERATED}    File('/none/x', content=password.value)")
    told.append(work.cli("plan", *options))
    assert [done.code for done in told] == [0] * 10 + [1], told
    digest = hashlib.sha256(secret.encode()).hexdigest()
    forms = (secret, digest, base64.b64encode(secret.encode()).decode())
    for done in told:
        assert "Traceback" not in done.all
        assert not [form for form in forms if form in done.all], done.all
    for path in [*work.root.rglob("*"), *work.folder.rglob("*")]:
        if path.is_file() and path != kept and path.name not in HOLDERS:
            data = path.read_bytes()
            assert not [form for form in forms if form.encode() in data], path


class Sampler:
    """Reads every process list and environment of the machine, over and over."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.found: list[str] = []
        self.rounds = 0

    def _sample(self) -> None:
        while not self._over.is_set():
            self.rounds += 1
            for process in Path("/proc").glob("[0-9]*"):
                self._read(process / "cmdline")
                if b"cfgdsl" not in _bytes(process / "cmdline"):  # its own has the variable
                    self._read(process / "environ")

    def _read(self, path: Path) -> None:
        if NEEDLE.encode() in _bytes(path):
            self.found.append(f"{path}: {_bytes(path.parent / 'cmdline')!r}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.fixture(scope="module")
def host(lab: Lab) -> LabHost:
    return lab.hosts(1)[0]


COMMANDS = """
    secret = Secret.env("CANARY")
    quiet = Command(["sh", "-c", "cat > /root/got; sleep 0.3"], input=secret, always=True)
    File("/root/key", content=secret)
    Command(shell="cat >&2; base64 /root/key >&2; exit 3", input=secret, always=True, after=quiet)
    Command(shell="cat /root/key; exit 4", always=True, after="file:/root/key")
"""


@pytest.mark.lab
@pytest.mark.parametrize("options", [["-v"], ["--json"]], ids=" ".join)
def test_what_a_failing_command_prints_is_scrubbed(
    host: LabHost, work: Workspace, options: list[str]
) -> None:
    """S6, S7, S8, S14: its output, the host's journal, every process list."""
    password = Code('Become(password=Secret.env("SUDO"))')
    work.hosts(COMMANDS, reach(host, user="ops", become=password))
    with Sampler() as sampler:
        arguments = ("apply", "--yes", *options, *ssh_config(host))
        done = work.cli(*arguments, env={**ENV, "SUDO": OPS_PASSWORD})
    silent(done, 1)
    assert "(secret env CANARY)" in done.all
    assert OPS_PASSWORD not in done.all
    assert host.path("/root/got").read_text() == SECRET
    assert sampler.rounds > 3
    assert sampler.found == []
    logs = host.run(["journalctl", "--no-pager"]).stdout
    assert NEEDLE not in logs
    assert OPS_PASSWORD not in logs
    nowhere(host.path("/var/lib/cfgdsl"))
    nowhere(host.path("/var/cache/cfgdsl"))
    nowhere(host.path("/var/log"))


GENERATED_COMMANDS = """
    password = RandomPassword("db")
    quiet = Command(["sh", "-c", "cat > /root/got; sleep 0.3"], input=password.value, always=True)
    key = File("/root/key", content=password.value)
    Command(shell="cat >&2; base64 /root/key >&2; exit 3", input=password.value, always=True,
            after=quiet)
    Command(shell="cat /root/key; exit 4", always=True, after=key)
"""


@pytest.mark.lab
@pytest.mark.parametrize("options", [["-v"], ["--json"]], ids=" ".join)
def test_a_generated_password_is_scrubbed_from_what_commands_print(
    host: LabHost, work: Workspace, options: list[str]
) -> None:
    """S6, S7, S8."""
    host.run(["sh", "-c", "rm -rf /root/got /root/key /var/lib/cfgdsl/.unnamed"])
    work.hosts(GENERATED_COMMANDS, reach(host, user="root"))
    done = work.cli("apply", "--yes", *options, *ssh_config(host))
    folder = host.path("/var/lib/cfgdsl/.unnamed/generated")
    (kept,) = folder.iterdir()
    secret = kept.read_text()
    assert done.code == 1, done
    assert (kept.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert f"(secret generated {host.name}/db)" in done.all
    assert host.path("/root/got").read_text() == secret
    assert host.path("/root/key").read_text() == secret
    assert secret not in done.all
    assert base64.b64encode(secret.encode()).decode() not in done.all
    assert secret not in host.run(["journalctl", "--no-pager"]).stdout
    for top in ("/var/lib/cfgdsl", "/var/cache/cfgdsl", "/var/log"):
        for path in host.path(top).rglob("*"):
            if path.is_file() and not path.is_symlink() and path != kept:
                assert secret.encode() not in path.read_bytes(), path
    again = work.cli("apply", "--yes", *options, *ssh_config(host))
    assert secret not in again.all
    assert kept.read_text() == secret
