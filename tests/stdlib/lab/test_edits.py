"""Lines and blocks in files of a real host, alone, together, and in files that come with others."""

import pytest

from cfgdsl_stdlib import Block, Command, Directory, File, Line, Package, Service
from tests.stdlib.lab.bench import Bench

pytestmark = pytest.mark.lab


def content(bench: Bench, path: str) -> str:
    """The text of a file on the host, with its last newline."""
    return bench.host.path(path).read_bytes().decode()


def test_a_line_is_set_kept_repaired_updated_and_removed(bench: Bench) -> None:
    path, step = "/srv/sshd_config", "file:/srv/sshd_config"
    bench.sh(f"printf '#Port 22\\nUsePAM yes\\nPort 23' > {path}; chown www-data {path}")
    bench.sh(f"chmod 0640 {path}")

    def port(number: int) -> Line:
        return Line(path, f"Port {number}", match=r"^#?Port ")

    assert bench.apply(lambda: port(2222)) == {step: "update"}
    assert content(bench, path) == "Port 2222\nUsePAM yes\n"
    assert bench.stat(path) == "640 www-data root regular file"

    before = bench.stat(path, "%i %Y %Z")
    assert bench.apply(lambda: port(2222)) == {}
    assert bench.stat(path, "%i %Y %Z") == before

    bench.sh(f"sed -i s/2222/23/ {path}")
    assert bench.apply(lambda: port(2222)) == {step: "update"}
    assert bench.apply(lambda: port(22)) == {step: "update"}
    assert content(bench, path) == "Port 22\nUsePAM yes\n"
    assert bench.apply(lambda: Line(path, match=r"^#?Port ", absent=True)) == {step: "update"}
    assert content(bench, path) == "UsePAM yes\n"


def test_a_block_is_set_kept_repaired_updated_and_removed(bench: Bench) -> None:
    path, step = "/srv/hosts", "file:/srv/hosts"
    bench.sh(f"printf '127.0.0.1 localhost\\r\\n' > {path}")

    def block(text: str) -> Block:
        return Block(path, text, name="web")

    assert bench.apply(lambda: block("192.0.2.1 a\n192.0.2.2 b\n")) == {step: "update"}
    expected = (
        "127.0.0.1 localhost\r\n# BEGIN cfgdsl: web\r\n192.0.2.1 a\r\n192.0.2.2 b\r\n"
        "# END cfgdsl: web\r\n"
    )
    assert content(bench, path) == expected
    bench.sh(f"sed -i /192.0.2.2/d {path}")
    assert bench.apply(lambda: block("192.0.2.1 a\n192.0.2.2 b\n")) == {step: "update"}
    assert content(bench, path) == expected
    assert bench.apply(lambda: block("192.0.2.9 z")) == {step: "update"}
    assert bench.apply(lambda: Block(path, name="web", absent=True)) == {step: "update"}
    assert content(bench, path) == "127.0.0.1 localhost\r\n"


def test_edits_and_a_file_are_one_write(bench: Bench) -> None:
    path, step = "/srv/app.conf", "file:/srv/app.conf"

    def declared(text: str) -> None:
        File(path, content=text, mode=0o600)
        Line(path, "threads = 2", match="^threads")
        Block(path, "debug = no\n", name="debug", above="^end")

    text = "threads = 1\nend\n"
    plan = bench.plan(lambda: declared(text))
    assert [len(each.parts) for each in plan.steps] == [3]
    assert bench.apply(lambda: declared(text)) == {step: "create"}
    expected = "threads = 2\n# BEGIN cfgdsl: debug\ndebug = no\n# END cfgdsl: debug\nend\n"
    assert content(bench, path) == expected
    assert bench.stat(path) == "600 root root regular file"
    assert bench.apply(lambda: declared("x\nend\n")) == {step: "update"}
    bench.sh(f"chmod 0644 {path}")
    assert bench.apply(lambda: declared("x\nend\n")) == {step: "update"}
    assert content(bench, path).startswith("x\n# BEGIN")


def test_a_file_is_made_only_where_that_is_declared(bench: Bench) -> None:
    why = bench.refused(lambda: Line("/srv/none", "a"))
    assert "/srv/none does not exist, and nothing in the plan makes it" in why
    step = {"file:/srv/none": "create"}
    assert bench.apply(lambda: Line("/srv/none", "a", create=True)) == step
    assert content(bench, "/srv/none") == "a\n"

    def both() -> None:
        File("/srv/declared")
        Line("/srv/declared", "a")

    assert bench.apply(both) == {"file:/srv/declared": "create"}
    assert bench.apply(lambda: Line("/srv/never", "a", absent=True)) == {}
    assert not bench.exists("/srv/never")


def test_a_file_that_comes_with_a_package_is_edited_as_it_comes(bench: Bench) -> None:
    path = "/etc/lab-hello.conf"
    bench.sh("apt-get update -qq; dpkg --purge lab-hello 2>/dev/null")

    def declared() -> None:
        Line(path, "greeting = grüße", match="^greeting")
        Block(path, "x\n" * 10000, name="many")
        Package("lab-hello", version="1.1")

    step = bench.plan(declared)["line:/etc/lab-hello.conf:greeting = grüße"]
    assert (step.is_open, step.possible) == (True, True)
    done = bench.apply(declared)
    assert done[f"file:{path}"] in {"create", "update"}
    text = content(bench, path)
    assert "greeting = grüße\n" in text
    assert text.count("x\n") == 10000


def test_a_file_that_a_command_makes_is_edited_after_it(bench: Bench) -> None:
    def declared() -> None:
        Line("/srv/made/f", "two")
        Directory("/srv/made")
        Command(["sh", "-c", "echo one > /srv/made/f"], creates="/srv/made/f")

    assert bench.apply(declared)["file:/srv/made/f"] == "create"
    assert content(bench, "/srv/made/f") == "one\ntwo\n"


def test_a_service_restarts_once_when_parts_of_its_file_change(bench: Bench) -> None:
    unit = "[Service]\nExecStart=/bin/sleep infinity\n"

    def declared(number: int) -> None:
        File("/etc/systemd/system/edited.service", content=unit)
        line = Line("/srv/edited.conf", f"n = {number}", match="^n =", create=True)
        other = Line("/srv/edited.conf", f"m = {number}", match="^m =", create=True)
        Service("edited", running=True, restart_on=[line, other])

    bench.apply(lambda: declared(1))
    assert bench.apply(lambda: declared(2)) == {
        "file:/srv/edited.conf": "update",
        "service:edited.service#restart": "restart",
    }


def test_a_large_file_in_any_script_is_edited_and_a_larger_one_refused(bench: Bench) -> None:
    path = bench.host.path("/srv/large")
    path.write_text("語" * 100 + "\n" + "\x01 ü\n" * 200_000)
    assert bench.apply(lambda: Line("/srv/large", "last")) == {"file:/srv/large": "update"}
    assert path.read_text().endswith("ü\nlast\n")
    path.write_text("a\n" * (512 * 1024 + 1))
    why = bench.refused(lambda: Line("/srv/large", "last"))
    assert "/srv/large cannot be edited: it is larger than 1024 KiB" in why


@pytest.mark.parametrize(
    ("make", "why"),
    [
        ("printf 'a\\0b' > /srv/bad", "it is no text in UTF-8"),
        ("printf 'gr\\374n' > /srv/bad", "it is no text in UTF-8"),
        ("mkdir /srv/bad", "/srv/bad is a directory, not a file"),
        ("mkfifo /srv/bad", "/srv/bad is a device, socket or pipe, not a file"),
        ("ln -s /etc/passwd /srv/bad", "/srv/bad is a symbolic link to /etc/passwd"),
        ("printf '# END cfgdsl: x' > /srv/bad", "its markers are damaged"),
        ("printf '\\356\\200\\200' > /srv/bad", "U+E000"),
    ],
)
def test_what_cannot_be_edited_is_refused_at_plan_time_and_stays(
    bench: Bench, make: str, why: str
) -> None:
    bench.sh(f"rm -rf /srv/bad; {make}")
    assert why in bench.refused(lambda: Block("/srv/bad", "a", name="x"))


def test_conflicts_are_refused_before_anything_runs(bench: Bench) -> None:
    def undone() -> None:
        Line("/etc/hosts", "192.0.2.1 a")
        Line("/etc/hosts", "192.0.2.1 b", match=r"^192\.0\.2\.1 ")

    assert "line:/etc/hosts:192.0.2.1 b undoes line:/etc/hosts:192.0.2.1 a" in bench.refused(undone)

    def gone() -> None:
        File("/etc/hosts", absent=True)
        Line("/etc/hosts", "192.0.2.1 a")

    assert "is declared absent, and edited by line:/etc/hosts" in bench.refused(gone)
