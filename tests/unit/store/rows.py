"""Made-up results, writing them the way runs do, and reading whole tables back."""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import Connection, Table, select

from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.store import Store, save_samples, save_series, save_statuses, upsert
from foresight.store.columns import Columns
from foresight.store.tables import metadata

T0 = 1_700_000_040
"""A full minute: 2023-11-14 22:14 UTC."""


def keys(n: int, metric: str = "m") -> tuple[SeriesKey, ...]:
    return tuple(SeriesKey.of(metric, {"instance": str(i)}) for i in range(n))


def matrix(values: Any, as_of: int = T0, metric: str = "m") -> SeriesMatrix:
    array = np.array(values, dtype=np.float64)
    return SeriesMatrix(keys(len(array), metric), Grid(as_of, array.shape[1]), np.ascontiguousarray(array))


def all_rows(store: Store, table: Table) -> list[tuple[Any, ...]]:
    """Every row, in the order of its key."""
    query = select(table).order_by(*table.primary_key)
    return [tuple(row) for row in store.read(lambda connection: connection.execute(query).all())]


def column(store: Store, table: Table, name: str) -> list[Any]:
    """One column, in the order of the key."""
    query = select(table.c[name]).order_by(*table.primary_key)
    return list(store.read(lambda connection: connection.execute(query).scalars().all()))


def sample_columns(value: Any, series_id: Any = 1, slot: Any = T0) -> Columns:
    return {"series_id": series_id, "slot": slot, "value": value}


def analysis_columns(as_of: int, series_id: Any = 1) -> Columns:
    return {
        "series_id": series_id,
        "as_of": [as_of],
        "outcome": "ok",
        "n_observed": 1,
        "n_missing": 0,
        "n_nonfinite": 0,
        "data_hash": "0",
        "code_version": "0",
    }


def sli_columns(states: dict[str, str], as_of: int, sla: str = "shop") -> Columns:
    return {
        "sla_name": [sla] * len(states),
        "sli_name": list(states),
        "as_of": as_of,
        "state": list(states.values()),
        "revision": "r1",
        "n_series": 1,
    }


def sla_columns(state: str, as_of: int, sla: str = "shop") -> Columns:
    counts = {f"n_{name}": 0 for name in ("sli", "ok", "violated", "at_risk", "no_data")}
    return {"sla_name": [sla], "as_of": as_of, "state": state, "revision": "r1", **counts}


def window_columns(names: list[str], as_of: int, sla: str = "shop") -> Columns:
    return {
        "sla_name": [sla] * len(names),
        "sli_name": names,
        "as_of": as_of,
        "window_minutes": 60,
        "n_observed": 59,
        "n_missing": 1,
        "n_violated": 2,
        "good_share": 57 / 59,
        "is_budget_below_one_slot": False,
        "n_violations": 1,
        "is_list_cut": False,
        "violations": [[{"start": as_of - 60, "end": as_of, "worst": 1e10}] for _ in names],
    }


def write(store: Store, table: Table, columns: Columns) -> int:
    return store.transact(lambda connection: upsert(connection, table, columns))


def clear(store: Store) -> None:
    def work(connection: Connection) -> None:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())

    store.transact(work)


def persist(store: Store, some: SeriesMatrix, settle_slots: int = 10) -> int:
    def work(connection: Connection) -> int:
        save_series(connection, some, ["default"] * len(some))
        return save_samples(connection, some, settle_slots)

    return store.transact(work)


def evaluate(store: Store, as_of: int, states: dict[str, str], sla: str = "shop") -> None:
    save_statuses(
        store,
        as_of,
        [sla],
        sla_columns(max(states.values(), default="ok"), as_of, sla),
        sli_columns(states, as_of, sla),
        window_columns(list(states), as_of, sla),
    )
