"""Python's search for reference cycles, made rare while records pass through in numbers."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

RARE = 1_000_000
"""Objects made before the search starts; by default 700, which one bundle passes many times."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Search rarely inside; counted references are freed as ever, and records hold no cycles.

    It is a setting of the whole process: for whoever owns it, a task or a benchmark.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], RARE), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
