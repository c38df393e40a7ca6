"""The language that controller and runner share: frames, canonical JSON, digests, and the closed
sets of probes and ops.

The controller imports this module of the runner too, so that both sides agree by construction. It
is pure and runs on Python 3.8.

Frames
    A frame is a 4-byte big-endian length, one kind byte, and the payload. ``J`` is a message in
    JSON; ``B`` is a piece of a content: 32 bytes of raw SHA-256 (which content), then its data.

Messages, controller to runner
    ``{"do": "facts"}``: the facts that cost something (the cheap ones come with the greeting).
    ``{"do": "probe", "probes": [...], "record": {"project": NAME, "declared": [[NAME, DIGEST]]}}``:
    answers to all probes, in order; with `record`, what the record of a project says too. Without
    it, `project` says whose generated secrets are asked about.
    ``{"do": "execute", "run": ID, "project": NAME, "steps": [...], "contents": [[sha256, size]]}``:
    followed by the ``B`` frames of the contents; execution starts when all have arrived. For the
    record: `by` (who runs this), `adopt` (what is managed from now on without a change, by name:
    own and applied, as in steps), `forget` (names, once all steps have ended well; of a name that
    owes and is owned, the debt only, unless it stands twice), `rename` (old names to new ones).
    `look`: see `finished`.
    ``{"do": "history", "project": NAME, "run": ID}``: the runs of a project, and what one noted.
    ``{"do": "resolve", "steps": {ID: {"ops": [...], "want": D}, ID: {"done": OUTCOME, ...}}}``:
    the controller's decision on steps that the runner has reported as ``observed``. Ops may put
    contents that were decided only now: their ``texts`` come with them.
    ``{"do": "stop"}``: start no further step, let what runs end (a second one kills it).
    ``{"do": "bye"}``: end (as does the end of the stream).

Messages, runner to controller
    ``{"is": "ready", "protocol": 1, "facts": {...}}``: the greeting, after the loader's marker.
    ``{"is": "facts", "facts": {...}}``, ``{"is": "answers", "answers": [...], "record": {...}}``,
    ``{"is": "history", "runs": {...}, "entries": [...]}``.
    ``{"is": "event", ...}``: see `EVENTS`; many may come in a row.
    ``{"is": "finished", "answers": [...]}``: every step of an ``execute`` has an outcome. With
    answers when `look` asked for it and something has changed: the questions that were asked last
    together with a `record`, asked once more.
    ``{"is": "refused", "why": TEXT}``: the message cannot be carried out; nothing was changed.

An answer is JSON; None means absent. ``{"error": TEXT}`` means that the question could not be
answered (permission denied, no such program): never the same as absent.
"""

from __future__ import annotations

import struct

from .lean import dumps, loads, sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

PROTOCOL = 1

MAX_MESSAGE = 64 * 1024 * 1024
"""The longest JSON message either side accepts, in bytes."""

MAX_CAPTURED = 64 * 1024
"""How many bytes of a command's output can be kept whole, for others to use."""

LEAST_SECRET, MOST_SECRET = 8, 1024
"""How many characters a generated secret has."""

CHUNK = 128 * 1024
"""How many bytes of a content travel in one frame."""

JSON_FRAME = b"J"
BLOB_FRAME = b"B"

_HEAD = struct.Struct("!Ic")
HEAD_SIZE = _HEAD.size

MOST_NAMES = 1000
"""How many names an answer to `list` has at most."""

# Which fields each probe has. A field marked "?" may be left out; its value is then None.
PROBES = {
    # How a path is: {"kind": "file" | "dir" | "link" | "other", "mode": int, "owner": NAME,
    # "group": NAME}, for a link {"kind": "link", "target": TEXT, "owner", "group"}. With `follow`
    # the answer is that of the end of a chain of links. Names: a uid without one is its number.
    "stat": ("path", "follow?"),
    # A regular file's content: {"sha256", "size", "text"}; None when there is no regular file.
    # `text` (not part of digests) is there only when sha256 differs from `unless`, size is at most
    # `up_to` and the bytes are UTF-8 without NUL; else None.
    "read": ("path", "unless?", "up_to?", "follow?"),
    # What is in a directory: {"names": [sorted], "more": bool}, at most `MOST_NAMES` of them, the
    # first in order. None when there is no directory; a link to one is none.
    "list": ("path",),
    # {"uid", "group", "comment", "home", "shell", "groups": [sorted, without the primary]}
    "user": ("name",),
    # The answer: {"gid": int}
    "group": ("name",),
    # Who has a number: {"name": NAME}, of the `database` "user" or "group".
    "account_name": ("database", "number"),
    # Which number a name has, as an owner of files: {"number": int}. Also a target that is only a
    # directory has owners: those of the machine that it lies on.
    "account_number": ("database", "name"),
    # A bulk question: all `query` probes alike but for `item` run as ONE command, argv + items.
    # split "rows": a line of columns (by `separator`, default TAB), the first is the item; answer:
    # the list of the others. split "blocks": paragraphs of KEY<separator>VALUE lines (default "=");
    # matched to items by the field `key`, or, without it, by order; answer: the mapping of the
    # fields named in `fields` (all when empty). `when` is a probe: asked only where that one's
    # answer is None, else None. `absent`, "KEY=VALUE|VALUE": a block with one of these counts as
    # missing (`systemctl show` answers for units that do not exist). A missing item is None,
    # whatever the exit status.
    "query": ("argv", "item", "split", "separator?", "key?", "fields?", "absent?", "when?"),
    # {"exit": int, "stdout": TEXT} of a command (output bounded; `user` drops privilege first).
    "run": ("argv", "cwd?", "env?", "user?", "stdin?", "timeout?"),
    # A secret of the project that `generate` has made: {"length": int, "fits": bool, "text"}.
    # `fits`, whether all its characters are of `alphabet`, is there only when that is. `text` (not
    # part of digests) is the secret itself, for `reveal`, unless it does not fit; else None.
    "generated": ("name", "alphabet?", "reveal?"),
}

# What each op does to the host, and its fields.
OPS = {
    # Replace or create a regular file atomically, with its final owner and mode from its first
    # byte. None: keep what the replaced file has (new: 0644 and the runner's user). `secret`: no
    # copy is kept of what it replaces. A content that is not sent may be one of these copies.
    # `validate`: argv, "%s" in it stands for the temp file; its failure leaves all as it was.
    "put": (
        "path",
        "sha256",
        "size",
        "mode?",
        "owner?",
        "group?",
        "validate?",
        "follow?",
        "secret?",
    ),
    "mkdir": ("path", "mode?", "owner?", "group?", "parents?"),
    # A symbolic link, replacing an existing link atomically; anything else in its place: refused.
    "link": ("path", "to", "owner?", "group?"),
    "set_attrs": ("path", "mode?", "owner?", "group?", "follow?"),
    # Delete; a directory with content only when `recursive` (links in it go, and stay unfollowed).
    "remove": ("path", "recursive?", "secret?"),
    # Run argv + items. Ops alike but for `items` that are ready together run as one command.
    # `ok`: exit codes of success (default [0]). `stdin`: text. `user`: drop privilege first.
    # `capture`: in a step to report, what it prints is kept whole, under this name, without the
    # newlines at its end; it fails when that is no UTF-8 text or more than `MAX_CAPTURED` bytes.
    "run": ("argv", "items?", "cwd?", "env?", "user?", "stdin?", "timeout?", "ok?", "capture?"),
    # Make a secret at random, of `length` characters of `alphabet`, and keep it in a file of its
    # own, 0600, in the folder of the project's record. One that is there is never replaced.
    "generate": ("name", "length", "alphabet"),
    # Delete that file.
    "discard": ("name",),
}

# A step as the runner sees it. `after`: ids of steps that must have ended well. `locks`: names;
# steps that share one never run at the same time. `before`: digest of the answers that the ops were
# planned from (None: any). `want`: digest of the answers afterwards (None: the controller judges).
# `ops` None: an open step; the runner reports `observed` with the answers and waits for `resolve`.
# `refresh`: proven by answers that differ from those before the ops (a new invocation of a unit).
# `always`: the ops run even when `want` already holds.
# `causes`: ids of steps; this one is due only if at least one of them ended `changed` (a restart on
# change); when none did, it is `unneeded` without a probe. Causes are waited for like `after`.
# `barrier`: stands for its causes where many steps wait for them. It asks nothing, does nothing and
# is never told of: it ends with the last of them, `changed` if one of them is.
# `report`: when it ends well, its `done` says the last answers, and what its ops captured.
# For the record: `own` says what the resource behind the step is (kept as it is; only its `gone`,
# declared absent, and `drop`, how to take it away, mean something here), `was` how it was before
# the ops (None: not there), `applied` is a digest of what is applied. `past`, in
# the place of `own`: what it was done to, that is not owned. `release`: it is owned no
# longer once this ended well. `debt`: a refresh that is owed, also to later runs, from before one
# of its causes changes until it ended well; `since` names a field in the answer to its first probe:
# microseconds of the monotonic clock since when what it refreshes runs. Started after the last
# cause took effect, nothing is owed any more.
STEP = (
    "id", "name", "probes", "ops?",
    "after?", "causes?", "locks?", "before?", "want?", "retries?", "timeout?", "refresh?",
    "always?", "own?", "was?", "applied?", "release?", "debt?", "since?",
    "past?", "barrier?", "report?",
)  # fmt: skip

# Events: {"is": "event", "event": KIND, "step": ID, ...}
EVENTS = (
    "started",  # the first op is about to run
    "observed",  # answers: of an open step (phase "before"), or of one to judge (phase "after")
    "output",  # stream, text: a piece of a command's output, bounded
    "done",  # outcome (one of OUTCOMES), seconds, detail; of a step to report: answers, captured
)

OUTCOMES = (
    "changed",  # ops ran, and the probes say that it is as wanted
    "unneeded",  # it was already as wanted: no op ran
    "failed",  # an op failed (detail: error, argv, exit, stdout, stderr)
    "unproven",  # ops ran without error, but the probes say that it is not as wanted
    "stale",  # neither as planned from nor as wanted: untouched (detail: answers)
    "skipped",  # a step that it waits for did not end well (detail: because = its id)
    "stopped",  # not started, because the run was stopped
)

# What each message from the controller holds, next to "do".
MESSAGES = {
    "facts": (),
    "probe": ("probes", "record?", "project?"),
    "execute": (
        "run",
        "steps",
        "project?",
        "contents?",
        "by?",
        "adopt?",
        "forget?",
        "rename?",
        "look?",
    ),
    "history": ("project?", "run?"),
    "resolve": ("steps",),
    "stop": (),
    "bye": (),
}


# The controller's decision on one step, in `resolve`: what to do, how it ended, or, now that the
# controller knows more about it, what to observe instead (`probes`; then it is `observed` again).
# `texts`: contents that its ops may put, besides those that were sent.
DECISION = (
    "ops?", "want?", "done?", "detail?", "own?", "was?", "applied?", "probes?", "texts?",
)  # fmt: skip

# What of a record is asked for with probes, and what is noted in it without a step.
RECORD = ("project?", "declared", "rename?")
NOTE = ("own", "applied")
# `drop`: questions, ops that take the thing away, keys.
OWN = ("drop", "kind?", "keys?", "values?", "gone?", "protect?", "on_drop?", "dropping?", "origin?")
DROP = ("probes", "ops", "writes", "reads?", "reads_under?", "locks?")


class WireError(Exception):
    """What came over the wire is not what the protocol allows."""


def canonical(value: Any) -> str:
    """JSON text with one spelling for one value: sorted keys, no spaces, ASCII only."""
    return dumps(value)


def digest(answers: Sequence[Any]) -> str:
    """24 hex digits that stand for a list of answers; the texts for diffs do not count."""
    bare = [
        {k: v for k, v in answer.items() if k != "text"} if isinstance(answer, dict) else answer
        for answer in answers
    ]
    return sha256(dumps(bare).encode()).hexdigest()[:24]


def encode(message: Mapping[str, Any]) -> bytes:
    """One JSON message as a frame."""
    payload = dumps(message).encode()
    if len(payload) > MAX_MESSAGE:
        raise WireError("a message of %d bytes is longer than the limit" % len(payload))
    return _HEAD.pack(len(payload), JSON_FRAME) + payload


def encode_blob_head(sha256: str, size: int) -> bytes:
    """The head of a `B` frame for `size` bytes of the content `sha256` (hex); the data follows."""
    return _HEAD.pack(32 + size, BLOB_FRAME) + bytes.fromhex(sha256)


def parse_head(head: bytes, limit: int = MAX_MESSAGE) -> tuple[int, bytes]:
    """The length and kind of the frame that starts with these `HEAD_SIZE` bytes."""
    length, kind = _HEAD.unpack(head)
    if kind not in (JSON_FRAME, BLOB_FRAME):
        raise WireError("unknown frame kind %r" % (kind,))
    limit = limit if kind == JSON_FRAME else 32 + CHUNK
    if length > limit:
        raise WireError("a frame of %d bytes is longer than the limit of %d" % (length, limit))
    return length, kind


def decode(payload: bytes) -> dict[str, Any]:
    """The message in a JSON frame: an object, or WireError."""
    try:
        message = loads(payload.decode())
    except (ValueError, RecursionError) as error:
        raise WireError("not JSON: %s" % type(error).__name__) from None
    if not isinstance(message, dict):
        raise WireError("a message must be a JSON object")
    return message
