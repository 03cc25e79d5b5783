"""Recorded series for benchmarks: read from a folder, or realistic ones made from a sample."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SAMPLE = Path(__file__).resolve().parents[1] / "tests" / "data" / "numerics"
GAPPY, CONSTANT = 0.02, 0.01
"""Shares of realistic series that have holes, and that never change."""


def read_folder(folder: Path) -> dict[str, NDArray[np.float64]]:
    """Every numeric column of every ``*.csv`` and ``*.csv.gz`` below ``folder``, by file and column name.

    Columns of time stamps, slot numbers and labels are left out.
    """
    series: dict[str, NDArray[np.float64]] = {}
    for path in sorted([*folder.rglob("*.csv"), *folder.rglob("*.csv.gz")]):
        for column, values in _read(path):
            series[f"{path.relative_to(folder)}:{column}"] = values
    return series


def _read(path: Path) -> Iterator[tuple[str, NDArray[np.float64]]]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        header, *rows = list(csv.reader(file))
    for column, cells in zip(header, zip(*rows, strict=True), strict=True):
        if column.lower() in {"label", "minute", "timestamp"}:
            continue
        try:
            yield column, np.array([float(cell) if cell else np.nan for cell in cells])
        except ValueError:
            continue


def windows(
    series: dict[str, NDArray[np.float64]], n_slots: int, every: int, after: int = 0
) -> tuple[list[str], NDArray[np.float64]]:
    """Windows of ``n_slots + after`` samples that start ``every`` samples apart, with the series of each."""
    names, rows = [], []
    for name, values in series.items():
        for start in range(0, len(values) - n_slots - after + 1, every):
            names.append(name)
            rows.append(values[start : start + n_slots + after])
    return names, np.array(rows).reshape(len(rows), n_slots + after)


def realistic(n_series: int, n_slots: int, seed: int = 20260101) -> NDArray[np.float64]:
    """Pieces of the recorded sample, read to and fro, at other levels and scales, with a little noise.

    A few have holes and a few are constant, as in real fleets.
    """
    rng = np.random.default_rng(seed)
    sample = [values for values in read_folder(SAMPLE).values() if np.ptp(values) > 0]
    result = np.empty((n_series, n_slots))
    for row in range(n_series):
        source = sample[rng.integers(len(sample))]
        there_and_back = np.concatenate([source, source[-2:0:-1]])
        start = rng.integers(len(there_and_back))
        piece = there_and_back[np.arange(start, start + n_slots) % len(there_and_back)]
        spread = np.ptp(piece) or 1.0
        noisy = piece + 0.002 * spread * rng.standard_normal(n_slots) * (rng.random() < 0.5)
        result[row] = 10.0 ** rng.uniform(-1, 10) * (rng.uniform(0, 3) + noisy / spread)
    for row in np.flatnonzero(rng.random(n_series) < GAPPY):
        start = rng.integers(n_slots - 30)
        result[row, start : start + rng.integers(1, 30)] = np.nan
    result[rng.random(n_series) < CONSTANT] = 42.0
    return result
