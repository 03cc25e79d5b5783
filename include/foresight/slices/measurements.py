"""What one performance event says: a record per slice and cell, and what was set aside with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Sharing(StrEnum):
    """Where the failures of a record come from: cells count them without a slice."""

    MEASURED = "measured"
    BY_SHORTFALL = "shared_by_shortfall"  # in proportion to requests - successes
    BY_REQUESTS = "shared_by_requests"  # no slice of the cell fell short
    EQUALLY = "shared_equally"  # no slice of the cell had a request
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Measurement:
    """Session set-ups of one slice in one cell over one granularity period; ``None`` where not measured.

    ``period_start`` in whole epoch seconds, as reported: senders do not all keep to the clock's grid. A cell
    id is unique within its gNB-CU only. Counts are at least 0; shared failures need not be whole.
    """

    snssai: str
    cu: str
    cell: str
    period_start: int
    granularity_seconds: int
    requests: float | None
    successes: float | None
    failures: float | None
    sharing: Sharing
    is_suspect: bool
    source: str

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What is stored once: slice, gNB-CU, cell, start of the period."""
        return self.snssai, self.cu, self.cell, self.period_start


class Reason(StrEnum):
    """Why something is no record. From ``OTHER_COUNTER`` on it is left out by intent, else unreadable."""

    EMPTY_MESSAGE = "empty_message"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NOT_AN_EVENT = "not_an_event"
    OTHER_DOMAIN = "other_domain"
    BAD_TIME = "bad_time"
    BAD_GRANULARITY = "bad_granularity"
    BAD_SOURCE = "bad_source"
    NO_MEASUREMENTS = "no_measurements"
    BAD_STRUCTURE = "bad_structure"
    BAD_CELL = "bad_cell"
    BAD_COUNTER_NAME = "bad_counter_name"
    BAD_INDEX = "bad_index"
    BAD_VALUE = "bad_value"
    DUPLICATE_VALUE = "duplicate_value"
    FAILURES_WITHOUT_SLICE = "failures_without_slice"
    FAILURES_UNSHAREABLE = "failures_unshareable"
    OTHER_COUNTER = "other_counter"
    EMPTY_VALUE = "empty_value"


IGNORED = frozenset({Reason.OTHER_COUNTER, Reason.EMPTY_VALUE})


@dataclass(frozen=True, slots=True)
class Rejected:
    """Things of one event set aside for one reason.

    ``path`` and ``detail`` show the first of them; ``values`` counts the measured values among them.
    """

    reason: Reason
    path: str
    detail: str
    values: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """One message, read. ``values == stored_values`` + those rejected + those ignored, always."""

    records: tuple[Measurement, ...]
    rejected: tuple[Rejected, ...]
    ignored: tuple[Rejected, ...]
    values: int
    stored_values: int


def merge(records: Iterable[Measurement]) -> list[Measurement]:
    """One record a key, sorted by key; which one does not depend on the order they came in.

    One that is not suspect wins, then the one with more values, then the larger values.
    """
    best: dict[tuple[str, str, str, int], Measurement] = {}
    for record in records:
        held = best.get(record.key)
        if held is None or _rank(record) > _rank(held):
            best[record.key] = record
    return [best[key] for key in sorted(best)]


def _rank(record: Measurement) -> tuple[bool, int, tuple[float, ...], str, int, str]:
    values = (record.requests, record.successes, record.failures)
    numbers = tuple(-1.0 if value is None else value for value in values)
    known = sum(value is not None for value in values)
    return not record.is_suspect, known, numbers, record.sharing, record.granularity_seconds, record.source
