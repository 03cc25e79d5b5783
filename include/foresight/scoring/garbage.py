"""Python's search for reference cycles, made rare while records pass through in numbers."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

RARE = 1_000_000
"""Objects made before the search starts; by default 700, which one bundle passes many times."""


_lock = threading.Lock()
_inside: list[tuple[int, int, int]] = []
"""The setting before, once for each who is inside: runs may go side by side in one process."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Search rarely inside; counted references are freed as ever, and records hold no cycles.

    It is a setting of the whole process: for whoever owns it, a task or a benchmark. The last one out of it
    puts back what the first one found.
    """
    with _lock:
        _inside.append(_inside[0] if _inside else gc.get_threshold())
        gc.set_threshold(max(_inside[0][0], RARE), *_inside[0][1:])
    try:
        yield
    finally:
        with _lock:
            before = _inside.pop()
            if not _inside:
                gc.set_threshold(*before)
