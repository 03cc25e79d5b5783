"""The public recordings that the calibrator is trained and judged on, and bounds as real SLAs have them."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FOLDER = Path(__file__).resolve().parents[1] / "tests" / "data" / "recordings"
HEAD = 0.3
"""Bounds are fixed from this first part of a series."""
NOT_SERIES = {"label", "minute", "slot", "timestamp"}


def read_families(folder: Path = FOLDER) -> dict[str, list[Array]]:
    """The series that change, by family: each folder below ``folder`` is one; of servers (``smd``) each
    machine is one."""
    families: dict[str, list[Array]] = {}
    for path in sorted([*folder.rglob("*.csv"), *folder.rglob("*.csv.gz")]):
        family = path.relative_to(folder).parts[0]
        name = f"{family}:{path.name.split('_')[0]}" if family == "smd" else family
        families.setdefault(name, []).extend(_read(path))
    return families


def _read(path: Path) -> Iterator[Array]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        header, *rows = list(csv.reader(file))
    for column, cells in zip(header, zip(*rows, strict=True), strict=True):
        if column.lower() in NOT_SERIES:
            continue
        values = np.array([float(cell) if cell else np.nan for cell in cells])
        if np.nanmax(values) > np.nanmin(values):
            yield values


def fixed_bounds(series: Array) -> list[tuple[float, float]]:
    """Pairs of bounds from the first part of a series: high quantiles, a margin above, low ones, both."""
    head = series[: int(HEAD * len(series))]
    low, high, highest = np.nanquantile(head, (0.01, 0.99, 0.999)).tolist()
    margin = 1.1 * float(np.nanquantile(head, 0.95))
    both = np.nanquantile(head, (0.005, 0.995)).tolist()
    return [(-np.inf, high), (-np.inf, highest), (-np.inf, margin), (low, np.inf), (both[0], both[1])]
