"""Paths in a root: exactly what the kernel would find if that root were "/", and never outside."""

import contextlib
import ctypes
import errno
import os
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfgdsl.runner.paths import Root

# openat2(2) with RESOLVE_IN_ROOT is the oracle: the kernel's own idea of a path in a root.
_OPENAT2, _RESOLVE_IN_ROOT = 437, 0x10
_LIBC = ctypes.CDLL(None, use_errno=True)


def kernel_open(root: str, path: str, flags: int) -> int:
    how = ctypes.create_string_buffer(struct.pack("QQQ", flags, 0, _RESOLVE_IN_ROOT))
    above = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        fd = _LIBC.syscall(_OPENAT2, above, os.fsencode(path), how, 24)
        if fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
        return int(fd)
    finally:
        os.close(above)


def attempt_open(root: str, path: str, follow: bool) -> tuple[int | None, int | None]:
    try:
        return kernel_open(root, path, os.O_PATH | (0 if follow else os.O_NOFOLLOW)), None
    except OSError as error:
        return None, error.errno


def _has_openat2() -> bool:
    try:
        os.close(kernel_open("/", "/", os.O_PATH))
    except OSError as error:
        return error.errno not in (errno.ENOSYS, errno.EPERM)
    return True


names = st.sampled_from(["a", "b", "c"])
parts = st.sampled_from(["a", "b", "c", "..", ".", ""])
relative = st.lists(parts, min_size=1, max_size=5).map("/".join)
targets = st.tuples(st.sampled_from(["", "/"]), relative).map("".join).filter(bool)
entries = st.lists(
    st.tuples(
        st.lists(names, min_size=1, max_size=3).map("/".join),
        st.sampled_from(["dir", "file", "link"]),
        targets,
    ),
    max_size=10,
)


def grow(root: Path, made: list[tuple[str, str, str]]) -> None:
    for path, kind, target in made:
        place = root / path
        try:
            place.parent.resolve().relative_to(root.resolve())
            if kind == "dir":
                place.mkdir(parents=True, exist_ok=True)
            elif kind == "file":
                place.touch(exist_ok=False)
            else:
                place.symlink_to(target)
        except (OSError, ValueError, RuntimeError):
            continue


def identity(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


@pytest.mark.skipif(not _has_openat2(), reason="no openat2(2) here to compare with")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(made=entries, path=relative, follow=st.booleans())
def test_a_path_in_a_root_leads_where_the_kernel_says(
    tmp_path_factory: pytest.TempPathFactory,
    made: list[tuple[str, str, str]],
    path: str,
    follow: bool,
) -> None:
    root = tmp_path_factory.mktemp("root")
    grow(root, made)
    path = "/" + path
    wanted, trouble = attempt_open(str(root), path, follow)
    if wanted is None:
        with (
            pytest.raises(OSError, match=r".") as caught,
            Root(str(root)).locate(path, follow) as place,
        ):
            place.lstat()
        assert caught.value.errno == trouble
        return
    try:
        with Root(str(root)).locate(path, follow) as place:
            found = os.open(place.name, os.O_PATH | os.O_NOFOLLOW, dir_fd=place.fd)
        assert identity(found) == identity(wanted)
        os.close(found)
    finally:
        os.close(wanted)


@pytest.mark.parametrize(
    "path", ["/../../etc/passwd", "/up/etc/passwd", "/abs/passwd", "/updir/../../etc/passwd"]
)
def test_nothing_outside_a_root_is_reached(tree: Path, path: str) -> None:
    (tree / "up").symlink_to("../../../../..")
    (tree / "abs").symlink_to("/etc")
    (tree / "updir").mkdir()
    with pytest.raises(FileNotFoundError), Root(str(tree)).locate(path) as place:
        place.lstat()


def test_open_descriptors_do_not_pile_up(tree: Path) -> None:
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "loop").symlink_to("loop")
    root = Root(str(tree))
    before = len(os.listdir("/proc/self/fd"))
    for path in ("/a/b/c", "/loop/x", "/missing/x/y", "/a/../a/b"):
        with contextlib.suppress(OSError):
            root.locate(path, follow=True).__exit__()
    assert len(os.listdir("/proc/self/fd")) == before


def test_in_the_whole_system_the_end_of_a_link_is_where_the_kernel_says(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "one").symlink_to("real/two")
    (tmp_path / "real" / "two").symlink_to(tmp_path / "real" / "three")
    with Root().locate(str(tmp_path / "one"), follow=True) as place:
        assert place.name == "three"
        assert os.readlink(f"/proc/self/fd/{place.fd}") == str(tmp_path / "real")
