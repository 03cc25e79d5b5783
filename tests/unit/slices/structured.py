"""Performance data with structure in time: days, weeks, bursts, each with a little noise; or noise alone."""

from __future__ import annotations

import numpy as np

from foresight.slices.recording import PERIODS_A_DAY, CellKey, Recording

START = 1_763_942_400
"""2025-11-24 00:00 UTC, a Monday."""
KINDS = ("daily", "weekly", "bursts", "noise")


def structured(kind: str, n_cells: int, n_days: int, seed: int = 1) -> Recording:
    """Cells whose failure share follows the load; the load follows ``kind``."""
    rng = np.random.default_rng(seed)
    n_periods = n_days * PERIODS_A_DAY
    period = np.arange(n_periods)
    load = {"daily": _days, "weekly": _weeks, "bursts": _bursts, "noise": _noise}[kind](rng, n_cells, period)
    configured = rng.integers(100, 135, n_cells).astype(np.float64)[:, None]
    requests = np.rint(configured * (4 + 4 * load) * rng.normal(1, 0.01, load.shape))
    share = np.clip(0.05 + 0.4 * load + rng.normal(0, 0.004, load.shape), 0.0, 0.9)
    failures = np.rint(requests * share)
    successes = requests - failures
    keys = tuple(CellKey("01-B989BD", f"cu{i // 10}", str(i)) for i in range(n_cells))
    counters = np.stack([requests, successes, failures], axis=-1)
    return Recording(keys, START, counters, np.repeat(configured, n_periods, axis=1))


def _days(rng: np.random.Generator, n_cells: int, period: np.ndarray) -> np.ndarray:
    """The same steps every day, at other times in each cell: rush hours that begin within a period."""
    steps = rng.uniform(0, 1, (n_cells, 24)).repeat(PERIODS_A_DAY // 24, axis=1)
    return steps[:, period % PERIODS_A_DAY]


def _weeks(rng: np.random.Generator, n_cells: int, period: np.ndarray) -> np.ndarray:
    """Days of which each weekday has its own."""
    days = np.stack([_days(rng, n_cells, np.arange(PERIODS_A_DAY)) for _ in range(7)], axis=1)
    return days[:, period // PERIODS_A_DAY % 7, period % PERIODS_A_DAY]


def _bursts(rng: np.random.Generator, n_cells: int, period: np.ndarray) -> np.ndarray:
    """Bursts at random that rise at once and fade away slowly."""
    load = np.zeros((n_cells, len(period)))
    level = np.zeros(n_cells)
    for at in range(len(period)):
        starts = rng.random(n_cells) < 0.04
        level = np.where(starts, rng.uniform(0.5, 1.0, n_cells), level * 0.8)
        load[:, at] = level
    return load


def _noise(rng: np.random.Generator, n_cells: int, period: np.ndarray) -> np.ndarray:
    return rng.uniform(0, 1, (n_cells, len(period)))
