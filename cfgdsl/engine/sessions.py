"""The conversations of a run: one per host, opened when first needed, kept until it is closed."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from cfgdsl.core.host import Host
from cfgdsl.core.secret import Secret
from cfgdsl.engine.events import HostConnecting, HostReady, Listener
from cfgdsl.engine.options import Options
from cfgdsl.engine.vault import Vault
from cfgdsl.targets.connect import connector_for
from cfgdsl.targets.options import Options as TargetOptions
from cfgdsl.targets.options import Timeouts
from cfgdsl.targets.session import Session
from cfgdsl.targets.traffic import Traffic


class Sessions:
    """Opens and keeps sessions; threads may ask for the same host at once."""

    def __init__(self, options: Options, vault: Vault, emit: Listener) -> None:
        def value(secret: Secret) -> str:
            return vault.value(secret)

        self.options = TargetOptions(
            ssh_config=options.ssh_config,
            accept_new_host_keys=options.accept_new_host_keys,
            timeouts=Timeouts(connect=options.connect_timeout),
            ask=options.ask,
            reveal=value,
            keep=vault.keep,
        )
        self._emit = emit
        self._lock = threading.Lock()
        self._futures: dict[str, Future[Session]] = {}
        self.traffic: dict[str, Traffic] = {}
        """What was said with each host in its last conversation, the one that goes on included."""

    def begin(self, hosts: Sequence[Host[Any]]) -> None:
        """Open the sessions of `hosts` in the background; `get` waits for them."""
        for host in hosts:
            connector_for(host, self.options)  # imports what it takes before threads compete for it
        for host in hosts:
            future, is_new = self._future(host)
            if is_new:
                name = f"cfgdsl-connect-{host.name}"
                arguments = (host, future)
                threading.Thread(target=self._open, args=arguments, name=name, daemon=True).start()

    def get(self, host: Host[Any]) -> Session:
        """The session of a host; raises `TargetError`, each time, when it cannot be reached."""
        future, is_new = self._future(host)
        if is_new:
            self._open(host, future)
        return future.result()

    def opened(self) -> list[Session]:
        """Those that are open now."""
        with self._lock:
            futures = list(self._futures.values())
        return [f.result() for f in futures if f.done() and f.exception() is None]

    def drop(self, host_name: str) -> None:
        """Close the session of a host, if there is one; as soon as it is open, if it is not yet."""
        with self._lock:
            future = self._futures.pop(host_name, None)
        if future is not None:
            future.add_done_callback(_close)

    def close(self) -> None:
        """Close all of them, side by side: each waits for its runner to end."""
        dropping = [threading.Thread(target=self.drop, args=(name,)) for name in self._futures]
        for thread in dropping:
            thread.start()
        for thread in dropping:
            thread.join()

    def _future(self, host: Host[Any]) -> tuple[Future[Session], bool]:
        """What will be the session of a host, and whether the caller is to open it."""
        with self._lock:
            is_new = host.name not in self._futures
            return self._futures.setdefault(host.name, Future()), is_new

    def _open(self, host: Host[Any], future: Future[Session]) -> None:
        try:
            self._emit(HostConnecting(host=host.name))
            session = Session.open(host, self.options)
            self.traffic[host.name] = session.traffic
            future.set_result(session)
            self._emit(HostReady(host=host.name, notices=tuple(session.notices)))
        except BaseException as error:  # noqa: BLE001 - whoever waits for it must hear it
            if not future.done():  # else a listener failed
                future.set_exception(error)


def _close(future: Future[Session]) -> None:
    if future.exception() is None:
        future.result().close()
