"""The form of plan files: whole, canonical, private, signed; else refused (S11, S12)."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import cfgdsl
from cfgdsl import ConfigurationError, Content
from cfgdsl.core.content import TEXT_LIMIT
from cfgdsl.engine.planfile import is_plan_file, read_plan_file
from cfgdsl.engine.planfile_writer import checked, write_plan_file

DOCUMENTS = ('{"format":1,"project":null,"hosts":[\n\n]}', '{"hosts":[],"made_from":{}}')

CONFIG = """
from cfgdsl import Host, Secret, configure, project
from cfgdsl_stdlib import Directory, File
project("demo")
@configure(Host.local({root!r}))
def all(host):
    folder = Directory("/d", mode=0o750)
    File("/d/a", content="hello\\n")
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    path = tmp_path / "infra.py"
    path.write_text(CONFIG.format(root=str(tmp_path / "root")))
    return path


def save(config: Path, name: str = "x.plan", **options: Path) -> Path:
    path = config.parent / name
    with cfgdsl.load(config) as project:
        project.save(project.plan(), path, **options)
    return path


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """Two ed25519 keys, as ssh-keygen makes them."""
    made = [tmp_path / "signer", tmp_path / "other"]
    for path in made:
        quiet = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me@here", "-f", str(path)]
        subprocess.run(quiet, check=True)
    return made[0], made[1]


def refused(
    path: Path, match: str = "is not a plan to rely on", *, trust: str | None = None
) -> None:
    with pytest.raises(ConfigurationError, match=match):
        cfgdsl.load_plan(path, trust=trust)


def flipped(path: Path, length: int) -> Iterator[int]:
    """Each of the first bytes of a file in turn with another value, and then its own again.

    Another bit for each: that of the case of a letter, which a lenient reader would not see, too.
    """
    data = path.read_bytes()
    with path.open("r+b", buffering=0) as file:
        for index in range(length):
            for mask in {1 << index % 8, 0x20}:
                os.pwrite(file.fileno(), bytes([data[index] ^ mask]), index)
                yield index
            os.pwrite(file.fileno(), data[index : index + 1], index)


def test_every_flipped_byte_and_every_truncation_is_refused(config: Path) -> None:
    path = save(config)
    data = path.read_bytes()
    assert cfgdsl.load_plan(path).plan.counts() == {"create": 2}
    for _ in flipped(path, len(data)):
        refused(path)
    assert path.read_bytes() == data
    for length in reversed(range(len(data))):
        os.truncate(path, length)
        refused(path)
    path.write_bytes(data + b"\n")
    refused(path)


def test_every_flipped_byte_of_a_signed_plan_is_refused_also_by_who_trusts_nobody(
    config: Path, keys: tuple[Path, Path]
) -> None:
    path = save(config, sign=keys[0])
    for _ in flipped(path, path.read_bytes().index(b"\n") + 1):
        refused(path)
    assert cfgdsl.load_plan(path).plan.ok


def test_the_same_input_is_the_same_bytes(config: Path) -> None:
    assert save(config, "a.plan").read_bytes() == save(config, "b.plan").read_bytes()


def test_a_plan_is_shown_as_the_public_document_in_it(config: Path) -> None:
    path = save(config)
    with cfgdsl.load(config) as project:
        text = project.plan().to_json()
    assert cfgdsl.load_plan(path).plan.to_json() == text
    assert text.encode() in path.read_bytes()


FOREIGN = {
    "empty": b"",
    "a configuration": b"from cfgdsl import *\n",
    "JSON": b'{"format": 1}\n',
    "a plan's JSON": DOCUMENTS[0].encode(),
    "binary": bytes(range(256)) * 50,
    "a long line": b'{"cfgdsl_plan":1' + b" " * 100_000,
    "deep JSON": b'{"cfgdsl_plan":' + b"[" * 900 + b"\n",
    "not canonical": b'{"cfgdsl_plan":1, "digest":"", "signature":null}\n',
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.plan"
    path.write_bytes(FOREIGN[kind])
    refused(path)


def test_a_folder_a_missing_and_an_unreadable_file_are_refused(tmp_path: Path) -> None:
    refused(tmp_path, "Is a directory")
    refused(tmp_path / "nope", "No such file")


def test_a_newer_format_is_refused_by_its_number(config: Path) -> None:
    path = save(config)
    path.write_bytes(path.read_bytes().replace(b'{"cfgdsl_plan":1', b'{"cfgdsl_plan":2', 1))
    refused(path, "Its format is 2, not 1")


def test_a_plan_is_told_from_a_configuration_by_content(config: Path) -> None:
    assert is_plan_file(save(config, "looks_like_a_module.py"))
    assert not is_plan_file(config)
    assert not is_plan_file(config.parent)
    assert not is_plan_file(config.parent / "nope")


def test_a_plan_is_private_and_nothing_is_left_beside_it(config: Path) -> None:
    before = os.umask(0)
    try:
        path = save(config)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in config.parent.iterdir() if p.name.startswith(".")] == []


def test_where_others_may_write_no_plan_is_written_or_read(config: Path) -> None:
    path = save(config)
    path.chmod(0o666)
    refused(path, "can be written by every user")
    path.chmod(0o600)
    config.parent.chmod(0o777)
    refused(path, "can be written by every user")
    with pytest.raises(ConfigurationError, match="can be written by every user"):
        write_plan_file(config.parent / "y.plan", DOCUMENTS, [])
    config.parent.chmod(0o1777)
    assert cfgdsl.load_plan(path).plan.ok


def test_only_a_plan_or_an_empty_file_is_overwritten(config: Path) -> None:
    (config.parent / "empty").touch(mode=0o644)
    for name in ("x.plan", "x.plan", "empty"):
        assert save(config, name).stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigurationError, match="is there already, and is no plan"):
        save(config, "infra.py")
    with pytest.raises(ConfigurationError, match="cannot write x: No such file"):
        save(config, "no/x")


def test_contents_come_back_large_ones_from_the_file(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * (TEXT_LIMIT + 1))
    content = Content.of(large.read_bytes())
    streamed = Content(content.sha256, content.size, path=str(large))
    small = Content.of("small")
    path = tmp_path / "x.plan"
    write_plan_file(path, DOCUMENTS, sorted([small, streamed], key=lambda c: c.sha256))
    large.unlink()
    found = read_plan_file(path)
    assert (found.plan, found.execution) == DOCUMENTS
    assert found.contents[small.sha256].data == b"small"
    assert found.contents[content.sha256].data is None
    assert b"".join(checked(found.contents[content.sha256])) == b"x" * (TEXT_LIMIT + 1)


def test_a_content_that_changes_while_it_is_written_leaves_no_file(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"other")
    content = Content("0" * 64, 5, path=str(large))
    with pytest.raises(ConfigurationError, match="changed since it was planned"):
        write_plan_file(tmp_path / "x.plan", DOCUMENTS, [content])
    assert [p.name for p in tmp_path.iterdir()] == ["large"]


def test_contents_out_of_order_or_twice_are_refused(tmp_path: Path) -> None:
    two = sorted([Content.of("a"), Content.of("b")], key=lambda c: c.sha256)
    for wrong in (two[::-1], [two[0], two[0]]):
        path = tmp_path / "x.plan"
        write_plan_file(path, DOCUMENTS, wrong)
        refused(path)


def test_a_trusted_signature_is_taken_and_no_other(config: Path, keys: tuple[Path, Path]) -> None:
    unsigned, signed = save(config, "u.plan"), save(config, "s.plan", sign=keys[0])
    public, other = (path.with_suffix(".pub") for path in keys)
    assert cfgdsl.load_plan(signed).signed_by is not None
    for trust in (str(public), public.read_text().strip()):
        assert cfgdsl.load_plan(signed, trust=trust).plan.ok
    refused(signed, "signed by another key", trust=str(other))
    refused(unsigned, "the plan is not signed", trust=str(public))
    both = config.parent / "allowed"
    both.write_text(f"# who may\n\n{other.read_text()}{public.read_text()}")
    assert cfgdsl.load_plan(signed, trust=both).signed_by == cfgdsl.load_plan(signed).signed_by


def test_a_signature_cannot_be_moved_to_another_plan(config: Path, keys: tuple[Path, Path]) -> None:
    one = save(config, "1.plan", sign=keys[0])
    config.write_text(config.read_text().replace("hello", "other"))
    other = save(config, "2.plan", sign=keys[0])
    head, foreign = (path.read_bytes().partition(b"\n")[0] for path in (one, other))
    start = head.index(b'"signature"')
    moved = head[:start] + foreign[foreign.index(b'"signature"') :]
    one.write_bytes(one.read_bytes().replace(head, moved, 1))
    refused(one)


def test_keys_that_cannot_sign_or_be_trusted_are_told(
    config: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    private, public = keys[0], keys[0].with_suffix(".pub")
    rsa, locked = tmp_path / "rsa", tmp_path / "locked"
    for path, kind, phrase in ((rsa, "rsa", ""), (locked, "ed25519", "secret")):
        argv = ["ssh-keygen", "-q", "-t", kind, "-N", phrase, "-f", str(path)]
        subprocess.run(argv, check=True)
    wrong = {
        tmp_path / "nope": "No such file",
        rsa: "is no ed25519 key",
        public: "others may read the key",
        locked: "has a passphrase, and nobody could be asked",
    }
    for path, match in wrong.items():
        with pytest.raises(ConfigurationError, match=match):
            save(config, sign=path)
    private.chmod(0o644)
    with pytest.raises(ConfigurationError, match="others may read the key"):
        save(config, sign=private)
    path = save(config)
    refused(path, "is no ed25519 key", trust=str(rsa.with_suffix(".pub")))
    refused(path, "is no public key", trust=str(private))
    refused(path, "cannot read the public key", trust=str(tmp_path / "nope"))


def test_a_key_with_a_passphrase_asks_for_it(config: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "open", "-f", str(locked)]
    subprocess.run(argv, check=True)
    answers = ["wrong", "open"]
    options = cfgdsl.Options(ask=lambda _: answers.pop(0))
    with cfgdsl.load(config, options=options) as project:
        plan = project.plan()
        with pytest.raises(ConfigurationError, match="the passphrase is wrong"):
            project.save(plan, tmp_path / "x.plan", sign=locked)
        project.save(plan, tmp_path / "x.plan", sign=locked)
    assert cfgdsl.load_plan(tmp_path / "x.plan").signed_by is not None
