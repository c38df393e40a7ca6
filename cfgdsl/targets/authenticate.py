"""Logs in: keys in OpenSSH's order, then the password, until the host is content."""

import contextlib
from collections.abc import Iterable

import attrs

from cfgdsl.core.errors import Diagnostic, TargetError
from cfgdsl.targets.destination import Destination
from cfgdsl.targets.identities import Identities, agent_socket
from cfgdsl.targets.options import Options
from cfgdsl.targets.paramiko_import import paramiko

_MANY = 5
"""sshd ends a connection after MaxAuthTries (6) keys."""


@attrs.define
class _Login:
    """What has been tried on one connection, and what the host still wants."""

    transport: "paramiko.Transport"
    destination: Destination
    tried: list[str] = attrs.field(factory=list)
    wanted: tuple[str, ...] = ()
    """Methods that the host names; empty: it has not said."""

    def allows(self, *methods: str) -> bool:
        return not self.wanted or any(method in self.wanted for method in methods)

    def attempt(self, name: str, outcome: "Iterable[str] | None") -> bool:
        """Whether the login is complete; `outcome`: the methods that are still wanted."""
        self.tried.append(name + (" (accepted; more is wanted)" if outcome else ""))
        self.wanted = tuple(outcome or ())
        return not self.wanted


def authenticate(
    transport: "paramiko.Transport", destination: Destination, options: Options
) -> None:
    """Log in as the destination's user.

    Raises `TargetError` that says what was tried and what the host would take.
    """
    login = _Login(transport, destination)
    identities = Identities(
        host=destination.host,
        files=destination.identities,
        explicit=destination.explicit_identities,
        only=destination.identities_only or (destination.password is not None),
        agent=agent_socket(destination.identity_agent),
        options=options,
    )
    if _with_keys(login, identities) or _with_password(login, options):
        return
    raise _refused(login, identities)


def _with_keys(login: _Login, identities: Identities) -> bool:
    with contextlib.closing(identities.candidates()) as candidates:
        for identity in candidates:
            user = login.destination.user
            try:
                further = login.transport.auth_publickey(user, identity.key)
                if login.attempt(identity.name, further):
                    return True
            except paramiko.BadAuthenticationType as error:
                login.wanted = tuple(error.allowed_types)
            except (paramiko.SSHException, EOFError, OSError):
                login.tried.append(identity.name)
            if not login.transport.is_active() or not login.allows("publickey"):
                break
    return False


def _with_password(login: _Login, options: Options) -> bool:
    secret = login.destination.password
    usable = login.transport.is_active() and login.allows("password", "keyboard-interactive")
    if secret is None or not usable:
        return False
    password = options.reveal(secret)
    try:
        # By "password", or where only keyboard-interactive is allowed, as the answer to that.
        further = login.transport.auth_password(login.destination.user, password)
        return login.attempt(f"password ({secret!r})", further)
    except paramiko.BadAuthenticationType as error:
        login.wanted = tuple(error.allowed_types)
    except (paramiko.SSHException, EOFError, OSError):
        login.tried.append(f"password ({secret!r})")
    return False


def _refused(login: _Login, identities: Identities) -> TargetError:
    destination = login.destination
    lines = [f"{destination.label} refused: {', '.join(login.tried) or 'nothing was tried'}"]
    lines += [f"not tried: {problem}" for problem in identities.skipped]
    if login.wanted:
        lines.append(f"It takes: {', '.join(login.wanted)}")
    if not login.transport.is_active():
        lines.append("The host ended the connection.")
    hint = "Name the key: Host(key=...) or IdentityFile in ~/.ssh/config; or load it: ssh-add."
    if len(login.tried) >= _MANY:
        hint = "That were many keys. Name the right one and set IdentitiesOnly yes."
    elif destination.password is not None:
        hint = "Check the user and the password."
    return TargetError(
        Diagnostic(
            summary=f"cannot log in as {destination.user!r}",
            detail="\n".join(lines),
            hint=hint,
            address=destination.host,
        )
    )
