"""Where records come from: anything with ``read``, or an iterable made into one."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Protocol

_PATIENCE_SECONDS = 0.1
"""How long a wait lasts before it looks around again."""


class Source(Protocol):
    """Records in order."""

    def read(self, limit: int, wait_seconds: float) -> list[Any] | None:
        """Up to ``limit`` records, fewer when no more came in time, none at all maybe; None at the end."""
        ...

    def stop(self) -> None:
        """Take no more records; ``read`` still gives those that were taken, then None."""
        ...


class Iterated:
    """An iterable that never makes one wait: a list, a file."""

    def __init__(self, records: Iterable[Any]) -> None:
        self._records = iter(records)

    def read(self, limit: int, wait_seconds: float) -> list[Any] | None:  # noqa: ARG002 (nothing to wait for)
        """The next ``limit`` records."""
        return list(islice(self._records, limit)) or None

    def stop(self) -> None:
        """Take no more records."""
        self._records = iter(())


class Awaited:
    """An iterable that may block, read by its own thread, so that what has come need not wait for more."""

    def __init__(self, records: Iterable[Any], ahead: int = 10_000) -> None:
        self._records: Iterator[Any] = iter(records)
        self._ahead = ahead
        self._taken: list[Any] = []
        self._error: BaseException | None = None
        self._over = self._stopped = False
        self._wanted = sys.maxsize
        self._came, self._left = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def read(self, limit: int, wait_seconds: float) -> list[Any] | None:
        """Up to ``limit`` records, those that have come ``wait_seconds`` after the first of them."""
        if self._thread is None and not self._stopped:
            self._thread = threading.Thread(target=self._take_all, name="scoring-source", daemon=True)
            self._thread.start()
        self._wait(1, _PATIENCE_SECONDS)
        if self._taken:
            self._wait(min(limit, self._ahead), wait_seconds)
        over = self._over or self._stopped
        # Taking a prefix while the other thread appends is safe: each is one step of the interpreter.
        found = self._taken[:limit]
        del self._taken[: len(found)]
        self._left.set()
        if found or not over:
            return found
        if self._error is not None and not self._stopped:
            raise self._error
        return None

    def stop(self) -> None:
        """Take no more records."""
        self._stopped = True
        self._came.set()
        self._left.set()

    def _wait(self, wanted: int, seconds: float) -> None:
        """Until so many records are there, the source is over, or the time is."""
        self._wanted = wanted
        self._came.clear()
        if len(self._taken) < wanted and not self._over and not self._stopped:
            self._came.wait(seconds)
        self._wanted = sys.maxsize

    def _take_all(self) -> None:
        taken = self._taken
        try:
            for record in self._records:
                # What was taken from the source while it was told to stop is kept, too.
                taken.append(record)
                if len(taken) >= self._wanted:
                    self._came.set()
                while len(taken) >= self._ahead and not self._stopped:
                    self._left.clear()
                    if len(taken) >= self._ahead:
                        self._left.wait(_PATIENCE_SECONDS)
                if self._stopped:
                    break
        except BaseException as error:  # noqa: BLE001 (raised again where the records are read)
            self._error = error
        self._over = True
        self._came.set()


def as_source(records: Source | Iterable[Any]) -> Source:
    """A source as it is; lists and tuples read at once; every other iterable awaited."""
    if hasattr(records, "read") and hasattr(records, "stop"):
        return records  # type: ignore[return-value]
    assert isinstance(records, Iterable)  # noqa: S101 (the type says so)
    return Iterated(records) if isinstance(records, list | tuple) else Awaited(records)
