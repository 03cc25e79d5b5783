"""The port to wherever series come from, and what is handed through it.

A source names the series of a catalogue entry (``discover``) and answers for the series of a shard
(``extract``). The fakes are real: ``RecordingSource`` serves the demo and the tests alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from foresight.errors import SourceUnavailable
from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.telemetry.catalogue import WatchedMetric

_METADATA = b"foresight.shard"

Texts = Mapping[str, tuple[str, ...]]
"""Sentences by the entry of the catalogue that they are about."""


class EntryUnavailable(SourceUnavailable):
    """One entry cannot be read now, though the source answers other questions."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Some series of one entry.

    ``narrowed`` holds the label values that pick exactly these among the series of the entry, all of
    them where it is empty: ``((label, (value, …)), …)``; an absent label has the value ``""``.
    ``others`` holds the ids of series that the same question brings too, and that are not read here: an
    earlier entry reads them, or they lie beyond ``max_series``.
    """

    entry: WatchedMetric
    keys: tuple[SeriesKey, ...]
    narrowed: tuple[tuple[str, tuple[str, ...]], ...] = ()
    others: frozenset[int] = frozenset()


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
                [
                    s.entry.model_dump(mode="json", exclude_defaults=True),
                    len(s.keys),
                    s.narrowed,
                    sorted(s.others),
                ]
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
        for entry, count, narrowed, others in about["selections"]:
            labels = tuple((label, tuple(values)) for label, values in narrowed)
            mine = tuple(keys[done : done + count])
            selections.append(Selection(WatchedMetric.model_validate(entry), mine, labels, frozenset(others)))
            done += count
        return cls(about["number"], Grid(*about["grid"]), tuple(selections))


def _key(canonical: list[Any]) -> SeriesKey:
    metric, labels = canonical
    return SeriesKey(metric, tuple((name, value) for name, value in labels))


@dataclass(frozen=True, slots=True)
class Discovery:
    """The series of one entry, sorted, and what the source says about its answer."""

    keys: tuple[SeriesKey, ...]
    partial: tuple[str, ...] = ()
    """Why series may be lacking; empty where the answer is whole."""
    remarks: tuple[str, ...] = ()
    """What the source remarks about the query; the answer is whole all the same."""

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[SeriesKey]:
        return iter(self.keys)


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
    refused: Mapping[str, str] = field(default_factory=dict)
    """Entries that could not be read, with the reason; their rows are NaN."""
    partial: Texts = field(default_factory=dict)
    """Entries whose answer was partial at the second try too, with the reasons."""
    remarks: Texts = field(default_factory=dict)
    """What the source remarks about the queries; the answers are whole all the same."""
    n_bytes: int = 0
    seconds: float = 0.0

    COUNTS = ("points", "nan", "infinite", "duplicate", "off_grid", "future")

    @property
    def is_complete(self) -> bool:
        """Whether the source answered for exactly the planned series, and without reservation."""
        return not (self.missing or self.unexpected or self.refused or self.partial)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Every reason and every remark, with the entry that it is about."""
        found = [
            (name, text) for texts in (self.partial, self.remarks) for name in texts for text in texts[name]
        ]
        return tuple(f"{name}: {text}" for name, text in (*self.refused.items(), *found))


@dataclass(frozen=True, slots=True)
class Description:
    """What ``doctor`` and the record of a run say about a source."""

    kind: str
    address: str
    version: str
    notes: tuple[str, ...] = ()


class TelemetrySource(Protocol):
    """Where series come from."""

    @property
    def settle_seconds(self) -> float:
        """How long after the end of a slot its last samples may still arrive."""
        ...

    def discover(self, entry: WatchedMetric, grid: Grid) -> Discovery:
        """The series of an entry that hold anything within the grid, sorted. Empty where it matches none.

        Raises ``BadAnswer`` or ``EntryUnavailable`` for this entry, ``SourceUnavailable`` for all.
        """
        ...

    def extract(self, shard: Shard) -> Extraction:
        """The samples of the shard; an entry that cannot be read is named, the others go on.

        Raises ``SourceUnavailable`` where the source answers nothing at all.
        """
        ...

    def describe(self) -> Description:
        """Kind, address and version. Raises ``SourceUnavailable`` where it cannot be reached."""
        ...
