"""A recording of real servers, replayed as if it were now.

The slot that ends ``m`` minutes after ``last_slot_at`` shows row ``last_row + m``, modulo the length of the
recording: every instant has data, the same instant always the same, and the last slot is always "now".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from foresight.errors import FinalError, NotFound
from foresight.grid import Grid, whole_seconds
from foresight.matchers import matching
from foresight.series import SeriesKey, SeriesMatrix
from foresight.telemetry.assembly import first_of
from foresight.telemetry.catalogue import WatchedMetric
from foresight.telemetry.source import Description, Discovery, Extraction, Shard

RECORDINGS: Final = Path(__file__).parent / "recordings"
ROW_SECONDS: Final = 60


@dataclass(frozen=True)
class RecordingSource:
    """Replays ``recordings/<name>.parquet``.

    ``last_row`` is the row shown by the slot that ends at ``last_slot_at``: epoch seconds, or an ISO 8601
    instant with a zone; on a whole minute.
    The columns of a recording are ``instance``, ``minute``, and one column a metric, in millionths.
    """

    name: str = "smd"
    last_row: int = 0
    last_slot_at: int | str = 0

    def __post_init__(self) -> None:
        if self._anchor % ROW_SECONDS:
            raise FinalError(f"last_slot_at must lie on a whole minute, got {self.last_slot_at}")

    @property
    def settle_seconds(self) -> float:
        """None: the rows of a recording do not change."""
        return 0.0

    def discover(self, entry: WatchedMetric, grid: Grid) -> Discovery:
        """The series of an entry; a recording cannot evaluate a query, so that is refused."""
        _check(grid)
        if entry.query is not None:
            raise FinalError(
                f"{entry.name}: a recording cannot evaluate PromQL; give metric instead of query"
            )
        keys = sorted(key for key in self._rows if key.metric == entry.metric)
        return Discovery(tuple(keys[row] for row in matching(keys, entry.conditions)))

    def extract(self, shard: Shard) -> Extraction:
        """The samples of the shard; a planned series that is not recorded is missing."""
        grid = shard.grid
        _check(grid)
        rows = np.array([self._rows.get(key, -1) for key in shard.keys], dtype=np.intp)
        known = rows >= 0
        values = np.full((len(shard), grid.n_slots), np.nan)
        values[known] = self._shown(grid)[rows[known]]
        counts = {name: np.zeros(len(shard), np.int64) for name in Extraction.COUNTS}
        counts["points"][known] = grid.n_slots
        missing = tuple(key for key, is_known in zip(shard.keys, known, strict=True) if not is_known)
        partial = {}
        for selection in shard.selections:
            if absent := tuple(key for key in selection.keys if key not in self._rows):
                partial[selection.entry.name] = (
                    f"{len(absent)} series are not recorded: {first_of(absent)}",
                )
        matrix = SeriesMatrix(shard.keys, grid, values)
        return Extraction(matrix, counts, missing, partial=partial, n_bytes=values.nbytes)

    def describe(self) -> Description:
        """The recording and its length."""
        notes = (f"{len(self._rows)} series of {self._values.shape[1]} minutes, repeated for ever",)
        return Description("recording", self.name, "1", notes)

    def _shown(self, grid: Grid) -> NDArray[np.float64]:
        """Every recorded series on the grid, ``[n_recorded, n_slots]``."""
        per_slot = grid.step_seconds // ROW_SECONDS
        minutes = grid.start // ROW_SECONDS + 1 + np.arange(grid.n_slots * per_slot)
        rows = (self.last_row + minutes - self._anchor // ROW_SECONDS) % self._values.shape[1]
        shown = self._values[:, rows]
        return shown if per_slot == 1 else shown.reshape(len(shown), grid.n_slots, per_slot).mean(axis=2)

    @cached_property
    def _anchor(self) -> int:
        if isinstance(self.last_slot_at, int):
            return self.last_slot_at
        try:
            return whole_seconds(datetime.fromisoformat(self.last_slot_at))
        except ValueError as error:
            raise FinalError(f"last_slot_at: {error}") from error

    @cached_property
    def _rows(self) -> dict[SeriesKey, int]:
        return self._content[0]

    @cached_property
    def _values(self) -> NDArray[np.float64]:
        return self._content[1]

    @cached_property
    def _content(self) -> tuple[dict[SeriesKey, int], NDArray[np.float64]]:
        path = RECORDINGS / f"{self.name}.parquet"
        if not path.is_file():
            raise NotFound(f"there is no recording {self.name!r} in {RECORDINGS}")
        table = pq.read_table(path).to_pandas()
        metrics = [column for column in table.columns if column not in {"instance", "minute"}]
        keys, blocks = [], []
        for instance, part in table.groupby("instance", sort=True):
            labels = {"job": self.name, "instance": str(instance)}
            keys += [SeriesKey.of(metric, labels) for metric in metrics]
            # Dividing whole numbers gives the very doubles that the written decimals parse to.
            blocks.append(part[metrics].to_numpy().T / 1e6)
        return {key: row for row, key in enumerate(keys)}, np.concatenate(blocks)


def _check(grid: Grid) -> None:
    if grid.step_seconds % ROW_SECONDS:
        raise FinalError(f"a recording has one row a minute; a step of {grid.step_seconds} s cannot be shown")
