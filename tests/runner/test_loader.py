"""Getting the runner onto a host: through noise, onto whatever Python there is, with its cache."""

import os
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cfgdsl.runner import loader

from .conftest import Start, needs_root
from .harness import RunnerProcess, eventually

NOBODY = 65534
PYENV = Path("/root/.pyenv/versions")
SYSTEM_PYTHON = "/usr/bin/python3"


@pytest.fixture
def home() -> Iterator[Path]:
    """The home of an unprivileged user; the cache is in it."""
    home = Path(tempfile.mkdtemp(prefix="cfgdsl-home-"))
    if os.geteuid() == 0:
        os.chown(home, NOBODY, NOBODY)
    yield home
    shutil.rmtree(home)


class Cached:
    """Starts runners whose cache is in `home`."""

    def __init__(self, start: Start, home: Path) -> None:
        self._start = start
        self.folder = home / ".cache" / "cfgdsl"
        self._env = {"PATH": os.environ["PATH"], "HOME": str(home)}

    def start(self) -> RunnerProcess:
        user = NOBODY if os.geteuid() == 0 else None
        return self._start(python=SYSTEM_PYTHON, env=self._env, user=user)

    def file(self) -> Path:
        """The cache file, once it is there."""
        assert eventually(lambda: any(not f.name.startswith(".") for f in self._files()))
        return next(f for f in self._files() if not f.name.startswith("."))

    def _files(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.exists() else []

    def fill(self) -> Path:
        runner = self.start()
        assert runner.words == ["send", "run"]
        runner.send({"do": "bye"})
        assert runner.wait() == 0
        return self.file()


@pytest.fixture
def cached(home: Path, start: Start) -> Cached:
    if not Path(SYSTEM_PYTHON).exists():
        pytest.skip(f"no {SYSTEM_PYTHON} that any user may run")
    return Cached(start, home)


def test_the_second_start_needs_no_sending(cached: Cached) -> None:
    file = cached.fill()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    again = cached.start()
    assert again.words == ["run"]
    assert again.probe({"kind": "group", "name": "root"}) == [{"gid": 0}]


@pytest.mark.parametrize("mode", [0o777, 0o755, 0o770, 0o701])
def test_a_folder_that_others_may_enter_is_not_used(cached: Cached, mode: int) -> None:
    cached.fill()
    cached.folder.chmod(mode)
    assert cached.start().words == ["send", "run"]


def test_a_file_that_others_may_read_or_write_is_not_used(cached: Cached) -> None:
    cached.fill().chmod(0o666)
    assert cached.start().words == ["send", "run"]


@needs_root
def test_a_file_of_somebody_else_is_not_used(cached: Cached) -> None:
    os.chown(cached.fill(), 1, NOBODY)
    assert cached.start().words == ["send", "run"]


@needs_root
def test_a_folder_of_somebody_else_is_not_used(cached: Cached) -> None:
    cached.fill()
    os.chown(cached.folder, 1, NOBODY)
    assert cached.start().words == ["send", "run"]


def test_a_link_is_not_followed(cached: Cached) -> None:
    file = cached.fill()
    shutil.move(file, file.parent.parent / "elsewhere")
    file.symlink_to(file.parent.parent / "elsewhere")
    assert cached.start().words == ["send", "run"]
    shutil.rmtree(cached.folder)
    (cached.folder.parent / "real").mkdir(mode=0o700)
    cached.folder.symlink_to("real")
    assert cached.start().words == ["send", "run"]


@pytest.mark.parametrize("size", [0, 10, 31, 32, 100, -1, -1000])
def test_a_torn_file_is_never_executed(cached: Cached, size: int) -> None:
    file = cached.fill()
    file.write_bytes(file.read_bytes()[:size])
    assert cached.start().words == ["send", "run"]


def test_a_changed_file_is_never_executed(cached: Cached) -> None:
    file = cached.fill()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert cached.start().words == ["send", "run"]


def test_a_pipe_in_its_place_hangs_nothing(cached: Cached) -> None:
    file = cached.fill()
    file.unlink()
    os.mkfifo(file, 0o600)
    assert cached.start().words == ["send", "run"]


def test_without_a_writable_disk_it_runs_from_memory(cached: Cached, home: Path) -> None:
    (home / ".cache").touch()
    for _ in range(2):
        runner = cached.start()
        assert runner.words == ["send", "run"]
        assert runner.probe({"kind": "group", "name": "root"}) == [{"gid": 0}]


def test_old_versions_do_not_pile_up(cached: Cached) -> None:
    file = cached.fill()
    for n in range(20):
        shutil.copy(file, file.with_name(f"old-{n}"))
        os.utime(file.with_name(f"old-{n}"), (n, n))
    file.unlink()
    cached.fill()
    assert eventually(lambda: len(list(cached.folder.iterdir())) <= 4)


def test_a_damaged_bundle_is_not_run(start: Start, home: Path) -> None:
    other = zlib.compress(b"cfgdsl_runner\0\0cfgdsl_runner.main\0print('owned')")
    for bundle in (other, b"no zlib at all", b""):
        runner = start(
            env={"PATH": os.environ["PATH"], "HOME": str(home)},
            bundle=len(bundle).to_bytes(8, "big") + bundle,
            user=NOBODY if os.geteuid() == 0 else None,
            python=SYSTEM_PYTHON,
        )
        assert runner.words[0] == "send"
        assert runner.words[1].startswith("error ")
        assert runner.wait() == 70


def test_noise_of_a_login_shell_is_skipped(start: Start) -> None:
    argv = loader.command("f00", python=sys.executable)
    noisy = "printf 'Welcome!\\n\\0\\377f0 no newline '; exec \"$@\""
    runner = start(["sh", "-c", noisy, "sh", *argv], marker="f00")
    assert runner.words[-1] == "run"
    assert runner.noise == b"Welcome!\n\0\xfff0 no newline "


def test_no_python_is_said_in_one_line(start: Start) -> None:
    runner = start(loader.command("f00", python="/no/such/python"), marker="f00")
    assert runner.words == ["error no python"]


@pytest.mark.parametrize("version", ["2.7.18", "3.6.15", "3.7.16"])
def test_too_old_a_python_is_said_in_one_line(start: Start, version: str) -> None:
    python = PYENV / version / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no Python {version} here")
    runner = start(python=str(python))
    assert runner.words == ["error too old: " + version.rpartition(".")[0]]
    assert runner.wait() == 70
    assert runner.stderr() == ""


def test_one_that_is_too_old_hands_over_to_the_next(start: Start) -> None:
    old = PYENV / "3.6.15" / "bin" / "python3"
    if not old.exists():
        pytest.skip("no Python 3.6 here")
    candidates = ["/no/such/python", str(old), "/nor/this", sys.executable]
    runner = start(loader.command("f00", pythons=candidates), marker="f00")
    assert runner.words[-1] == "run"
    assert runner.facts["python_version"] == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize("word", ["it's", 'a "b"', "$(touch canary)`", "-c", "ünï"])
def test_a_root_with_any_name_reaches_no_shell(start: Start, tmp_path: Path, word: str) -> None:
    (tmp_path / word).mkdir()
    runner = start(root=str(tmp_path / word))
    assert runner.facts["root"] == str(tmp_path / word)


def test_what_lies_in_the_current_folder_is_not_imported(start: Start, tmp_path: Path) -> None:
    for name in ("os", "marshal", "zlib", "struct", "select", "stat"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('planted')", encoding="ascii")
    argv = loader.command("f00", python=sys.executable)
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)}
    runner = start(["env", "-C", str(tmp_path), *argv], marker="f00", env=env)
    assert runner.words[-1] == "run"
    assert runner.probe({"kind": "group", "name": "root"}) == [{"gid": 0}]


def test_file_names_are_utf8_whatever_the_locale(start: Start, tmp_path: Path) -> None:
    (tmp_path / "grüße").touch()
    for locale in ("C", "POSIX", "de_DE.ISO-8859-1", "no_SUCH"):
        runner = start(env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": locale})
        [answer] = runner.probe({"kind": "stat", "path": str(tmp_path / "grüße")})
        assert answer["kind"] == "file"


def test_the_bundle_is_small_and_whole() -> None:
    folder = Path(loader.__file__).parent
    modules = {file.stem for file in folder.glob("*.py")} - {"__init__", "loader"}
    assert set(loader.MODULES) == modules
    assert len(loader.bundle()) < 60_000
    assert len(" ".join(loader.command("f00"))) < 4096
