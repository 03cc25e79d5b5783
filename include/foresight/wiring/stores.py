"""Open databases: one store for each address in each process, closed when the process ends.

A forked child forgets what its parent has open without closing it, for the sockets are still the parent's.
"""

from __future__ import annotations

import atexit
import os
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sqlalchemy import URL

    from foresight.store import Store

MAX_OPEN: Final = 16
"""Most stores that stay open: beyond them, the one that was asked for longest ago is closed."""


class OpenStores:
    """The stores of this process by address, and which of them have the schema that the code needs."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: OrderedDict[str, Store] = OrderedDict()
        self._checked: set[str] = set()
        self._of_the_parent: list[Store] = []

    def get(self, url: URL, arguments: dict[str, Any], *, is_checked: bool = False) -> Store:
        """The store at an address; ``is_checked``: its schema is compared with the code's, once.

        Raises ``SchemaMismatch`` where it is another one.
        """
        key = f"{url.render_as_string(hide_password=False)} {sorted(arguments.items())}"
        with self._lock:
            store = self._open.get(key)
            if store is None:
                from foresight.store import open_store

                store = self._open[key] = open_store(url, connect_args=arguments)
            self._open.move_to_end(key)
            while len(self._open) > MAX_OPEN:
                gone, oldest = self._open.popitem(last=False)
                self._checked.discard(gone)
                oldest.close()
        if is_checked and key not in self._checked:
            from foresight.store import check_schema

            check_schema(store)
            self._checked.add(key)
        return store

    def close(self) -> None:
        """Closes every store of this process."""
        with self._lock:
            for store in self._open.values():
                store.close()
            self._open.clear()
            self._checked.clear()

    def forget(self) -> None:
        """Starts anew in a forked child. What the parent has open stays referenced, so nothing closes it."""
        self._lock = Lock()
        self._of_the_parent += self._open.values()
        self._open, self._checked = OrderedDict(), set()


STORES: Final = OpenStores()
atexit.register(STORES.close)
os.register_at_fork(after_in_child=STORES.forget)
