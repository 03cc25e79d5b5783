"""Pages from memory: as many as are asked for, and how many were."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from foresight.retrieval.requests import Question
from foresight.series import SeriesKey
from foresight.services.retrieval import Family, Page
from foresight.store.pages import FoundSeries

SERIES = FoundSeries(1, SeriesKey.of("m", {"host": "h"}), "default")


class Memory:
    """``n_pages`` pages of decompositions; ``read`` counts those that were asked for."""

    def __init__(self, n_pages: int, page_rows: int = 10_000) -> None:
        self.n_pages, self.page_rows, self.read = n_pages, page_rows, 0
        self.proceed = threading.Event()
        self.proceed.set()

    def __call__(self, family: Family | None, asked: Question) -> Iterator[Page]:
        for number in range(self.n_pages):
            self.read += 1
            self.proceed.wait(30)
            slots = list(range(60 * number * self.page_rows, 60 * (number + 1) * self.page_rows, 60))
            n = len(slots)
            values = [slot / 7 for slot in slots]
            rows = {
                "series_id": [1] * n, "slot": slots, "as_of": [0] * n, "trend": values, "seasonal": values,
                "residual": [None] * n,
            }  # fmt: skip
            yield Page(rows, [(1, 0, slot) for slot in slots], {1: SERIES})
