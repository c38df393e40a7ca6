"""How a host is reached, as a saved plan has it: all but the user's own data; secrets by
reference."""

from collections.abc import Mapping
from typing import Any

from cfgdsl.core.host import Become, Host
from cfgdsl.core.reading import all_of, entries, get, typed
from cfgdsl.core.secret import Secret, secrets_in

_PLAIN = ("address", "user", "key", "python", "root")


def host_to_json(host: Host[Any]) -> dict[str, Any]:
    """What of `host` connecting to it takes.

    >>> host_to_json(Host("web1", port=2222, become="sudo"))["port"]
    2222
    """
    become = host.become
    return {
        "name": host.name,
        **{name: getattr(host, name) for name in _PLAIN},
        "port": host.port,
        "password": _secret_to_json(host.password),
        "become": become
        and {
            "method": become.method,
            "user": become.user,
            "password": _secret_to_json(become.password),
        },
        "via": host_to_json(host.via) if isinstance(host.via, Host) else host.via,
        "exec": None if host.exec is None else list(host.exec),
        "tags": sorted(host.tags),
    }


def host_from_json(data: Mapping[str, Any]) -> Host[Any]:
    """The host that `host_to_json` wrote; its constructor checks it.

    >>> host_from_json(host_to_json(Host.local("/srv/root"))).root
    '/srv/root'
    """
    become = get(data, "become", dict, None)
    via = get(data, "via", (dict, str), None)
    return Host(
        get(data, "name", str),
        **{name: get(data, name, str, None) for name in _PLAIN},
        port=get(data, "port", int, None),
        password=_secret_from_json(data["password"]),
        become=become
        and Become(
            method=get(become, "method", str),
            user=get(become, "user", str),
            password=_secret_from_json(become["password"]),
        ),
        via=host_from_json(via) if isinstance(via, dict) else via,
        exec=None if data["exec"] is None else tuple(typed(i, str) for i in entries(data, "exec")),
        tags=all_of(data, "tags", str),
    )


def secrets_of(host: Host[Any]) -> tuple[Secret, ...]:
    """What is needed to log in there, and on the way there."""
    own = (host.password, host.become.password if host.become is not None else None)
    way = secrets_of(host.via) if isinstance(host.via, Host) else ()
    return (*(secret for secret in own if secret is not None), *way)


def _secret_to_json(secret: Secret | None) -> str | None:
    return None if secret is None else secret.token


def _secret_from_json(token: Any) -> Secret | None:
    if token is None:
        return None
    found = secrets_in(typed(token, str))
    if len(found) != 1 or found[0].token != token:
        raise ValueError(f"{token!r} refers to no secret")
    return found[0]
