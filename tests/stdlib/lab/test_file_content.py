"""Files on a real host: what is in them, and how it gets there."""

import hashlib
import resource
import textwrap
from pathlib import Path

import pytest

from cfgdsl import template
from cfgdsl_stdlib import File
from tests.stdlib.lab.bench import Bench

pytestmark = pytest.mark.lab

BINARY = bytes(range(256)) * 300
"""No text, and more than a diff would show."""


def test_text_is_created_kept_repaired_and_updated(bench: Bench) -> None:
    path = "/srv/text"
    assert bench.apply(lambda: File(path, content="one\n")) == {f"file:{path}": "create"}
    assert bench.out("cat", path) == "one"
    assert bench.stat(path) == "644 root root regular file"

    bench.sh(f"echo drift >> {path}")
    assert bench.apply(lambda: File(path, content="one\n")) == {f"file:{path}": "update"}
    assert bench.out("cat", path) == "one"

    assert bench.apply(lambda: File(path, content="two\n")) == {f"file:{path}": "update"}
    assert bench.out("cat", path) == "two"

    assert bench.apply(lambda: File(path, absent=True)) == {f"file:{path}": "delete"}
    assert not bench.exists(path)


def test_an_unchanged_file_is_not_written_again(bench: Bench) -> None:
    path = "/srv/kept"
    bench.apply(lambda: File(path, content="same\n"))
    before = bench.stat(path, "%i %Y %Z")
    assert bench.apply(lambda: File(path, content="same\n")) == {}
    assert bench.stat(path, "%i %Y %Z") == before


def test_a_diff_of_old_and_new_text_is_in_the_plan(bench: Bench) -> None:
    bench.sh("printf 'old\\n' > /srv/diffed")
    (step,) = bench.plan(lambda: File("/srv/diffed", content="new\n")).steps
    (change,) = step.fields
    assert (change.name, change.before.text, change.after.text) == ("content", "old\n", "new\n")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("binary", BINARY),
        ("empty", b""),
        ("no-newline", b"end"),
        ("crlf", b"a\r\nb\r\n"),
        ("latin1", "é".encode("latin-1")),
        ("nul", b"\0"),
    ],
)
def test_bytes_arrive_as_they_are(bench: Bench, name: str, content: bytes) -> None:
    path = f"/srv/bytes-{name}"
    assert bench.apply(lambda: File(path, content=content)) == {f"file:{path}": "create"}
    assert bench.host.path(path).read_bytes() == content
    bench.sh(f"printf x >> {path}")
    assert bench.apply(lambda: File(path, content=content)) == {f"file:{path}": "update"}
    assert bench.host.path(path).read_bytes() == content


def test_a_template_is_rendered_with_its_last_newline(bench: Bench, tmp_path: Path) -> None:
    source = tmp_path / "site.conf.j2"
    source.write_text("{% for p in ports %}\nlisten {{ p }};\n{% endfor %}\nend <&>\n")

    def made() -> object:
        return File("/srv/rendered", content=template(str(source), ports=[80, 443]))

    assert bench.apply(made) == {"file:/srv/rendered": "create"}
    assert "listen 80;" in bench.out("cat", "/srv/rendered")
    assert bench.host.path("/srv/rendered").read_text().endswith("end <&>\n")
    source.write_text("changed\n")
    assert bench.apply(made) == {"file:/srv/rendered": "update"}
    assert bench.host.path("/srv/rendered").read_text() == "changed\n"


def test_a_template_with_an_unknown_variable_is_refused_at_plan_time(
    bench: Bench, tmp_path: Path
) -> None:
    source = tmp_path / "bad.j2"
    source.write_text("fine\n{{ wrokers }}\n")
    why = bench.refused(lambda: File("/srv/bad", content=template(str(source), workers=1)))
    assert f"{source}:2" in why
    assert "wrokers" in why


def test_a_local_file_is_the_source(bench: Bench, tmp_path: Path) -> None:
    source = tmp_path / "logo.png"
    source.write_bytes(BINARY)

    def made() -> object:
        return File("/srv/logo.png", source=str(source), mode=0o640)

    assert bench.apply(made) == {"file:/srv/logo.png": "create"}
    assert bench.host.path("/srv/logo.png").read_bytes() == BINARY
    source.write_bytes(BINARY[::-1])
    assert bench.apply(made) == {"file:/srv/logo.png": "update"}
    assert bench.host.path("/srv/logo.png").read_bytes() == BINARY[::-1]


def test_a_source_that_is_not_there_is_refused_at_plan_time(bench: Bench, tmp_path: Path) -> None:
    why = bench.refused(lambda: File("/srv/none", source=str(tmp_path / "none")))
    assert f"cannot read {tmp_path / 'none'}: No such file or directory" in why


def test_a_large_source_is_streamed_in_bounded_memory(bench: Bench, tmp_path: Path) -> None:
    source = tmp_path / "large"
    digest = hashlib.sha256()
    with source.open("wb") as file:
        for number in range(200):
            piece = number.to_bytes(4, "big") * (2**20 // 4)
            digest.update(piece)
            file.write(piece)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def made() -> object:
        return File("/srv/large", source=str(source))

    assert bench.apply(made) == {"file:/srv/large": "create"}
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert bench.out("sha256sum", "/srv/large").split()[0] == digest.hexdigest()
    assert grown < 50 * 1024, f"{grown} KiB more than before"
    assert bench.out("sh", "-c", "ls -A /srv | grep -c cfgdsl || true") == "0", (
        "a temp file is left"
    )
    assert bench.apply(lambda: File("/srv/large", absent=True)) == {"file:/srv/large": "delete"}


@pytest.mark.parametrize(
    "name",
    [
        "grüße",
        "日本語",
        "with space",
        "quote'\"s",
        "$HOME `id`",
        "-rf",
        "new\nline",
        "*",
        "%s",
        "a:b",
    ],
)
def test_any_name_is_only_a_name(bench: Bench, name: str) -> None:
    path = f"/srv/names/{name}"
    bench.sh("mkdir -p /srv/names")

    def made() -> object:
        return File(path, content="x")

    assert list(bench.apply(made).values()) == ["create"]
    assert bench.host.path(path).read_text() == "x"
    assert list(bench.apply(lambda: File(path, absent=True)).values()) == ["delete"]
    assert not bench.host.path(path).exists()


CHECK = textwrap.dedent("""\
    #!/bin/sh
    case "$1" in /srv/*) ;; *) echo "not beside the file: $1" >&2; exit 3;; esac
    grep -q valid "$1" || { echo "no: $(cat "$1")" >&2; exit 1; }
""")


def test_a_file_that_its_check_refuses_never_goes_live(bench: Bench) -> None:
    bench.sh(f"cat > /usr/local/bin/check <<'END'\n{CHECK}END\nchmod +x /usr/local/bin/check")
    check = ["check", "%s"]
    path = "/srv/checked"

    def good() -> object:
        return File(path, content="valid 1\n", mode=0o600, validate=check)

    assert bench.apply(good) == {f"file:{path}": "create"}
    before = bench.stat(path, "%i %Y")

    ended = bench.fails(lambda: File(path, content="wrong\n", mode=0o644, validate=check))
    outcome, detail = ended[f"file:{path}"]
    assert outcome == "failed"
    assert detail["exit"] == 1
    assert detail["stderr"] == "no: wrong\n"
    assert bench.out("cat", path) == "valid 1"
    assert bench.stat(path) == "600 root root regular file"
    assert bench.stat(path, "%i %Y") == before
    assert bench.out("sh", "-c", "ls -A /srv | grep -c cfgdsl || true") == "0"


def test_a_source_that_changes_after_the_plan_is_not_sent(bench: Bench, tmp_path: Path) -> None:
    source = tmp_path / "moving"
    source.write_bytes(BINARY)
    for change, why in (
        (lambda: source.write_bytes(BINARY[1:]), "a content changed while it was sent"),
        (lambda: source.write_bytes(BINARY[::-1]), "the runner refused, and changed nothing"),
        (source.unlink, f"cannot read {source} any more"),
    ):
        source.write_bytes(BINARY)
        plan = bench.observe(lambda: File("/srv/moving", source=str(source)))
        change()
        (problems,) = bench.project.apply(plan).failed_hosts.values()
        assert why in problems[0].summary
        assert not bench.exists("/srv/moving")
