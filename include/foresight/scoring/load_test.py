"""How much a deployment bears: records through bundles, for each bundle size and number of workers.

Every cell of the grid has the same time and the same records, over and over, as fast as they are taken: the
figures are those of full load, and a latency holds the time that a bundle waited in the queue.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from foresight.scoring.bundles import BundleRun, Settings
from foresight.scoring.errors import InvalidMapping
from foresight.scoring.mapping import FieldMapping
from foresight.scoring.model import InputField
from foresight.scoring.records import RecordScorer
from foresight.scoring.rehearsal import lists
from foresight.scoring.rows import ListField

MAX_CELLS: Final = 64
MAX_SECONDS: Final = 600.0
"""Longest a whole grid may take."""
GENERATED: Final = 10_000
CLOSE: Final = 0.05
"""Loads that differ by less than this share are alike: then the shorter latency is the better one."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What is tried; ``seconds`` is the time of one cell, ``error_share`` the share of records made bad."""

    bundle_sizes: tuple[int, ...] = (1, 10, 100, 1000)
    workers: tuple[int, ...] = (1, 2, 5)
    seconds: float = 2.0
    error_share: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        wrong = []
        for name in ("bundle_sizes", "workers"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                wrong.append(f"{name} must be different numbers, one at least, got {given!r}")
        n_cells = len(self.bundle_sizes) * len(self.workers)
        if n_cells > MAX_CELLS:
            wrong.append(f"{n_cells} cells, at most {MAX_CELLS} are tried")
        if not 0.05 <= self.seconds <= MAX_SECONDS / max(n_cells, 1):
            wrong.append(
                f"seconds must be from 0.05 to {MAX_SECONDS / max(n_cells, 1):g} in each of {n_cells} cells,"
                f" got {self.seconds!r}"
            )
        if not 0 <= self.error_share < 1:
            wrong.append(f"error_share must be from 0 to below 1, got {self.error_share!r}")
        if wrong:
            raise InvalidMapping("; ".join(wrong))
        list(self.settings())  # each is checked when it is made

    def settings(self) -> Iterator[Settings]:
        """The settings of each cell."""
        for size in self.bundle_sizes:
            for workers in self.workers:
                yield Settings(bundle_size=size, workers=workers, single_output=True)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell showed; latencies are milliseconds from when a bundle was read to when it was out."""

    bundle_size: int
    workers: int
    n_records: int
    n_good: int
    n_bad: int
    seconds: float
    records_per_second: float
    latency_p50_ms: float
    latency_p99_ms: float


def generate(mapping: FieldMapping, n: int, seed: int = 1) -> list[dict[str, Any]]:
    """Records that the signature behind the mapping accepts."""
    rng = np.random.default_rng(seed)
    columns = [_values(feed.target, n, rng) for feed in mapping.feeds]
    if mapping.array_field is not None:
        return [{mapping.array_field: list(row)} for row in zip(*columns, strict=True)]
    names = [feed.source for feed in mapping.feeds]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _values(target: InputField, n: int, rng: np.random.Generator) -> list[Any]:
    if isinstance(target, ListField):
        few = lists(target)
        return [few[place] for place in rng.integers(0, len(few), n)]
    if target.values:
        return [target.values[place] for place in rng.integers(0, len(target.values), n)]
    if target.data_type in {"double", "float", "integer"}:
        low, high = _range(target)
        found = rng.uniform(low, high, n)
        return list(np.floor(found).astype(int).tolist() if target.data_type == "integer" else found.tolist())
    if target.data_type == "boolean":
        return [bool(one) for one in rng.integers(0, 2, n)]
    return [f"text {place}" for place in rng.integers(0, 100, n)]


def _range(target: InputField) -> tuple[float, float]:
    """Inside of the first bounds; ten wide where one side is open to infinity."""
    if not target.bounds:
        return 0.0, 10.0
    low, high = target.bounds[0].low, target.bounds[0].high
    if not math.isfinite(low):
        low = high - 10.0 if math.isfinite(high) else 0.0
    high = high if math.isfinite(high) else low + 10.0
    edge = (high - low) * 1e-3
    return low + edge, high - edge


def spoil(records: Sequence[Any], mapping: FieldMapping, share: float, seed: int = 1) -> list[Any]:
    """The records, with that share of them made bad: one field holds an object, which no model takes."""
    rng = np.random.default_rng(seed)
    spoilt = list(records)
    for place in rng.choice(len(records), int(len(records) * share), replace=False):
        field = mapping.array_field or mapping.feeds[int(rng.integers(len(mapping.feeds)))].source
        spoilt[place] = {**spoilt[place], field: {}} if isinstance(spoilt[place], dict) else None
    return spoilt


class _Endless:
    """The same records over and over until the time is over; notes when each bundle was read."""

    def __init__(self, records: Sequence[Any], seconds: float) -> None:
        self._records, self._at = records, 0
        self._deadline = time.monotonic() + seconds
        self.read_at: list[float] = []

    def read(self, limit: int, wait_seconds: float) -> list[Any] | None:  # noqa: ARG002 (nothing to wait for)
        now = time.monotonic()
        if now >= self._deadline:
            return None
        self.read_at.append(now)
        found = list(self._records[self._at : self._at + limit])
        while len(found) < limit:
            found += self._records[: limit - len(found)]
        self._at = (self._at + limit) % len(self._records)
        return found

    def stop(self) -> None:
        self._deadline = 0.0


def measure(scorer: RecordScorer, records: Sequence[Any], grid: Grid) -> Iterator[Cell]:
    """Each cell as soon as it is done. Raises ``InvalidMapping`` without records."""
    if not records:
        raise InvalidMapping("there are no records to measure with")
    for settings in grid.settings():
        scorer.score(records[: settings.bundle_size])  # what is made at the first call is not measured
        yield _measure_one(scorer, records, settings, grid.seconds)


def _measure_one(scorer: RecordScorer, records: Sequence[Any], settings: Settings, seconds: float) -> Cell:
    out_at: list[float] = []
    source = _Endless(records, seconds)
    load = BundleRun(source, scorer.score, lambda _: out_at.append(time.monotonic()), settings=settings).run()
    # One output in the order of the input: bundles come out as they were read.
    waits = 1000 * (np.array(out_at) - np.array(source.read_at))
    p50, p99 = np.percentile(waits, [50, 99]) if len(waits) else (math.nan, math.nan)
    return Cell(
        settings.bundle_size, settings.workers, load.read, load.good, load.bad, load.elapsed_seconds,
        load.read / load.elapsed_seconds, float(p50), float(p99),
    )  # fmt: skip


def recommend(cells: Sequence[Cell]) -> Cell:
    """Of the cells whose load is close to the largest, the one with the shortest 99th latency."""
    best = max(cell.records_per_second for cell in cells)
    close = [cell for cell in cells if cell.records_per_second >= best * (1 - CLOSE)]
    return min(close, key=lambda cell: (cell.latency_p99_ms, cell.workers, cell.bundle_size))


def plot(cells: Sequence[Cell], title: str) -> bytes:
    """Load and latency over the bundle size, a line for each number of workers, as SVG."""
    from io import BytesIO

    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    panels = figure.subplots(1, 2)
    shown = (("records_per_second", "records a second"), ("latency_p99_ms", "99th latency of a bundle, ms"))
    for axes, (name, label) in zip(panels, shown, strict=True):
        for workers in sorted({cell.workers for cell in cells}):
            line = sorted(
                (cell.bundle_size, getattr(cell, name)) for cell in cells if cell.workers == workers
            )
            axes.plot(*zip(*line, strict=True), marker="o", label=f"{workers} worker{'s' * (workers > 1)}")
        axes.set(xscale="log", yscale="log", xlabel="bundle size", ylabel=label)
        axes.grid(visible=True, alpha=0.3)
    panels[0].legend()
    figure.suptitle(title, parse_math=False)
    made = BytesIO()
    figure.savefig(made, format="svg", metadata={"Date": None})
    return made.getvalue()
