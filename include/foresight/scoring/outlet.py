"""Scored bundles on their way out: one at a time, in the order in which they were read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from foresight.scoring.outcome import Record

Sink = Callable[[list[Record]], None]


class Outlet:
    """Two outputs, or one for good and bad records alike (``bad`` is None).

    Whoever brings the bundle that is next in line hands it out, and those that wait behind it; ``on_out`` is
    called for each. Without ``ordered``, the line is as they come.
    """

    def __init__(
        self, good: Sink, bad: Sink | None, on_out: Callable[[], None], *, ordered: bool = True
    ) -> None:
        self._good, self._bad, self._on_out, self._ordered = good, bad, on_out, ordered
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[list[Record], Sequence[int]]] = {}
        self._came = 0
        self._is_busy = False
        self.bundles = self.good = self.bad = 0
        """What was handed out: bundles, good records, bad records."""

    def put(self, number: int, found: list[Record], bad: Sequence[int]) -> None:
        """Puts a bundle, with the places of its bad records, in line; raises what an output raises."""
        with self._lock:
            self._waiting[number if self._ordered else self._came] = found, bad
            self._came += 1
            if self._is_busy:
                return
            self._is_busy = True
        while True:
            with self._lock:
                ready = self._waiting.pop(self.bundles, None)
                if ready is None:
                    self._is_busy = False
                    return
            self._emit(*ready)
            self.bundles += 1
            self._on_out()

    def _emit(self, found: list[Record], bad: Sequence[int]) -> None:
        if not bad or self._bad is None:
            self._good(found)
        else:
            guilty = set(bad)
            fine = [record for place, record in enumerate(found) if place not in guilty]
            if fine:
                self._good(fine)
            self._bad([found[place] for place in bad])
        self.good += len(found) - len(bad)
        self.bad += len(bad)
