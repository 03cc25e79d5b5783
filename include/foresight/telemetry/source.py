"""The port to wherever series come from, and what is handed through it.

A source names the series of a catalogue entry (``discover``) and answers for the series of a shard
(``extract``). The fakes are real: ``RecordingSource`` serves the demo and the tests alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.telemetry.catalogue import WatchedMetric

_METADATA = b"foresight.shard"


@dataclass(frozen=True, slots=True)
class Selection:
    """Some series of one entry.

    ``narrowed`` holds the label values that pick exactly these among the series of the entry, all of
    them where it is empty: ``((label, (value, …)), …)``; an absent label has the value ``""``.
    """

    entry: WatchedMetric
    keys: tuple[SeriesKey, ...]
    narrowed: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Shard:
    """The series that one task reads: one grid, any number of entries."""

    number: int
    grid: Grid
    selections: tuple[Selection, ...]

    @cached_property
    def keys(self) -> tuple[SeriesKey, ...]:
        """The planned series, in the order of the rows of the matrix."""
        return tuple(key for selection in self.selections for key in selection.keys)

    @cached_property
    def entries(self) -> tuple[WatchedMetric, ...]:
        """The entry of each row."""
        return tuple(selection.entry for selection in self.selections for _ in selection.keys)

    def __len__(self) -> int:
        return len(self.keys)

    def to_table(self) -> pa.Table:
        """This shard as a table to stage: a row a series; grid and entries ride in its metadata."""
        about = {
            "number": self.number,
            "grid": [self.grid.as_of, self.grid.n_slots, self.grid.step_seconds],
            "selections": [
                [s.entry.model_dump(mode="json", exclude_defaults=True), len(s.keys), s.narrowed]
                for s in self.selections
            ],
        }
        columns = {"series": [key.canonical.decode() for key in self.keys]}
        return pa.table(
            columns, schema=pa.schema([("series", pa.string())], {_METADATA: orjson.dumps(about)})
        )

    @classmethod
    def from_table(cls, table: pa.Table) -> Self:
        """The shard that ``to_table`` gave away."""
        about = orjson.loads(table.schema.metadata[_METADATA])
        keys = [_key(orjson.loads(text)) for text in table.column("series").to_pylist()]
        selections, done = [], 0
        for entry, count, narrowed in about["selections"]:
            labels = tuple((label, tuple(values)) for label, values in narrowed)
            mine = tuple(keys[done : done + count])
            selections.append(Selection(WatchedMetric.model_validate(entry), mine, labels))
            done += count
        return cls(about["number"], Grid(*about["grid"]), tuple(selections))


def _key(canonical: list[Any]) -> SeriesKey:
    metric, labels = canonical
    return SeriesKey(metric, tuple((name, value) for name, value in labels))


@dataclass(frozen=True)
class Extraction:
    """What a source answered for one shard.

    ``matrix`` has one row for each planned series, in the order of ``Shard.keys``; a series that did not
    come back is a row of NaN and is named in ``missing``. ``counts`` says what the values no longer show,
    each ``[n_series]``: points in the reply, and among them those that were NaN, were infinite, came twice,
    lay off the grid, or lay after the as-of instant.
    """

    matrix: SeriesMatrix
    counts: dict[str, NDArray[np.int64]] = field(repr=False)
    missing: tuple[SeriesKey, ...] = ()
    unexpected: tuple[SeriesKey, ...] = ()
    """Series that came back though nobody had planned them; they are left out of the matrix."""
    warnings: tuple[str, ...] = ()
    n_bytes: int = 0
    seconds: float = 0.0

    COUNTS = ("points", "nan", "infinite", "duplicate", "off_grid", "future")

    @property
    def is_complete(self) -> bool:
        """Whether the source answered for every planned series, and without reservation."""
        return not self.missing and not self.warnings


@dataclass(frozen=True, slots=True)
class Description:
    """What ``doctor`` and the trace of a run say about a source."""

    kind: str
    address: str
    version: str
    notes: tuple[str, ...] = ()


class TelemetrySource(Protocol):
    """Where series come from."""

    def discover(self, entry: WatchedMetric, grid: Grid) -> tuple[SeriesKey, ...]:
        """The series of an entry that hold anything within the grid, sorted. Empty where it matches none."""
        ...

    def extract(self, shard: Shard) -> Extraction:
        """The samples of the shard. Raises ``SourceUnavailable`` or ``BadAnswer``."""
        ...

    def describe(self) -> Description:
        """Kind, address and version. Raises ``SourceUnavailable`` where it cannot be reached."""
        ...
