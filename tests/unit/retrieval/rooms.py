"""A store with results of two runs, a server on it, and a way in for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
from sqlalchemy import Connection

from foresight.analysis import analyse, curves
from foresight.forecasting.joint_forecast import forecast
from foresight.grid import Grid
from foresight.retrieval.server import Address, serving
from foresight.retrieval.service import Reader, StoreReader
from foresight.retrieval.sign_in import Forbidden, Unauthenticated
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services.parameters import analysis_parameters
from foresight.services.series_rows import analysis_rows, curve_rows, forecast_rows
from foresight.store import Store, save_samples, save_series, upsert
from foresight.store.tables import metadata
from foresight.telemetry.catalogue import Catalogue
from foresight.web.rights import Right
from tests.unit.store.rows import T0, evaluate

N_SLOTS = 120
RUNS = (T0 - 600, T0)
CATALOGUE = Catalogue.model_validate(
    {
        "metrics": [
            {"name": "kept", "metric": "kept", "window": N_SLOTS * 60, "curves": True},
            {"name": "drawn", "metric": "drawn", "window": N_SLOTS * 60},
        ]
    }
)
KEYS = {
    metric: tuple(SeriesKey.of(metric, {"host": f"h{row}", "zone": "ab"[row % 2]}) for row in range(4))
    for metric in ("kept", "drawn")
}
BEARER = (("authorization", "Bearer good"),)


class Tokens:
    """Lets in who says ``good``; ``weak`` lacks every right."""

    async def admit(self, authorization: str | None, right: Right) -> None:
        if not authorization:
            raise Unauthenticated("Not authenticated")
        if authorization == "Bearer weak":
            raise Forbidden("Forbidden")
        if authorization != "Bearer good":
            raise Forbidden("Invalid JWT token")


def values_of(metric: str) -> np.ndarray[Any, Any]:
    """Samples of the whole span that both runs see, a row a series of the metric."""
    rng = np.random.default_rng(len(metric))
    slots = np.arange(N_SLOTS + 10)
    return np.ascontiguousarray(np.sin(slots / 5) + rng.normal(0, 0.2, (len(KEYS[metric]), len(slots))))


def fill(store: Store) -> None:
    """Two runs over both metrics; the curves of one of them are stored."""
    for run, as_of in enumerate(RUNS):
        for metric, keys in KEYS.items():
            grid = Grid(as_of, N_SLOTS)
            values = np.ascontiguousarray(values_of(metric)[:, 10 * run : 10 * run + N_SLOTS])
            store.transact(_run(SeriesMatrix(keys, grid, values), CATALOGUE.get(metric)))
        evaluate(store, as_of, {"low": "ok", "high": "violated" if run else "at_risk"})
        evaluate(store, as_of, {"other": "ok"}, sla="zoo")


def _run(matrix: SeriesMatrix, entry: Any) -> Callable[[Connection], None]:
    parameters = analysis_parameters(entry)
    found = analyse(matrix.values, parameters)
    verdict = {
        "outcome": ["ok"] * len(matrix),
        "reason": [None] * len(matrix),
        "n_nonfinite": [0] * len(matrix),
    }
    tables = analysis_rows(matrix, found, verdict, parameters)
    ahead = forecast_rows(matrix, forecast(matrix.values))
    tables["series_analysis"] |= ahead["series_analysis"]
    tables["forecast"] = ahead["forecast"]
    if entry.curves:
        everything = np.arange(len(matrix))
        drawn = curves(matrix.values, found.period, parameters)
        tables |= curve_rows(matrix, everything, found, drawn)

    def work(connection: Connection) -> None:
        save_series(connection, matrix, ["default"] * len(matrix))
        save_samples(connection, matrix, 10)
        for name, columns in tables.items():
            upsert(connection, metadata.tables[name], columns)

    return work


def reader(store: Store) -> Reader:
    return StoreReader(lambda: store, lambda: CATALOGUE)


@asynccontextmanager
async def channel_to(read: Reader, authenticator: Any = None, **options: Any) -> AsyncIterator[Any]:
    """A channel to a server that ends with the block."""
    async with (
        serving(Address(), read, authenticator or Tokens()) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", **options) as channel,
    ):
        yield channel


def talk(read: Reader, work: Callable[[Any], Awaitable[Any]], **options: Any) -> Any:
    """What ``work`` answers, given a channel to a server."""

    async def run() -> Any:
        async with channel_to(read, **options) as channel:
            return await work(channel)

    return asyncio.run(run())
