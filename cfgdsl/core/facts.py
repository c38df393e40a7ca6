"""What a host says of itself, typed."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from cfgdsl.core.errors import ConfigurationError, Diagnostic
from cfgdsl.core.origin import capture_origin
from cfgdsl.core.probes import Answer, Answers, Probe
from cfgdsl.runner.wire import digest

T = TypeVar("T")


@attrs.frozen
class Interface:
    """A network interface and its addresses."""

    name: str
    addresses: tuple[str, ...] = ()


@attrs.frozen
class Mount:
    """A mounted file system; sizes in MiB."""

    path: str
    device: str
    fstype: str
    total_mb: int | None = None
    free_mb: int | None = None


@attrs.frozen(kw_only=True)
class BasicFacts:
    """Facts that cost nothing: they come with the first word of every conversation."""

    hostname: str = ""
    os_id: str = ""
    """`debian`, `ubuntu`, `rocky`, ...: ID of os-release(5)."""
    os_version: str = ""
    """`12`, `24.04`: VERSION_ID of os-release(5)."""
    os_codename: str = ""
    os_family: str = ""
    """`debian`, `redhat`, `alpine`, `arch`, `suse`."""
    kernel: str = ""
    arch: str = ""
    cpu_count: int = 1
    memory_mb: int = 0
    package_manager: str | None = None
    """`apt`, `dnf`, `yum`, `apk`, `pacman`, `zypper`."""
    init_system: str | None = None
    """`systemd`, `openrc`; None: not booted by one that is known (a container, a directory)."""
    python_version: str = ""
    user: str = ""
    """Whom the runner acts as."""
    group: str = ""
    is_root: bool = False
    machine_id: str | None = None
    selinux: str | None = None
    root: str = "/"


@attrs.frozen(kw_only=True)
class NetworkFacts:
    """Facts that cost a question of their own; asked when one of them is first read."""

    fqdn: str = ""
    interfaces: tuple[Interface, ...] = ()
    default_address: str | None = None
    """The address of the interface that the default route goes through."""
    mounts: tuple[Mount, ...] = ()
    virtualization: str | None = None


def basic_facts(raw: dict[str, Any]) -> BasicFacts:
    """The facts of a greeting; a value of another type than declared is left at its default."""
    facts: BasicFacts = _typed(BasicFacts, raw)
    return facts


def network_facts(raw: dict[str, Any]) -> NetworkFacts:
    """The facts of a facts message, validated like `basic_facts`."""
    facts: NetworkFacts = _typed(NetworkFacts, raw)
    interfaces = [
        Interface(item["name"], _texts(item.get("addresses")))
        for item in _objects(raw.get("interfaces"))
        if isinstance(item.get("name"), str)
    ]
    mounts = [
        _typed(Mount, item)
        for item in _objects(raw.get("mounts"))
        if all(isinstance(item.get(name), str) for name in ("path", "device", "fstype"))
    ]
    return attrs.evolve(facts, interfaces=tuple(interfaces), mounts=tuple(mounts))


def _objects(value: object) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _texts(value: object) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def _typed(cls: Any, raw: dict[str, Any]) -> Any:
    """An instance from the values of `raw` that have the declared type."""
    kinds: dict[Any, tuple[type, ...]] = {
        str: (str,),
        int: (int,),
        bool: (bool,),
        str | None: (str, type(None)),
        int | None: (int, type(None)),
    }
    values = {
        a.name: raw[a.name]
        for a in attrs.fields(cls)
        if a.name in raw and type(raw[a.name]) in kinds.get(a.type, ())
    }
    return cls(**values)


@attrs.frozen(eq=False)
class CustomFact(Generic[T]):
    """A fact of the user's own: probes, and a function from their answers to a value.

    Made by `custom_fact`, read with ``host.facts[fact]``.
    """

    probes: tuple[Probe, ...]
    parse: Callable[[Answers], T]


def custom_fact(probes: Sequence[Probe], parse: Callable[[Answers], T]) -> CustomFact[T]:
    """Define a fact; read it with ``host.facts[fact]``. Asked once per host and run.

    >>> from cfgdsl.core.probes import Stat
    >>> has_nginx = custom_fact([Stat("/usr/sbin/nginx")], lambda answers: any(answers.values()))
    """
    return CustomFact(tuple(probes), parse)


class _Facts:
    """Facts, fetched when first read: the basic ones are at hand, others cost one question."""

    def __init__(
        self,
        basic: BasicFacts,
        fetch_network: Callable[[], NetworkFacts],
        ask: Callable[[Sequence[Probe]], Sequence[Answer]],
    ) -> None:
        self._basic = basic
        self._fetch_network = fetch_network
        self._ask = ask
        self._network: NetworkFacts | None = None
        self._custom: dict[Any, Any] = {}
        self._read: dict[str, Any] = {}
        """What was read: what a plan was made from."""

    def __getattr__(self, name: str) -> Any:
        if name in _BASIC:
            return self._read.setdefault(name, getattr(self._basic, name))
        if name in _NETWORK:
            if self._network is None:
                self._network = self._fetch_network()
            return self._read.setdefault(name, getattr(self._network, name))
        if name.startswith("__"):
            raise AttributeError(name)
        near = difflib.get_close_matches(name, [*_BASIC, *_NETWORK], n=1)
        raise ConfigurationError(
            Diagnostic(
                summary=f"there is no fact {name!r}",
                hint=f"Did you mean {near[0]!r}?" if near else "`cfgdsl facts` lists them.",
                origins=(capture_origin(),),
            )
        )

    def __getitem__(self, fact: CustomFact[T]) -> T:
        if fact not in self._custom:
            answers: Mapping[Probe, Answer] = dict(
                zip(fact.probes, self._ask(fact.probes), strict=True)
            )
            self._custom[fact] = fact.parse(Answers(answers))
            self._read[f"custom {len(self._custom)}"] = list(answers.values())
        value: T = self._custom[fact]
        return value

    def digest(self) -> str:
        """A digest of what was read, empty when nothing was."""
        plain = {name: _plain(value) for name, value in self._read.items()}
        return digest([plain]) if plain else ""

    def all(self) -> dict[str, Any]:
        """Every built-in fact, for `cfgdsl facts`."""
        return {name: getattr(self, name) for name in (*_BASIC, *_NETWORK)}


_BASIC = tuple(a.name for a in attrs.fields(BasicFacts))
_NETWORK = tuple(a.name for a in attrs.fields(NetworkFacts))

if TYPE_CHECKING:

    class Facts(BasicFacts, NetworkFacts):
        """What a host says of itself: the fields of `BasicFacts` and `NetworkFacts`."""

        def __getitem__(self, fact: CustomFact[T]) -> T: ...
        def digest(self) -> str:
            """A digest of what was read, empty when nothing was."""
            ...

        def all(self) -> dict[str, Any]:
            """Every built-in fact, by name."""
            ...

else:
    Facts = _Facts


def _plain(value: Any) -> Any:
    """A fact as JSON."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return attrs.asdict(value) if attrs.has(type(value)) else value


def lazy_facts(
    basic: BasicFacts,
    fetch_network: Callable[[], NetworkFacts],
    ask: Callable[[Sequence[Probe]], Sequence[Answer]],
) -> Facts:
    """The facts of one host, the dear ones fetched by `fetch_network` and `ask` when first read."""
    facts: Any = _Facts(basic, fetch_network, ask)
    return facts  # type: ignore[no-any-return]
