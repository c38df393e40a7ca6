"""The conversations of a run: one per host, opened when first needed, kept until it is closed."""

import threading
from concurrent.futures import Future
from typing import Any

from cfgdsl.core.host import Host
from cfgdsl.core.secret import Secret
from cfgdsl.engine.events import HostConnecting, HostReady, Listener
from cfgdsl.engine.options import Options
from cfgdsl.engine.vault import Vault
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
        )
        self._emit = emit
        self._lock = threading.Lock()
        self._open: dict[str, Future[Session]] = {}
        self.traffic: dict[str, Traffic] = {}
        """What was said with each host in its last conversation, the one that goes on included."""

    def get(self, host: Host[Any]) -> Session:
        """The session of a host; raises `TargetError`, each time, when it cannot be reached."""
        with self._lock:
            future = self._open.get(host.name)
            mine = future is None
            if future is None:
                future = self._open[host.name] = Future()
        if mine:
            try:
                self._emit(HostConnecting(host=host.name))
                session = Session.open(host, self.options)
                self.traffic[host.name] = session.traffic
                future.set_result(session)
                self._emit(HostReady(host=host.name, notices=tuple(session.notices)))
            except BaseException as error:  # noqa: BLE001 - whoever waits for it must hear it
                future.set_exception(error)
        return future.result()

    def opened(self) -> list[Session]:
        """Those that are open now."""
        with self._lock:
            futures = list(self._open.values())
        return [f.result() for f in futures if f.done() and f.exception() is None]

    def drop(self, host_name: str) -> None:
        """Close the session of a host, if there is one."""
        with self._lock:
            future = self._open.pop(host_name, None)
        if future is not None and future.done() and future.exception() is None:
            future.result().close()

    def close(self) -> None:
        """Close all of them."""
        for name in list(self._open):
            self.drop(name)
