"""gRPC against its own query: rows a second from stored curves and from memory, and the first chunk.

    make bench NAME=retrieval

Server and client are two processes on loopback. The database is a real MySQL where one can be had (or
``FORESIGHT_TEST_MYSQL``), else SQLite. The bare fetch reads the same pages by the same statements, in one
process, and makes nothing of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from foresight.grid import Grid
from foresight.retrieval.client import Asked, RetrievalClient
from foresight.retrieval.server import Address, serving
from foresight.retrieval.service import Reader, StoreReader
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services.retrieval import DECOMPOSITION, Selection, series_pages
from foresight.store import Store, migrate, open_store, save_series, upsert
from foresight.store.tables import curve, series_analysis

AS_OF = 1_790_000_040
N_SLOTS = 720


class Everybody:
    """Lets everybody in: what is measured is not sign-in."""

    async def admit(self, authorization: str | None, right: Any) -> None:
        """Never refuses."""


def fill(store: Store, n_series: int) -> None:
    """Curves of one run."""
    migrate(store)
    grid = Grid(AS_OF, N_SLOTS)
    rng = np.random.default_rng(1)
    for start in range(0, n_series, 100):
        keys = tuple(SeriesKey.of("m", {"i": str(i)}) for i in range(start, min(start + 100, n_series)))
        matrix = SeriesMatrix(keys, grid, rng.normal(size=(len(keys), N_SLOTS)))
        flat = matrix.values.ravel()
        curves = {
            "series_id": np.repeat(matrix.ids, N_SLOTS), "slot": np.tile(grid.ends, len(keys)),
            "as_of": np.full(flat.size, AS_OF), "trend": flat, "seasonal": flat / 3, "residual": flat / 7,
            "hp_cycle": flat / 9, "hp_trend": flat / 11,
        }  # fmt: skip
        analysed = {
            "series_id": matrix.ids, "as_of": np.full(len(keys), AS_OF), "outcome": "ok",
            "n_observed": N_SLOTS, "n_missing": 0, "n_nonfinite": 0, "data_hash": "0", "code_version": "0",
        }  # fmt: skip

        def work(
            connection: Any, matrix: Any = matrix, curves: Any = curves, analysed: Any = analysed
        ) -> None:
            save_series(connection, matrix, ["default"] * len(matrix))
            upsert(connection, series_analysis, analysed)
            upsert(connection, curve, curves)

        store.transact(work)


def _no_catalogue() -> Any:
    raise AssertionError("every curve is stored")


class FromMemory:
    """The same pages again and again."""

    def __init__(self, n_rows: int) -> None:
        from foresight.services.retrieval import Page
        from foresight.store.pages import FoundSeries

        ids = list(range(100, 100 + 14))
        rows = [(one, slot) for one in ids for slot in range(AS_OF - 60 * 719, AS_OF + 60, 60)][:10_000]
        values = [slot / 7 for _, slot in rows]
        columns = {
            "series_id": [one for one, _ in rows], "slot": [slot for _, slot in rows],
            "as_of": [AS_OF] * len(rows), "trend": values, "seasonal": values, "residual": values,
        }  # fmt: skip
        series = {one: FoundSeries(one, SeriesKey.of("m", {"i": str(one)}), "default") for one in ids}
        self._page = Page(columns, [(one, AS_OF, slot) for one, slot in rows], series)
        self._n_pages = max(1, n_rows // len(rows))

    def __call__(self, *_: Any) -> Iterator[Any]:
        """See ``Reader``."""
        for _ in range(self._n_pages):
            yield self._page


def _serve(read: Any, url: str | None, queue: Any) -> None:
    async def run() -> None:
        store = open_store(url) if url else None
        reader: Reader = StoreReader(lambda: store, _no_catalogue) if store else read  # type: ignore[arg-type, return-value] # it is one
        async with serving(Address(), reader, Everybody()) as port:
            queue.put(port)
            await asyncio.Event().wait()

    asyncio.run(run())


async def _fetch(port: int) -> tuple[int, float, float]:
    """Rows, seconds to the first chunk, and in all."""
    async with RetrievalClient(f"127.0.0.1:{port}") as client:
        async for _ in client.chunks("ListDecomposition", Asked("m", limit=1)):  # connects
            pass
        n_rows, first, started = 0, 0.0, time.perf_counter()
        async for chunk in client.chunks("ListDecomposition", Asked("m")):
            first = first or time.perf_counter() - started
            n_rows += len(chunk.rows)
        return n_rows, first, time.perf_counter() - started


def served(read: Any, url: str | None, rounds: int) -> list[tuple[int, float, float]]:
    """What a client sees of a server in another process."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_serve, args=(read, url, queue), daemon=True)
    process.start()
    try:
        port = queue.get(timeout=120)
        return [asyncio.run(_fetch(port)) for _ in range(rounds)]
    finally:
        process.kill()
        process.join()


def bare(store: Store) -> tuple[int, float]:
    """Rows and seconds of the query alone."""
    started = time.perf_counter()
    n_rows = sum(len(page) for page in series_pages(store, _no_catalogue, DECOMPOSITION, Selection("m")))
    return n_rows, time.perf_counter() - started


def measure(n_series: int, rounds: int) -> dict[str, Any]:
    """The figures; rates are medians over the rounds."""
    with ExitStack() as stack:
        url = _database(stack)
        store = open_store(url)
        stack.callback(store.close)
        fill(store, n_series)
        bare(store)
        query = [bare(store) for _ in range(rounds)]
        stored = served(None, url, rounds + 1)[1:]
        memory = served(FromMemory(n_series * N_SLOTS), None, rounds + 1)[1:]
        assert {n for n, _ in query} == {n for n, *_ in stored} == {n_series * N_SLOTS}
        rate = statistics.median(n / seconds for n, _, seconds in stored)
        query_rate = statistics.median(n / seconds for n, seconds in query)
        return {
            "database": store.engine.dialect.name,
            "rows": n_series * N_SLOTS,
            "grpc_rows_per_second": round(rate),
            "query_rows_per_second": round(query_rate),
            "ratio": round(rate / query_rate, 2),
            "grpc_memory_rows_per_second": round(statistics.median(n / s for n, _, s in memory)),
            "grpc_first_ms": round(statistics.median(first for _, first, _ in stored) * 1000, 1),
        }


def _database(stack: ExitStack) -> str:
    import os

    from tests.servers.mysql import mysql_server
    from tests.servers.process import Unavailable

    if given := os.environ.get("FORESIGHT_TEST_MYSQL"):
        return given
    try:
        return stack.enter_context(mysql_server())
    except Unavailable as reason:
        print(f"no MySQL, so SQLite: {reason}", file=sys.stderr)
        return f"sqlite:///{Path(stack.enter_context(tempfile.TemporaryDirectory())) / 'results.db'}"


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--series", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.series, given.rounds)
    print(json.dumps(found) if given.json else "\n".join(f"{name}: {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
