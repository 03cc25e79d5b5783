"""How the bands of forecasts held: rows of ``band_hour``, of a sample of the series."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from foresight.grid import Grid
from foresight.store import Store
from foresight.store.samples import load_values
from foresight.store.verification import HOUR, load_bands, metrics_of

STEP_SECONDS: Final = 60
HORIZON: Final = 10
SCALE_SLOTS: Final = 120
"""Slots up to as-of whose mean absolute change errors are scaled by."""
MOST_SERIES: Final = 2000
"""Series whose bands are judged at an as-of."""
INTERVAL: Final = 600
LEVELS: Final = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}

Columns = dict[str, list[Any]]


def judge_bands(store: Store, hour: int, most: int = MOST_SERIES) -> Columns:
    """The rows of the as-ofs of an hour, by metric and forecaster."""
    rows: list[dict[str, Any]] = []
    for as_of in range(hour - HOUR + INTERVAL, hour + 1, INTERVAL):
        rows.extend(_judge_one(store, as_of, most))
    names = rows[0] if rows else {"as_of": 0}
    return {name: [row[name] for row in rows] for name in names}


def _judge_one(store: Store, as_of: int, most: int) -> list[dict[str, Any]]:
    found = store.read(lambda connection: load_bands(connection, as_of, most))
    ids = np.unique(np.array(found["series_id"], np.int64))
    if not len(ids):
        return []
    end = as_of + HORIZON * STEP_SECONDS
    grid = Grid(end, SCALE_SLOTS + HORIZON, STEP_SECONDS)
    samples = store.read(lambda connection: load_values(connection, ids, grid))
    metric_of = store.read(lambda connection: metrics_of(connection, ids))
    past, actual = samples[:, :SCALE_SLOTS], samples[:, SCALE_SLOTS:]
    change = np.abs(np.diff(past, axis=1))
    n_changes = np.isfinite(change).sum(axis=1)
    scale = np.nansum(change, axis=1) / np.maximum(n_changes, 1)
    figures = {
        name: np.full((len(ids), HORIZON), np.nan) for name in (*LEVELS, "mean", "joint_low", "joint_high")
    }
    row = np.searchsorted(ids, np.array(found["series_id"], np.int64))
    step = np.array(found["step"], np.int64) - 1
    for name, matrix in figures.items():
        values = np.array([np.nan if value is None else value for value in found[name]], np.float64)
        matrix[row[step < HORIZON], step[step < HORIZON]] = values[step < HORIZON]
    models = dict(zip(found["series_id"], found["model"], strict=True))
    groups: dict[tuple[str, str], list[int]] = {}
    for at, one in enumerate(ids.tolist()):
        groups.setdefault((metric_of.get(one, ""), models[one]), []).append(at)
    return [
        {"as_of": as_of, "metric": metric, "model": model}
        | _sums({name: matrix[members] for name, matrix in figures.items()}, actual[members], scale[members])
        for (metric, model), members in sorted(groups.items())
    ]


def _sums(made: dict[str, Any], actual: Any, scale: Any) -> dict[str, Any]:
    known = np.isfinite(actual) & np.isfinite(made["mean"])
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = known & (made["q05"] <= actual) & (actual <= made["q95"])
        held = ((made["joint_low"] <= actual) & (actual <= made["joint_high"])).all(axis=1)
        pinball = sum(
            np.maximum(level * (actual - made[name]), (level - 1.0) * (actual - made[name]))
            for name, level in LEVELS.items()
        )
        unit = scale[:, None]
        scaled = known & (unit > 0)
        parts = {
            "sum_width": (made["joint_high"] - made["joint_low"]) / unit,
            "sum_error": np.abs(actual - made["mean"]) / unit,
            "sum_crps": 2.0 * pinball / len(LEVELS) / unit,
        }
    whole = known.all(axis=1)
    return {
        "n_paths": int(whole.sum()),
        "n_held": int((held & whole).sum()),
        "n_steps": known.sum(axis=0).tolist(),
        "n_inside": inside.sum(axis=0).tolist(),
        "n_scaled": int(scaled.sum()),
        **{name: float(np.where(scaled, part, 0.0).sum()) for name, part in parts.items()},
    }
