"""Saved plans: written by one project, executed later, elsewhere, by anybody, exactly as shown."""

import threading
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import attrs

import cfgdsl
from cfgdsl.core.content import Content
from cfgdsl.core.errors import ConfigurationError, Diagnostic, raise_all
from cfgdsl.core.exchange import Export
from cfgdsl.core.host import Host
from cfgdsl.core.plan import Plan
from cfgdsl.core.prepared import Prepared
from cfgdsl.core.reading import refusing_what_does_not_fit
from cfgdsl.core.resource import Resource
from cfgdsl.core.saved import MadeFrom, contents_of, execution_document, execution_hosts
from cfgdsl.core.saved_reader import read_made_from, read_prepared
from cfgdsl.core.secret import Secret, secrets_in
from cfgdsl.engine.apply import Application
from cfgdsl.engine.caller import identity_of_caller
from cfgdsl.engine.contents import Contents
from cfgdsl.engine.emitter import Emitter
from cfgdsl.engine.events import Listener
from cfgdsl.engine.installed import code_digest, packages_of, refuse_others, type_name, type_named
from cfgdsl.engine.options import Options
from cfgdsl.engine.planfile import PlanFile, read_plan_file
from cfgdsl.engine.planfile_writer import Signer, write_plan_file
from cfgdsl.engine.run import Run
from cfgdsl.engine.run_links import run_links
from cfgdsl.engine.sessions import Sessions
from cfgdsl.engine.unseal import needed_secrets
from cfgdsl.engine.vault import Vault


@attrs.frozen(kw_only=True)
class Source:
    """What a project knows of where its plan comes from."""

    vault: Vault
    code: Mapping[str, str]
    facts: Mapping[str, str]
    commit: str
    ask: Callable[[str], str | None] | None


def save_plan(
    plan: Plan,
    prepared: Collection[Prepared],
    file: Path,
    source: Source,
    sign: str | Path | None,
) -> None:
    """Write a plan file; raises `ConfigurationError` with all that cannot be saved, and why."""
    key = None
    if sign is not None:
        from cfgdsl.engine.signing import signer  # noqa: PLC0415 - only those who sign pay for it

        key = Signer(signer(Path(sign), source.ask))
    used: dict[str, None] = {}

    def name_of(resource: Resource) -> str:
        name = type_name(resource)
        used.setdefault(name)
        return name

    hosts = execution_hosts(prepared, name_of)
    made_from = MadeFrom(
        tool=f"cfgdsl {cfgdsl.__version__} sha256:{code_digest('cfgdsl')}",
        code=source.code,
        facts=source.facts,
        commit=source.commit,
        packages=packages_of(used),
        store=_store(prepared, source.vault),
    )
    documents = (plan.to_json(), execution_document(hosts, made_from))
    write_plan_file(file, documents, contents_of(prepared).values(), key)


def _store(prepared: Collection[Prepared], vault: Vault) -> dict[str, str]:
    """What stands behind the names that a plan uses; a value itself goes into no file."""
    found: dict[str, str] = {}
    problems = []
    for secret, about in needed_secrets(prepared).items():
        source = vault.source_of(secret)
        if source is None:
            problems.append(
                attrs.evolve(
                    about,
                    summary=f"cannot be saved: {secret!r} is a plain value in project(secrets=...)",
                    hint="Give the name another secret there, like Secret.env(...): a saved plan "
                    "has secrets by reference only.",
                )
            )
        elif source != secret:
            found[secret.argument] = source.token
    raise_all(problems)
    return found


def load_plan(
    file: str | Path,
    *,
    trust: str | Path | None = None,
    options: Options | None = None,
    only_to_show: bool = False,
) -> "SavedPlan":
    """Read a plan that `Project.save` or `cfgdsl plan --out` wrote; no connection is made.

    `trust`: a file with ed25519 public keys, or one key, in OpenSSH's format; a plan that none of
    these has signed is refused. Raises `ConfigurationError` for a file that is not whole, and for
    a plan that cannot be executed here, for want of the packages that it was made with, unless it
    is `only_to_show`.
    """
    keys = None
    if trust is not None:
        from cfgdsl.engine.signing import trusted_keys  # noqa: PLC0415 - see above

        keys = trusted_keys(str(trust))
    found = read_plan_file(Path(file))
    if keys is not None:
        _refuse_untrusted(found, keys)
    saved = SavedPlan(found, options or Options())
    if not only_to_show:
        saved.check()
    return saved


def _refuse_untrusted(found: PlanFile, keys: frozenset[str]) -> None:
    if found.signature is not None and found.signature["key"] in keys:
        return
    how = "not signed" if found.signature is None else "signed by another key"
    raise ConfigurationError(
        Diagnostic(
            summary=f"the plan is {how}",
            detail="Only plans that a trusted key has signed are to be applied here.",
            hint="Sign it: `cfgdsl plan --out FILE --sign KEY`.",
        )
    )


class SavedPlan:
    """A plan from a file, ready to be executed. Use it as a context manager, or `close` it."""

    def __init__(self, found: PlanFile, options: Options) -> None:
        """Not for callers: see `load_plan`."""
        self.plan: Plan = Plan.from_json(found.plan)
        """What it does: exactly what `apply` will do."""
        self.digest: str = found.digest
        """Stands for the whole file."""
        self.signed_by: str | None = None if found.signature is None else found.signature["key"]
        """The public key, in hex, that has signed it."""
        self.made_from, self._described = read_made_from(found.execution)
        self._found = found
        self._options = options
        self._vault = Vault(_references(self.made_from.store), options.ask)
        self._emit = Emitter()
        self._sessions = Sessions(options, self._vault, self._emit)
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check(self) -> None:
        """Raise `ConfigurationError` when it cannot be executed here."""
        if len(self._prepared) != len(self.plan.hosts):
            raise ConfigurationError(Diagnostic(summary="the plan has two hosts of one name"))

    @cached_property
    def _prepared(self) -> dict[str, Prepared]:
        refuse_others(self.made_from.packages)
        stored = _stored(self._found)
        prepared = read_prepared(self._described, self.plan.hosts, stored, type_named)
        return {each.host.name: each for each in prepared}

    @property
    def hosts(self) -> tuple[Host[Any], ...]:
        """The hosts that it is for."""
        return tuple(each.host for each in self._prepared.values())

    def close(self) -> None:
        """End every conversation."""
        self._sessions.close()

    def stop(self) -> None:
        """Start nothing more and let what runs end; called again, interrupt that too."""
        self._stopping.set()
        for session in self._sessions.opened():
            session.stop()

    def apply(
        self,
        *,
        first: int | None = None,
        max_failures: int | str | None = None,
        listen: Listener | None = None,
    ) -> Run:
        """Execute exactly this plan; `first`, `max_failures` and errors as of `Project.apply`."""
        self._emit.begin(listen, many=len(self.plan.hosts) > self._options.parallel)
        self._stopping.clear()
        application = Application(
            project=self.plan.project,
            by=self._by(),
            sessions=self._sessions,
            vault=self._vault,
            emit=self._emit,
            parallel=self._options.parallel,
            stopping=self._stopping,
            links=run_links(self.plan, (), _nothing, Contents(self._vault), self._vault),
        )
        secrets = needed_secrets(self._prepared.values())
        return application.run(self._prepared, secrets, first=first, max_failures=max_failures)

    def _by(self) -> dict[str, str]:
        """Who applies it, and the commit that it was made from."""
        commit = {"commit": self.made_from.commit} if self.made_from.commit else {}
        return {**identity_of_caller(None), **commit}


def _nothing(_host: str, _identity: str) -> Export:
    """No step of a saved plan waits for another host, or for a value from one."""
    return Export(is_planned=False)


def _stored(found: PlanFile) -> Callable[[str, int], Content]:
    def stored(sha256: str, size: int) -> Content:
        content = found.contents.get(sha256)
        if content is None:
            return Content(sha256, size)  # a copy that its host keeps: it was overwritten there
        if content.size != size:
            raise ValueError(f"the content {sha256} has another size")
        return content

    return stored


def _references(store: Mapping[str, str]) -> dict[str, Secret]:
    with refusing_what_does_not_fit():
        found = {name: secrets_in(token) for name, token in store.items()}
        return {name: secret for name, (secret,) in found.items()}
