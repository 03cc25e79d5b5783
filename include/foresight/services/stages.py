"""How long the stages of runs took."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from foresight.store import Store
from foresight.store.tables import run

MOST_RUNS: Final = 1_000
"""The newest ones count."""


def stage_times(
    store: Store, since: datetime | None = None, until: datetime | None = None
) -> list[dict[str, Any]]:
    """Seconds by DAG and stage over the runs with an as-of in ``[since, until)``.

    A quantile is the nearest rank: the smallest value that so large a share of the runs does not exceed.
    """
    query = select(run.c.dag_id, run.c.stage_seconds).where(run.c.stage_seconds.is_not(None))
    if since is not None:
        query = query.where(run.c.as_of >= since)
    if until is not None:
        query = query.where(run.c.as_of < until)
    query = query.order_by(run.c.as_of.desc()).limit(MOST_RUNS)
    found: dict[tuple[str, str], list[float]] = {}
    for dag_id, seconds in store.read(lambda connection: connection.execute(query).all()):
        for stage, value in (seconds or {}).items():
            if isinstance(value, int | float):
                found.setdefault((dag_id, stage), []).append(float(value))
    return [_summary(*key, sorted(values)) for key, values in sorted(found.items())]


def _summary(dag_id: str, stage: str, values: list[float]) -> dict[str, Any]:
    n = len(values)
    return {
        "dag_id": dag_id,
        "stage": stage,
        "n_runs": n,
        "mean_seconds": sum(values) / n,
        "median_seconds": values[-(-n // 2) - 1],
        "p95_seconds": values[-(-n * 95 // 100) - 1],
        "longest_seconds": values[-1],
    }
