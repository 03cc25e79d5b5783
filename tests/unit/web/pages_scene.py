"""A store that has something for every page: SLAs at six as-ofs, series with their forecasts, a run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from foresight.services.evaluation import evaluate_stored
from foresight.sla.definitions import Sla, Sli
from foresight.store import Store, upsert
from foresight.store.tables import forecast, run, series_analysis, sli_status
from tests.unit.services.sla_scene import fill

AS_OF = 1_790_000_000 - 1_790_000_000 % 600
HOSTILE = "<script>alert(1)</script> ' \" & \u202e{{ 7*7 }} 🚀 " + "x" * 900


def slas() -> list[Sla]:
    """Three: one with spikes, one that holds, one whose texts are hostile."""
    load = Sli("load", "load", upper=25.0, objective=0.9, windows=(60, 720), description="Load of the shop")
    calm = Sli("calm", "load", upper=100.0, objective=0.99, windows=(60, 720))
    return [
        Sla("shop", (load, calm), owner="alice", description="The shop answers"),
        Sla("calm", (calm,), owner="bob"),
        Sla("hostile", (calm,), owner=HOSTILE[:200], description=HOSTILE[:1000]),
    ]


def fill_pages(store: Store, as_of: int = AS_OF) -> None:
    """Writes all of it."""
    rng = np.random.default_rng(7)
    values = 10 + rng.standard_normal((3, 900)) + 30 * (np.arange(900) % 30 < 2)
    for sla in slas():
        fill(store, values, as_of, sla)
    for at in range(as_of - 5 * 600, as_of + 1, 600):
        evaluate_stored(store, [sla.name for sla in slas()], at)
    ids = store.read(
        lambda c: [
            row[0]
            for row in c.execute(
                sli_status.select().with_only_columns(sli_status.c.worst_series_id).distinct()
            )
        ]
    )
    rows: list[dict[str, Any]] = []
    for number in (each for each in ids if each):
        for step in range(1, 11):
            middle = 10 + 2 * np.sin(step)
            rows.append({
                "series_id": number, "as_of": as_of, "step": step, "slot": as_of + 60 * step, "mean": middle,
                "q05": middle - 3, "q25": middle - 1, "q50": middle, "q75": middle + 1, "q95": middle + 3,
                "joint_low": middle - 5, "joint_high": middle + 5,
            })  # fmt: skip
        write(store, series_analysis, [{
            "series_id": number, "as_of": as_of, "outcome": "analysed", "n_observed": 700, "n_missing": 20,
            "n_nonfinite": 0, "adf_statistic": -3.2, "adf_p": 0.02, "is_stationary": True, "period_slots": 30,
            "model": "seasonal", "mase": 0.8, "data_hash": "0", "code_version": "1",
        }])  # fmt: skip
    write(store, forecast, rows)
    write(store, run, [{
        "dag_id": "telemetry_analysis", "run_id": "scheduled__1", "as_of": as_of, "kind": "scheduled",
        "state": "success", "started_at": as_of + 30, "finished_at": as_of + 50,
        "stage_seconds": {"extract": 1.2, "analyse": 3.4}, "counts": {"analysed": 3, "messages": 3},
    }])  # fmt: skip


def write(store: Store, table: Any, rows: list[dict[str, Any]]) -> None:
    """Writes rows of any columns; what is not given is NULL."""
    names = [column.name for column in table.c if any(column.name in row for row in rows)]
    columns = {name: [row.get(name) for row in rows] for name in names}
    store.transact(lambda connection: upsert(connection, table, columns))


def utc(seconds: int) -> datetime:
    """An instant as the store gives it."""
    return datetime.fromtimestamp(seconds, UTC)
