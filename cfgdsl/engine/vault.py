"""Where the values of secrets are fetched and kept: memory only, each fetched once per run.

The one module that turns references into values, and the one that finds values in text to take them
out again.
"""

import base64
import json
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.secret import Secret, generated_secret, redact, reveal, secrets_in

Ask = Callable[[str], str | None]

_COMMAND_TIMEOUT = 60
_MIN_SCRUBBED = 4
"""Shorter values are not searched for in output: they would hit everywhere."""


class Vault:
    """Fetches secrets when a run needs them."""

    def __init__(self, store: Mapping[str, Any] | None = None, ask: Ask | None = None) -> None:
        self._store = store or {}
        self._ask = ask
        self._values: dict[Secret, str] = {}
        self._missing: set[Secret] = set()
        self._needles: dict[str, str] = {}
        """What is looked for in text; replaced as a whole, for others may be reading it."""
        self._learning = threading.Lock()

    def value(self, secret: Secret) -> str:
        """The value; raises `ConfigurationError` that says how to provide it."""
        if secret not in self._values:
            self._learn(secret, self._fetch(secret))
        return self._values[secret]

    def keep(self, host: str, name: str, value: str) -> str:
        """Take the value of a secret that a host has generated. The reference to it, which is all
        that anybody else is told. From any thread."""
        secret = generated_secret(host, name)
        self._learn(secret, value)
        self._missing.discard(secret)
        return secret.token

    def has_value(self, secret: Secret) -> bool:
        """Whether its value is here already."""
        return secret in self._values

    def _learn(self, secret: Secret, value: str) -> None:
        with self._learning:
            if self._values.get(secret) != value:
                self._values[secret] = value
                found = dict.fromkeys(_forms(value), f"({_label(secret)})")
                self._needles = {**self._needles, **found}

    def has(self, text: str) -> bool:
        """Whether all that `text` refers to can be had now; what cannot is not asked for again
        before `look_again`.

        Raises `ConfigurationError` for a name that the store does not know: that is a mistake, not
        a provider that is down.
        """
        return all(map(self._is_available, secrets_in(text)))

    def look_again(self) -> None:
        """Ask anew for what was not available: its provider may be up by now."""
        self._missing.clear()

    def source_of(self, secret: Secret) -> Secret | None:
        """The secret that a name in the store stands for, through other names; any other secret is
        its own. None: the store has the value itself. Raises `ConfigurationError`."""
        seen = {secret}
        while secret.source == "store":
            found = self._store.get(secret.argument)
            if found is None:
                raise _without_value(secret)
            if not isinstance(found, Secret):
                return None
            if found in seen:
                raise _without_value(secret)
            seen.add(found)
            secret = found
        return secret

    def _is_available(self, secret: Secret) -> bool:
        if secret in self._missing:
            return False
        source = self.source_of(secret) or secret
        try:
            self.value(secret)
        except ConfigurationError:
            if source.source == "prompt" and self._ask is not None:
                raise  # who was asked and gave no answer wants to stop
            self._missing.add(secret)
            return False
        return True

    def reveal(self, text: str) -> str:
        """`text` with every reference replaced by its value."""
        found = secrets_in(text)
        return reveal(text, {s: self.value(s) for s in found}) if found else text

    def reveal_json(self, data: Any) -> Any:
        """JSON with every reference in its texts replaced: for the channel to a host, only."""
        if isinstance(data, str):
            return self.reveal(data)
        if isinstance(data, list | tuple):
            return [self.reveal_json(item) for item in data]
        if isinstance(data, dict):
            return {key: self.reveal_json(item) for key, item in data.items()}
        return data

    def scrub(self, text: str) -> str:
        """`text` without the value of any secret fetched so far, in any common spelling."""
        for needle, label in self._needles.items():
            if needle in text:
                text = text.replace(needle, label)
        return redact(text)

    def holds_secret(self, text: str) -> bool:
        """Whether the value of a secret that was used is in `text`."""
        return any(needle in text for needle in self._needles)

    def scrub_json(self, data: Any) -> Any:
        """JSON with all its texts scrubbed."""
        if isinstance(data, str):
            return self.scrub(data)
        if isinstance(data, list | tuple):
            return [self.scrub_json(item) for item in data]
        if isinstance(data, dict):
            return {key: self.scrub_json(item) for key, item in data.items()}
        return data

    def _fetch(self, secret: Secret) -> str:
        fetch = getattr(self, f"_from_{secret.source}")
        value: str | None = fetch(secret.argument)
        if value is None:
            raise _without_value(secret)
        return value

    def _from_env(self, name: str) -> str | None:
        return os.environ.get(name)

    def _from_file(self, path: str) -> str | None:
        try:
            return Path(path).expanduser().read_text().removesuffix("\n")
        except OSError as error:
            raise ConfigurationError(
                Diagnostic(summary=f"cannot read the secret in {path}: {error.strerror}")
            ) from None

    def _from_command(self, argument: str) -> str | None:
        argv = json.loads(argument)
        try:
            done = subprocess.run(  # noqa: S603 - the user's own argv, no shell
                argv, capture_output=True, text=True, check=False, timeout=_COMMAND_TIMEOUT
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConfigurationError(
                Diagnostic(summary=f"cannot run {argv[0]} for a secret: {error}")
            ) from None
        if done.returncode != 0:
            raise ConfigurationError(
                Diagnostic(
                    summary=f"{argv[0]}, which gives a secret, exited with {done.returncode}",
                    detail=done.stderr[-500:],
                )
            )
        return done.stdout.removesuffix("\n")

    def _from_prompt(self, question: str) -> str | None:
        return self._ask(question) if self._ask is not None else None

    def _from_generated(self, _name: str) -> str | None:
        return None  # its host has not told it

    def _from_store(self, name: str) -> str | None:
        self.source_of(Secret(name))  # a name that leads back to itself has no value
        value = self._store.get(name)
        return self.value(value) if isinstance(value, Secret) else value


_HINTS = {
    "env": "Set the environment variable.",
    "file": "Put the value into the file.",
    "command": "Make the command print the value.",
    "prompt": "Run it on a terminal, where it can be asked for.",
    "store": "Add it to project(..., secrets={...}).",
    "generated": "Its host must be among those of the plan, and have it: apply there first.",
}


def _without_value(secret: Secret) -> ConfigurationError:
    summary = f"{secret!r} has no value"
    return ConfigurationError(Diagnostic(summary=summary, hint=_HINTS[secret.source]))


def _label(secret: Secret) -> str:
    return f"secret {secret.source} {secret.argument}"


def _forms(value: str) -> list[str]:
    """The spellings in which a value may turn up: plain, JSON, URL, base64, each line of it."""
    raw = value.encode()
    forms = {
        value,
        json.dumps(value)[1:-1],
        quote(value, safe=""),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
        *(line for line in value.splitlines() if len(line) >= 8),
    }
    return sorted((f for f in forms if len(f) >= _MIN_SCRUBBED), key=len, reverse=True)
