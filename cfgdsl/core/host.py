"""A host, as the user names it: how it is reached and what is known of it before asking it."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal

import attrs

from cfgdsl.core.context import active
from cfgdsl.core.converters import converter_for
from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.facts import Facts
from cfgdsl.core.origin import Origin, capture_origin
from cfgdsl.core.secret import Secret
from cfgdsl.core.values import argument_list, must_be

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Data = TypeVar("Data", default=Any)
else:
    from typing import TypeVar

    Data = TypeVar("Data")

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}\Z")


class DataView(Mapping[str, Any]):
    """Read access to a plain dict of host data, by key or attribute; a misspelling is an error.

    >>> DataView({"role": "web"}).role
    'web'
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getitem__(self, key: str) -> Any:
        if key in self._values:
            return self._values[key]
        raise unknown_name("host data", key, self._values, at=(capture_origin(),))

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        return self[key]

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def get(self, key: str, default: Any = None) -> Any:
        """The value of `key`, or `default` when it is not there."""
        return self._values.get(key, default)

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"DataView({self._values!r})"


def unknown_name(
    kind: str, name: str, known: Iterable[str], *, at: tuple[Origin, ...] = ()
) -> ConfigurationError:
    """An error for a misspelt name, with the nearest known ones; `at`: where it stands in code."""
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(choices) or 'none'}."
    return ConfigurationError(
        Diagnostic(summary=f"no {kind} named {name!r}", hint=hint, origins=at)
    )


def _refused(summary: str, detail: str = "") -> ConfigurationError:
    return ConfigurationError(
        Diagnostic(summary=summary, detail=detail, origins=(capture_origin(),))
    )


def _checked(name: str, convert: Callable[[Any], Any], value: object) -> Any:
    """`value` of the argument `name`, converted; None stays. Errors have the user's line."""
    try:
        return None if value is None else convert(value)
    except ValueError as error:
        raise _refused(f"bad {name}: {error}") from None


def _secret(value: object) -> Secret:
    if not isinstance(value, Secret):
        raise ValueError('must be a Secret, like Secret.env("PASSWORD")')  # noqa: TRY004
    return value


def _as_secret(value: Secret | None) -> Secret | None:
    found: Secret | None = _checked("password", _secret, value)
    return found


def _as_method(value: str) -> str:
    return str(_checked("become", converter_for(Literal["sudo", "su", "doas"]), value))


@attrs.frozen(kw_only=True)
class Become:
    """How the runner gets another user's rights on the host.

    `password` is asked for by the tool itself (sudo, su, doas) and goes to its stdin only.

    >>> Become(method="sudo").user
    'root'
    """

    method: str = attrs.field(default="sudo", converter=_as_method)
    user: str = "root"
    password: Secret | None = attrs.field(default=None, converter=_as_secret)


def _as_become(value: "Become | str | bool | None") -> Become | None:
    if value is None or value is False:
        return None
    if isinstance(value, Become):
        return value
    return Become() if value is True else Become(method=value)


def _as_tags(value: Iterable[str]) -> frozenset[str]:
    given = [value] if isinstance(value, str) else value
    return frozenset(_checked("tags", converter_for(tuple[str, ...]), given))


def _as_command(value: Iterable[str] | None) -> tuple[str, ...] | None:
    found: tuple[str, ...] | None = _checked("exec", argument_list, value)
    return found


def _as_commands(value: Iterable[Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    if not isinstance(value, list | tuple):
        raise _refused(f"bad bootstrap: {must_be('a list of commands', value)}")
    return tuple(_checked("bootstrap", argument_list, command) for command in value)


def _as_data(value: Any) -> Any:
    return DataView(value) if isinstance(value, dict) else value


@attrs.frozen(eq=False, repr=False)
class Host(Generic[Data]):
    """One machine to configure.

    Over SSH by default (`address`, `port`, `user`, `key`, `via` override what `~/.ssh/config` says
    of `name`); `Host.local()` is this machine; `exec=[...]` reaches it through any command that
    connects stdin and stdout (``["docker", "exec", "-i", "web"]``).

    >>> Host("web1", address="192.0.2.1", tags={"web"})
    Host('web1')
    """

    name: str = attrs.field()
    """What it is called in plans, limits and errors: letters, digits, ``.``, ``_``, ``-``."""
    address: str | None = attrs.field(default=None, kw_only=True)
    """Name or address to connect to; default: HostName of `~/.ssh/config`, else `name`."""
    port: int | None = attrs.field(default=None, kw_only=True)
    user: str | None = attrs.field(default=None, kw_only=True)
    """Who logs in; default: User of `~/.ssh/config`, else the caller."""
    password: Secret | None = attrs.field(default=None, kw_only=True, converter=_as_secret)
    """The login password, where keys are not used."""
    key: str | None = attrs.field(default=None, kw_only=True)
    """A private key file; default: IdentityFile of `~/.ssh/config`, the agent, the usual files."""
    become: Become | None = attrs.field(default=None, kw_only=True, converter=_as_become)
    """`"sudo"`, `"su"`, `"doas"`, or `Become(...)` with user and password."""
    via: "Host[Any] | str | None" = attrs.field(default=None, kw_only=True)
    """A jump host: another Host, or a name as ssh's ProxyJump takes it."""
    python: str | None = attrs.field(default=None, kw_only=True)
    """The Python to use there (3.8 or newer); default: the first usable one found."""
    exec: tuple[str, ...] | None = attrs.field(default=None, kw_only=True, converter=_as_command)
    """A command prefix that reaches a stdin and stdout on the host, instead of SSH."""
    root: str | None = attrs.field(default=None, kw_only=True)
    """Set by `Host.local`: the directory that stands for ``/``."""
    bootstrap: tuple[tuple[str, ...], ...] = attrs.field(
        default=(), kw_only=True, converter=_as_commands
    )
    """Commands that bring a Python to a host that has none; run over plain SSH, after approval."""
    tags: frozenset[str] = attrs.field(default=(), kw_only=True, converter=_as_tags)
    data: Data = attrs.field(factory=dict, kw_only=True, converter=_as_data)  # type: ignore[assignment]
    """The user's own values: a typed object, or a dict (read with `host.data.key`)."""
    origin: Origin = attrs.field(factory=capture_origin, kw_only=True, init=False)

    @name.validator
    def _check_name(self, _: "attrs.Attribute[str]", name: str) -> None:
        if not isinstance(name, str) or not _NAME.match(name):
            detail = "A name starts with a letter or digit; letters, digits, '.', '_', '-'."
            raise _refused(f"bad host name {name!r}", detail)

    @port.validator
    def _check_port(self, _: "attrs.Attribute[Any]", port: int | None) -> None:
        if port is not None and (type(port) is not int or not 0 < port < 65536):
            raise _refused(f"bad port {port!r} of host {self.name!r}", "A number up to 65535.")

    @address.validator
    @user.validator
    @key.validator
    @python.validator
    def _check_text(self, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if value is None:
            return
        bare = attribute.name in {"address", "user"}
        well = isinstance(value, str) and value and value.isprintable() and value[0] != "-"
        if not well or (bare and " " in str(value)):
            detail = "It must be text, not be empty and not start with '-'."
            more = " It has no spaces." if bare else ""
            raise _refused(f"bad {attribute.name} {value!r} of host {self.name!r}", detail + more)

    @via.validator
    def _check_via(self, _: "attrs.Attribute[Any]", via: object) -> None:
        if via is not None and not isinstance(via, Host | str):
            raise _refused(f"bad via {via!r} of host {self.name!r}", "A Host, or a name for ssh.")

    @root.validator
    def _check_root(self, _: "attrs.Attribute[Any]", root: str | None) -> None:
        if root is not None and not str(root).startswith("/"):
            raise _refused(f"bad root {root!r} of host {self.name!r}", "An absolute path.")

    def __attrs_post_init__(self) -> None:
        for name in ("address", "port", "key", "via") if self.exec is not None else ():
            if getattr(self, name) is not None:
                detail = "exec= reaches it without SSH."
                raise _refused(f"host {self.name!r} has exec= and {name}=", detail)

    @classmethod
    def local(
        cls,
        root: str = "/",
        *,
        name: str = "local",
        become: "Become | str | bool | None" = None,
        python: str | None = None,
        tags: Iterable[str] = (),
        data: Any = None,
    ) -> "Host[Any]":
        """This machine; with a `root` other than ``/``, only files, inside that directory.

        >>> Host.local("/tmp/demo").root
        '/tmp/demo'
        """
        return Host(
            name,
            root=root,
            become=become,
            python=python,
            tags=tags,
            data={} if data is None else data,
        )

    @property
    def facts(self) -> Facts:
        """What the host says of itself (`cfgdsl.Facts`); asked when first read."""
        collector = active.get()
        if collector is None:
            raise ConfigurationError(
                Diagnostic(
                    summary=f"the facts of {self.name!r} are read outside of a @configure function",
                    detail="While the module loads, no host has been asked anything yet.",
                    hint="Read host.facts inside the function that @configure decorates.",
                    origins=(capture_origin(),),
                )
            )
        facts: Facts = collector.facts(self)
        return facts

    def __repr__(self) -> str:
        return f"Host({self.name!r})"
