"""What waits in the spool, as bytes: plans with whatever the user's own types have in them.

Unlike the JSON of a plan file these need not outlive the process nor be read by anybody else, so
nothing has to be refused: what cannot or must not be written stays in memory, and a number stands
for it. That goes for every class and function too; a reader that looks up nothing by name can make
nothing but what was written.

>>> pickled = Pickled()
>>> pickled.loads(pickled.dumps({"a": len}))
{'a': <built-in function len>}
"""

import io
import pickle
import threading
from collections.abc import Iterable
from types import BuiltinFunctionType, FunctionType, ModuleType, WrapperDescriptorType
from typing import Any, NoReturn

from cfgdsl.core.content import Content

_PLAIN = frozenset({str, int, dict, tuple, list, bool, type(None), float, frozenset, set, bytes})
_NAMED = (type, FunctionType, BuiltinFunctionType, WrapperDescriptorType, ModuleType)
"""What pickles would look up by name."""


class CannotBePickledError(Exception):
    """A value has something in it that cannot be written."""


class Pickled:
    """Writes values and reads them again, in this process only; from any thread."""

    def __init__(self, services: Iterable[object] = ()) -> None:
        """`services`: values that are not written, wherever they are met."""
        self._kept: list[object] = []
        self._numbers: dict[object, int] = {}
        self._lock = threading.Lock()
        self._services = {id(service) for service in services}
        for service in services:
            self._keep(id(service), service)

    def dumps(self, value: object) -> bytes:
        """`value` as bytes; raises `CannotBePickledError`."""
        file = io.BytesIO()
        try:
            _Writer(file, self._number).dump(value)
        except Exception as error:  # noqa: BLE001 - whatever a type of the user makes of it
            raise CannotBePickledError(str(error)) from None
        return file.getvalue()

    def loads(self, data: bytes) -> Any:
        """The value that `dumps` has written."""
        return _Reader(io.BytesIO(data), self._kept).load()

    def _number(self, value: object) -> int | None:
        """What stands for `value`, if it stays in memory."""
        if isinstance(value, Content):
            if not value.secret:
                return None
            # Contents are equal by digest; here what is shown and known of one counts too.
            return self._keep((value.sha256, value.shown, value.data is None, value.path), value)
        if isinstance(value, _NAMED) or id(value) in self._services:
            return self._keep(id(value), value)
        return None

    def _keep(self, key: object, value: object) -> int:
        with self._lock:
            if key not in self._numbers:
                self._numbers[key] = len(self._kept)
                self._kept.append(value)  # and so its id stays its own
            return self._numbers[key]


class _Writer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, number: Any) -> None:
        super().__init__(file, protocol=5)
        self._number = number

    def persistent_id(self, value: object) -> Any:
        return None if type(value) in _PLAIN else self._number(value)


class _Reader(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, kept: list[object]) -> None:
        super().__init__(file)
        self._kept = kept

    def persistent_load(self, number: Any) -> object:
        return self._kept[number]

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name} is not looked up")
