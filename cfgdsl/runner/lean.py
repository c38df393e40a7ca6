"""The C cores of standard modules whose Python wrappers would cost more than the whole start.

On a host every millisecond of import is paid once per connection: `json` 8 ms (it brings `re`),
`signal` 4 ms (it brings `enum`), `hashlib` 3 ms (it brings OpenSSL). Their C cores, which have been
the same since Python 3.8, cost a fraction of one. Where one is missing, the wrapper is used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` itself is 5 ms
if TYPE_CHECKING:
    import hashlib
    import signal
    from typing import Any
else:
    try:
        import _signal as signal
    except ImportError:
        import signal

__all__ = ["dumps", "loads", "sha256", "sha256_large", "signal"]


def _small_sha256() -> Any:
    for name in ("_sha256", "_sha2", "hashlib"):  # until 3.11, from 3.12, anywhere
        try:
            return __import__(name).sha256
        except (ImportError, AttributeError):  # noqa: PERF203
            continue
    raise ImportError("no sha256 in this Python")


_sha256 = _small_sha256()


def sha256(data: bytes = b"") -> hashlib._Hash:
    """A SHA-256 that costs nothing to import."""
    hasher: hashlib._Hash = _sha256(data)
    return hasher


def sha256_large() -> hashlib._Hash:
    """A SHA-256 for large contents: OpenSSL's, up to six times as fast once it is loaded."""
    import hashlib  # noqa: PLC0415 - 3 ms that most runs never need

    return hashlib.sha256()


def _unknown(value: object) -> object:
    raise TypeError("%s is not JSON" % type(value).__name__)


def _no_constant(text: str) -> object:
    raise ValueError("%s is not JSON" % text)


class _Context:
    """The settings of a JSON scanner, as `json.JSONDecoder` has them."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_no_constant)


def _codec() -> tuple[Any, Any]:
    try:
        from _json import encode_basestring_ascii, make_encoder, make_scanner  # noqa: PLC0415

        encoder = make_encoder(
            None, _unknown, encode_basestring_ascii, None, ":", ",", True, False, False
        )
        return encoder, make_scanner(_Context())  # type: ignore[arg-type]
    except (ImportError, TypeError):
        return None, None


_encode, _scan = _codec()


def dumps(value: Any) -> str:
    """JSON text with one spelling for one value: sorted keys, no spaces, ASCII only."""
    if _encode is None:
        import json  # noqa: PLC0415

        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return "".join(_encode(value, 0))


def loads(text: str) -> Any:
    """The value in a JSON text; raises ValueError, or RecursionError when it is nested too deep."""
    if _scan is None:
        import json  # noqa: PLC0415

        return json.loads(text, parse_constant=_no_constant)
    text = text.strip(" \t\n\r")
    try:
        value, end = _scan(text, 0)
    except (StopIteration, SystemError):
        # SystemError: until Python 3.12 the C core raises nothing, because the class of the error
        # is in the wrapper, which was not imported.
        raise ValueError("not a JSON value") from None
    if end != len(text):
        raise ValueError("more than one JSON value")
    return value
