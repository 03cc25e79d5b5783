"""What performance events say: a record per slice, cell and period; what was set aside, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby
from typing import Final, NamedTuple

from foresight.slices.sharing import Sharing, share_failures

REQUESTS: Final = "requests"
SUCCESSES: Final = "successes"
FAILURES: Final = "failures."
"""Begins the name of a failure counter; the cause follows."""
NO_SLICE: Final = ""
"""The slice of a record that holds failures of a cell whose event names no slice beside them."""

_MARKED = "marked by its sender"


class Origin(NamedTuple):
    """Which event a value came in. Of two values of one counter, the one with the greater origin is kept."""

    last_microseconds: int
    sequence: int
    offset: int
    partition: int = 0
    event_number: int = 0


OLDEST: Final = Origin(0, 0, 0)


class Value(NamedTuple):
    """One counter of a record. ``slices``: whom a count of failures belongs to, where there are several."""

    number: float
    origin: Origin
    is_suspect: bool = False
    slices: tuple[str, ...] = ()


class Key(NamedTuple):
    """What is stored once. A cell's name is unique within its gNB-CU only; times in epoch seconds."""

    snssai: str
    cu: str
    cell: str
    granularity_seconds: int
    period_start: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """Session set-ups of one slice in one cell over one granularity period; ``None`` where not measured.

    ``snssai`` is the slice in its normal form, ``sent_as`` as the newest event spells it. ``period_start`` is
    a multiple of the granularity, epoch seconds. ``values`` are the counters as reported; the other numbers
    follow from them. ``capacity_failures`` is there where the sender tells causes apart. Shared failures need
    not be whole.
    """

    snssai: str
    cu: str
    cell: str
    granularity_seconds: int
    period_start: int
    sent_as: str
    source: str
    values: Mapping[str, Value] = field(repr=False)
    requests: float | None = None
    successes: float | None = None
    failures: float | None = None
    capacity_failures: float | None = None
    sharing: Sharing = Sharing.MISSING
    suspicion: str | None = None
    """Why the values are not used for predictions; None where nothing speaks against them."""

    @property
    def key(self) -> Key:
        """Slice, gNB-CU, cell, granularity and start of the period."""
        return Key(self.snssai, self.cu, self.cell, self.granularity_seconds, self.period_start)

    @property
    def is_suspect(self) -> bool:
        """Whether the sender doubts a value, or the counts cannot be."""
        return self.suspicion is not None


class Reason(StrEnum):
    """Why something is no record. From ``OTHER_COUNTER`` on it is left out by intent, else unreadable."""

    EMPTY_MESSAGE = "empty_message"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NOT_AN_EVENT = "not_an_event"
    OTHER_DOMAIN = "other_domain"
    BAD_TIME = "bad_time"
    CLOCK_AHEAD = "clock_ahead"
    BAD_GRANULARITY = "bad_granularity"
    BAD_SOURCE = "bad_source"
    NO_MEASUREMENTS = "no_measurements"
    BAD_STRUCTURE = "bad_structure"
    BAD_CELL = "bad_cell"
    BAD_COUNTER_NAME = "bad_counter_name"
    UNMAPPED_COUNTER = "unmapped_counter"
    BAD_INDEX = "bad_index"
    INDEX_BEYOND_LIST = "index_beyond_list"
    BAD_VALUE = "bad_value"
    UNKNOWN_VALUE_FORM = "unknown_value_form"
    DUPLICATE_VALUE = "duplicate_value"
    OTHER_COUNTER = "other_counter"
    EMPTY_VALUE = "empty_value"


IGNORED: Final = frozenset({Reason.OTHER_COUNTER, Reason.EMPTY_VALUE})


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
    """One record a key, sorted by key, whatever order they came in: the newest value of each counter is kept.

    Give all records of a cell and period together: the slices of a cell share its failures.
    """
    held: dict[Key, Measurement] = {}
    for record in records:
        known = held.get(record.key)
        held[record.key] = record if known is None else _merged(known, record)
    ordered = sorted(held.values(), key=_cell_and_period)
    settled = [
        record for _, of_cell in groupby(ordered, _cell_and_period) for record in _settled(list(of_cell))
    ]
    return sorted(settled, key=lambda record: record.key)


def _cell_and_period(record: Measurement) -> tuple[str, str, int, int]:
    return record.cu, record.cell, record.granularity_seconds, record.period_start


def _merged(first: Measurement, second: Measurement) -> Measurement:
    values = dict(first.values)
    for name, value in second.values.items():
        if name not in values or (value.origin, value) > (values[name].origin, values[name]):
            values[name] = value
    newest = max(first, second, key=lambda each: (_newest(each), each.sent_as, each.source))
    return replace(newest, values=values)


def _newest(record: Measurement) -> Origin:
    return max((value.origin for value in record.values.values()), default=OLDEST)


def _settled(of_cell: list[Measurement]) -> list[Measurement]:
    """The records of one cell and period, with the numbers that follow from their values."""
    shares = share_failures({record.snssai: record.values for record in of_cell})
    return [_with_numbers(record, shares[record.snssai]) for record in of_cell]


def _with_numbers(record: Measurement, share: tuple[float | None, float | None, Sharing]) -> Measurement:
    requests, successes = (
        record.values[name].number if name in record.values else None for name in (REQUESTS, SUCCESSES)
    )
    failures, capacity, sharing = share
    return replace(
        record,
        requests=requests,
        successes=successes,
        failures=failures,
        capacity_failures=capacity,
        sharing=sharing,
        suspicion=_suspicion(record, requests, successes, failures),
    )


def _suspicion(
    record: Measurement, requests: float | None, successes: float | None, failures: float | None
) -> str | None:
    if any(value.is_suspect for value in record.values.values()):
        return _MARKED
    for name, count in ((SUCCESSES, successes), ("failures", failures)):
        if requests is not None and count is not None and count > requests:
            return f"more {name} than requests"
    return None
