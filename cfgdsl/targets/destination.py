"""Where an SSH host really is and how it is reached: its declaration over the ssh configuration.

What the declaration says wins. Keywords that are honoured: HostName, User, Port, IdentityFile,
IdentitiesOnly, IdentityAgent, ProxyJump, ProxyCommand, UserKnownHostsFile, GlobalKnownHostsFile,
HostKeyAlias, HashKnownHosts, ConnectTimeout, ServerAliveInterval, Include, Host, Match.
StrictHostKeyChecking is read by nobody: cfgdsl is always strict, but for `accept_new_host_keys` of
the run, so that a line somewhere in a file never loosens it.
"""

import getpass
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from cfgdsl.core.errors import Diagnostic, TargetError
from cfgdsl.core.host import Host
from cfgdsl.core.secret import Secret
from cfgdsl.targets.host_keys import HostKeys, lookup_name
from cfgdsl.targets.options import Options
from cfgdsl.targets.ssh_config import SshConfig, expand_path, expand_tokens, standard_tokens

_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_USER_KNOWN_HOSTS = ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]
_GLOBAL_KNOWN_HOSTS = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"]
_JUMP = re.compile(
    r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?P<host>\[[^\]]+\]|[^:@\[\]]+)(?::(?P<port>\d+))?/?"
)
# Outside of quotes these mean something to a shell, and nothing to us.
_QUOTED = re.compile(r"""'[^']*'|"[^"$`\\]*"|\\.""")
_SHELL = re.compile(r"[|&;<>()$`*?\"']")


@attrs.frozen(kw_only=True)
class Destination:
    """One SSH connection to be made, with all that was configured for it."""

    host: str
    """The host of the declaration that this is for; a jump host has that of its target."""
    name: str
    address: str
    port: int
    user: str
    password: Secret | None
    identities: tuple[Path, ...]
    explicit_identities: bool
    identities_only: bool
    identity_agent: str | None
    host_keys: HostKeys
    proxy_command: tuple[str, ...] | None
    via: "Destination | None"
    connect_timeout: float
    keepalive: float

    @property
    def label(self) -> str:
        """For messages: who is to be reached where, and through whom."""
        there = f"{self.user}@{lookup_name(self.address, self.port)}"
        return f"{there} via {self.via.label}" if self.via else there


def resolve(host: Host[Any], options: Options) -> Destination:
    """Where `host` is; raises `TargetError` for what the configuration gets wrong."""
    config = options.once("ssh configuration", lambda: SshConfig.load(options.ssh_config))
    try:
        return _Resolver(host.name, config, options).host(host, ())
    except TargetError as error:
        raise TargetError(
            *(attrs.evolve(d, address=host.name, origins=(host.origin,)) for d in error)
        ) from None


@attrs.frozen
class _Resolver:
    target: str
    config: SshConfig
    options: Options

    def host(self, host: Host[Any], seen: tuple[str, ...]) -> Destination:
        """The destination of a declared host: the target itself, or one named by `via=`."""
        if host.exec is not None or host.root is not None:
            raise _problem(f"the jump host {host.name!r} is not reached over SSH")
        found = self.config.lookup(host.name, user=host.user)
        via: Destination | None = None
        if isinstance(host.via, str):
            via = self._jumps(host.via, (*seen, host.name))
        elif host.via is not None:
            via = self.host(host.via, _grown(seen, host.name))
        return self._destination(host, found, seen, via)

    def _jumps(self, text: str, seen: tuple[str, ...]) -> Destination | None:
        """A ProxyJump list: the first is reached as configured, each other one through it."""
        via: Destination | None = None
        for item in [] if text.lower() == "none" else text.split(","):
            match = _JUMP.fullmatch(item.strip())
            if match is None:
                raise _problem(f"not a jump host: {item.strip()!r}", "[user@]host[:port], ...")
            name, port = match["host"].strip("[]"), match["port"]
            _check_word("jump host", name)
            jump = Host[Any](
                _safe_name(name), address=None if _is_name(name) else name,
                user=match["user"], port=int(port) if port else None,
            )  # fmt: skip
            found = self.config.lookup(name, user=jump.user)
            via = self._destination(jump, found, seen, via, lookup=name)
        return via

    def _destination(
        self,
        host: Host[Any],
        found: dict[str, list[str]],
        seen: tuple[str, ...],
        via: Destination | None,
        *,
        lookup: str | None = None,
    ) -> Destination:
        name = lookup or host.name
        seen = _grown(seen, name)
        configured = _first(found, "hostname") or name
        address = host.address or expand_tokens(configured, {"h": name})
        user = host.user or _first(found, "user") or getpass.getuser()
        port = host.port or _number(found, "port", 22)
        _check_word("address", address)
        _check_word("user", user)
        tokens = standard_tokens(address, name, port, user)
        proxy: tuple[str, ...] | None = None
        if via is None and not host.via:
            via, proxy = self._configured_proxy(found, tokens, seen)
        configured_keys = [k for k in found.get("identityfile", []) if k.lower() != "none"]
        keys = [host.key] if host.key else configured_keys
        if not keys and not host.password and "identityfile" not in found:
            keys = [f"~/.ssh/{key}" for key in _DEFAULT_KEYS]
        agent = _first(found, "identityagent")
        timeout = self.options.timeouts.connect or _number(found, "connecttimeout", 10)
        return Destination(
            host=self.target,
            name=name,
            address=address,
            port=port,
            user=user,
            password=host.password,
            identities=tuple(dict.fromkeys(Path(expand_path(key, tokens)) for key in keys)),
            explicit_identities=host.key is not None,
            identities_only=bool(host.key) or _first(found, "identitiesonly") == "yes",
            identity_agent=None if agent is None else expand_path(agent, tokens),
            host_keys=self._host_keys(found, address, port, tokens),
            proxy_command=proxy,
            via=via,
            connect_timeout=timeout,
            keepalive=_number(found, "serveraliveinterval", 0) or self.options.keepalive,
        )

    def _configured_proxy(
        self, found: dict[str, list[str]], tokens: dict[str, str], seen: tuple[str, ...]
    ) -> tuple[Destination | None, tuple[str, ...] | None]:
        """Whichever of ProxyJump and ProxyCommand comes first counts, as ssh_config(5) says."""
        for keyword in found:
            if keyword == "proxyjump":
                return self._jumps(expand_tokens(found[keyword][0], tokens), seen), None
            if keyword == "proxycommand":
                return None, _proxy_argv(found[keyword][0], tokens)
        return None, None

    def _host_keys(
        self, found: dict[str, list[str]], address: str, port: int, tokens: dict[str, str]
    ) -> HostKeys:
        def paths(keyword: str, default: Sequence[str]) -> tuple[Path, ...]:
            texts = found.get(keyword, default)
            return tuple(Path(expand_path(t, tokens)) for t in texts if t.lower() != "none")

        own = paths("userknownhostsfile", _USER_KNOWN_HOSTS)
        return HostKeys(
            host=self.target,
            name=_first(found, "hostkeyalias") or lookup_name(address, port),
            files=own + paths("globalknownhostsfile", _GLOBAL_KNOWN_HOSTS),
            record_in=own[0] if own else None,
            hash_names=_first(found, "hashknownhosts") == "yes",
        )


def _grown(seen: tuple[str, ...], name: str) -> tuple[str, ...]:
    if name in seen:
        raise _problem("the jump hosts lead back to where they started", " -> ".join((*seen, name)))
    return (*seen, name)


def _first(found: dict[str, list[str]], keyword: str) -> str | None:
    return next(iter(found.get(keyword, ())), None)


def _number(found: dict[str, list[str]], keyword: str, default: int) -> int:
    text = _first(found, keyword) or str(default)
    if not text.isascii() or not text.isdigit():
        if keyword != "port" and text.lower() in ("none", "no"):
            return default
        raise _problem(f"{keyword} in the ssh configuration is not a number: {text!r}")
    return int(text)


def _check_word(what: str, text: str) -> None:
    """S4: nothing that some program down the line could take for an option."""
    if not text or text.startswith("-") or not text.isprintable() or " " in text:
        raise _problem(
            f"bad {what} {text!r}", "It must not be empty, start with '-' or hold spaces."
        )


def _is_name(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", text) is not None


def _safe_name(text: str) -> str:
    return text if _is_name(text) else "jump"


def _proxy_argv(command: str, tokens: dict[str, str]) -> tuple[str, ...] | None:
    """The argv of a ProxyCommand: split first, so that a token's value is never split or quoted."""
    if command.lower() == "none":
        return None
    if _SHELL.search(_QUOTED.sub("", command)):
        raise _problem(
            "the ProxyCommand needs a shell",
            f"{command}\ncfgdsl runs it without one.",
            'Write the shell into it: ProxyCommand sh -c \'nc "$0" "$1" 2>/dev/null\' %h %p',
        )
    words = shlex.split(command)
    if words[:1] == ["exec"]:
        words = words[1:]
    return tuple(expand_path(word, tokens) for word in words)


def _problem(summary: str, detail: str = "", hint: str = "") -> TargetError:
    return TargetError(Diagnostic(summary=summary, detail=detail, hint=hint))
