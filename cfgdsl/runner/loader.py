"""How the runner gets onto a host and starts there. This module runs on the controller only.

The handshake, byte for byte:

1. The controller runs the argv of `command(marker, ...)`: `sh` finds a Python and becomes it, with
   `BOOTSTRAP` on its command line.
2. The bootstrap writes lines to stdout, after whatever noise a login shell has written before
   (search the stream for the marker; the noise need not end with a newline)::

       <marker> send\\n         there is no intact copy: the controller must write `framed_bundle()`
       <marker> run\\n          the runner starts; from the next byte on, frames follow
       <marker> error <why>\\n  "no python", "too old: 3.6", "incomplete: No module named 'zlib'",
                               "damaged: ..."; then the process ends

   The first is ``run``, ``send`` or ``error``; after ``send`` comes one more, ``run`` or ``error``.
3. `framed_bundle()` is 8 bytes, the length of the bundle (big-endian), and the bundle. It is
   checked against the digest from the command line before any of it is compiled.
4. After ``run`` both sides speak frames (`wire`); the first one is the runner's ``ready``.

The cache holds compiled code, so it must be only what this user wrote and exactly that: a file
0600 in a folder 0700 of the same owner, no links, its own SHA-256 in front. Anything else is not
looked at, and the runner runs from memory.
"""

from __future__ import annotations

import functools
import os
import zlib

from .lean import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MODULES = (
    "lean",
    "wire",
    "checks",
    "channel",
    "accounts",
    "paths",
    "process",
    "pool",
    "files",
    "query",
    "probes",
    "facts",
    "morefacts",
    "cache",
    "state",
    "generated",
    "journal",
    "record",
    "backups",
    "contents",
    "trees",
    "ops",
    "attempt",
    "schedule",
    "lock",
    "keeper",
    "survey",
    "observe",
    "execute",
    "main",
)
"""What is sent: every module that runs on hosts."""

PYTHONS = (
    "python3",
    *("python3.%d" % minor for minor in range(14, 7, -1)),
    "/usr/libexec/platform-python",
)
"""Where a Python is looked for, in this order: the first that is 3.8 or newer is used."""

# -B: write no .pyc files. -E -s: nothing from the environment or the user's site. -S: no site
# packages at all. (-I is the same, but Python 2 dies of it before it can say its version.) LC_ALL=C
# makes Python 3.7+ use UTF-8 for file names whatever the locale (PEP 540).
_FLAGS = "-BEsS -c"

# $1 bootstrap, $2 marker, $3 digest, $4 root, then candidates. Python gets the candidates that are
# left, so that one that is too old can hand over to the next.
_SHELL = (
    "export LC_ALL=C; b=$1 m=$2 d=$3 r=$4; shift 4; "
    'while [ $# -gt 0 ]; do p=$1; shift; command -v "$p" >/dev/null 2>&1 && '
    'exec "$p" %s \'import sys;exec(sys.argv[1])\' "$b" "$m" "$d" "$r" "$@"; done; '
    'echo "$m error no python"' % _FLAGS
)

# Also valid in Python 2 and 3.0 to 3.7, which only get as far as `too old`. The empty entry of
# sys.path, the current folder, goes before anything is imported that is not built in.
BOOTSTRAP = r"""
import sys
sys.path = [p for p in sys.path if p]
import os
boot, marker, digest, root = sys.argv[1:5]
def say(text):
    os.write(1, (marker + " " + text + "\n").encode())
if sys.version_info < (3, 8):
    for i in range(5, len(sys.argv)):
        try:
            os.execvp(sys.argv[i], [sys.argv[i]] + "FLAGS".split()
                + ["import sys;exec(sys.argv[1])"] + sys.argv[1:5] + sys.argv[i + 1:])
        except OSError:
            pass
    say("error too old: %d.%d" % sys.version_info[:2])
    sys.exit(70)
try:
    import marshal, zlib, _frozen_importlib_external as importer
    try:
        from _sha256 import sha256
    except ImportError:
        try:
            from _sha2 import sha256
        except ImportError:
            from hashlib import sha256
    folder = "/var/cache/cfgdsl" if os.geteuid() == 0 else os.path.expanduser("~/.cache/cfgdsl")
    name = digest + "-" + importer.MAGIC_NUMBER.hex()
    fresh = None
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        d = os.open(folder, flags | os.O_DIRECTORY)
        s = os.fstat(d)
        if (s.st_uid, s.st_mode) != (os.geteuid(), 0o40700):
            raise OSError
        f = os.open(name, flags, dir_fd=d)
        s = os.fstat(f)
        if (s.st_uid, s.st_mode) != (os.geteuid(), 0o100600):
            raise OSError
        with open(f, "rb") as f:
            b = f.read()
        if sha256(b[32:]).digest() != b[:32]:
            raise OSError
        code = marshal.loads(b[32:])
        os.close(d)
    except (OSError, ValueError, EOFError):
        say("send")
        with open(0, "rb", 0, closefd=False) as f:
            def read(n):
                b = b""
                while len(b) < n:
                    piece = f.read(n - len(b))
                    if not piece:
                        sys.exit(70)
                    b += piece
                return b
            n = int.from_bytes(read(8), "big")
            b = read(n) if n < 1 << 20 else b""
        b = zlib.decompressobj().decompress(b, 1 << 22)
        if sha256(b).hexdigest() != digest:
            say("error damaged: what arrived is not what was announced")
            sys.exit(70)
        b = b.decode().split("\0")
        code = {n: compile(s, "<" + n + ">", "exec", 0, True, 2) for n, s in zip(b[::2], b[1::2])}
        fresh = folder, name, code
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name in code:
                return type(sys.__spec__)(name, self, is_package="." not in name)
        def create_module(self, spec):
            pass
        def exec_module(self, module):
            exec(code[module.__name__], module.__dict__)
    sys.meta_path.insert(0, Finder())
    from cfgdsl_runner.main import main
except (ImportError, zlib.error) as error:
    say("error incomplete: %s" % error)
    sys.exit(70)
say("run")
sys.exit(main(root, fresh))
""".replace("FLAGS", _FLAGS)


def command(
    marker: str, *, python: str | None = None, root: str = "/", pythons: Sequence[str] = PYTHONS
) -> list[str]:
    """The argv that starts the runner on a host.

    `marker`: random letters and digits, new for each start. `python`: use exactly this one. `root`:
    the folder that all paths are in ("/": the whole system).
    """
    candidates = [python] if python else list(pythons)
    return ["sh", "-c", _SHELL, "sh", BOOTSTRAP, marker, digest(), root, *candidates]


@functools.lru_cache(maxsize=None)
def _source() -> bytes:
    """The runner's modules, as name, NUL, source, NUL, name ..."""
    folder = os.path.dirname(__file__)
    parts = ["cfgdsl_runner", ""]
    for module in MODULES:
        with open(os.path.join(folder, module + ".py"), encoding="utf-8") as file:
            parts += ["cfgdsl_runner." + module, file.read()]
    return "\0".join(parts).encode()


@functools.lru_cache(maxsize=None)
def digest() -> str:
    """SHA-256 (hex) of the runner's source."""
    return sha256(_source()).hexdigest()


@functools.lru_cache(maxsize=None)
def bundle() -> bytes:
    """What is sent to a host that has no intact copy: the source, compressed."""
    return zlib.compress(_source(), 9)


def framed_bundle() -> bytes:
    """The answer to ``send``: the length in 8 bytes, then the bundle."""
    return len(bundle()).to_bytes(8, "big") + bundle()
