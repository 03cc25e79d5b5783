"""VES 7.1 ``perf3gpp`` events to measurements; what cannot be read is set aside, nothing else is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from foresight.slices.fields import a_list, a_name, an_object, measured, number
from foresight.slices.identifiers import normal_form, slice_id
from foresight.slices.measurements import (
    FAILURES,
    IGNORED,
    NO_SLICE,
    REQUESTS,
    SUCCESSES,
    Key,
    Measurement,
    Origin,
    Reading,
    Reason,
    Rejected,
    Value,
    merge,
)
from foresight.slices.wire import Json, Unreadable, events, excerpt

DOMAIN: Final = "perf3gpp"
EARLIEST, LATEST = 946_684_800, 4_102_444_800  # years 2000 to 2100: what lies outside is no measuring time
LONGEST_GRANULARITY: Final = 86_400
FIRST_EPOCH: Final = 100_000_000
"""A granularity from here on is an instant: old mappers write the end of the period there."""

_MICROSECONDS: Final = 1_000_000
_OF_A_SLICE: Final = {"SM.PDUSessionSetupReq.": REQUESTS, "SM.PDUSessionSetupSucc.": SUCCESSES}
_OF_A_CELL: Final = "SM.PDUSessionSetupFail."


def read_message(
    message: bytes | None,
    *,
    clock: float | None = None,
    partition: int = 0,
    offset: int = 0,
    counter_names: Mapping[int, str] | None = None,
) -> Reading:
    """Everything one Kafka message says; never an exception, whatever the bytes.

    ``clock``: the record's own time, epoch seconds; what begins more than one granularity later is set aside.
    ``partition`` and ``offset``: where the message lies. ``counter_names``: names of the counters that events
    give as numbers (``iMeasTypesList``).
    """
    records: list[Measurement] = []
    tally = _Tally()
    for index, found in enumerate(events(message)):
        if isinstance(found, Unreadable):
            tally.reject(found.reason, found.path, found.found)
            continue
        path, event = found
        try:
            header = _Header.of(event, clock, Origin(0, 0, offset, partition, index))
        except Unreadable as error:
            lost = sum(len(a_list(values, "measResults")) for values in _cells(event))
            tally.values += lost
            tally.reject(error.reason, f"{path}{error.path}", error.found, lost)
            continue
        records += _read_event(header, event, path, tally, counter_names or {})
    rejected, ignored = tally.outcome()
    return Reading(tuple(merge(records)), rejected, ignored, tally.values, tally.stored)


@dataclass(slots=True)
class _Tally:
    """Counts a message's values as they are read and as they are stored or set aside."""

    values: int = 0
    stored: int = 0
    _first: dict[Reason, tuple[str, str]] = field(default_factory=dict)
    _count: Counter[Reason] = field(default_factory=Counter)

    def reject(self, reason: Reason, path: str, found: object, values: int = 0) -> None:
        self._first.setdefault(reason, (path, excerpt(found)))
        self._count[reason] += values

    def outcome(self) -> tuple[tuple[Rejected, ...], tuple[Rejected, ...]]:
        every = [Rejected(reason, *first, self._count[reason]) for reason, first in self._first.items()]
        return tuple(r for r in every if r.reason not in IGNORED), tuple(
            r for r in every if r.reason in IGNORED
        )


@dataclass(frozen=True, slots=True)
class _Header:
    start: int
    granularity: int
    cu: str
    source: str
    origin: Origin

    @classmethod
    def of(cls, event: Json, clock: float | None, origin: Origin) -> _Header:
        header, fields = an_object(event, "commonEventHeader"), an_object(event, "perf3gppFields")
        collection = an_object(fields, "measDataCollection", ".perf3gppFields")
        if header.get("domain", DOMAIN) != DOMAIN:
            raise Unreadable(Reason.OTHER_DOMAIN, ".commonEventHeader.domain", header["domain"])
        source = a_name(header.get("sourceName"))
        cu = a_name(collection.get("measuredEntityDn")) or source
        if cu is None:
            raise Unreadable(Reason.BAD_SOURCE, ".measDataCollection.measuredEntityDn", collection)
        start = _microseconds(header.get("startEpochMicrosec"))
        if start is None:
            found = header.get("startEpochMicrosec")
            raise Unreadable(Reason.BAD_TIME, ".commonEventHeader.startEpochMicrosec", found)
        last = _microseconds(header.get("lastEpochMicrosec"))
        granularity = _granularity(collection.get("granularityPeriod"), start, last)
        if not a_list(collection, "measInfoList"):
            found = collection.get("measInfoList")
            raise Unreadable(Reason.NO_MEASUREMENTS, ".measDataCollection.measInfoList", found)
        length = granularity * _MICROSECONDS
        if last is None or last < start:
            last = start + length
        if clock is not None:
            _check_clock(start, last, length, round(clock * _MICROSECONDS))
        sequence = int(number(header.get("sequence")) or 0)
        # Senders start a second late or early: the nearest multiple is the period that they mean.
        period = (start + length // 2) // length * granularity
        origin = origin._replace(last_microseconds=last, sequence=sequence)
        return cls(period, granularity, cu, source or cu, origin)


def _microseconds(found: object) -> int | None:
    """Epoch microseconds of a field named so that may hold milliseconds or seconds, told apart by size."""
    value = number(found, LATEST * 1e6)
    if value is None:
        return None
    unit = 1 if value >= 1e14 else 1_000 if value >= 1e11 else _MICROSECONDS
    micros = int(value) * unit
    return micros if EARLIEST * _MICROSECONDS <= micros <= LATEST * _MICROSECONDS else None


def _granularity(found: object, start: int, last: int | None) -> int:
    """Whole seconds; where the field holds an instant, the period is as long as from its start to its end."""
    value = number(found)
    if value is not None and value >= FIRST_EPOCH and last is not None:
        value = float(round((last - start) / _MICROSECONDS))
    if value is None or not 1 <= value <= LONGEST_GRANULARITY or value % 1:
        raise Unreadable(Reason.BAD_GRANULARITY, ".measDataCollection.granularityPeriod", found)
    return int(value)


def _check_clock(start: int, last: int, length: int, clock: int) -> None:
    """Refuses an event from the future: it would be the newest for as long as its sender is wrong."""
    ahead = max(start - length, last - 2 * length) - clock
    if ahead > 0:
        text = f"{ahead / _MICROSECONDS:.0f} s later than one period after the message"
        raise Unreadable(Reason.CLOCK_AHEAD, ".commonEventHeader.startEpochMicrosec", text)


def _read_event(
    header: _Header, event: Json, path: str, tally: _Tally, names: Mapping[int, str]
) -> list[Measurement]:
    """The records of an event; all of its values are counted."""
    before, found = tally.values, _Records(header)
    for block, info in enumerate(a_list(_collection(event), "measInfoList")):
        where = f"{path}.measInfoList[{block}]"
        _read_block(info, where, found, tally, names)
    wrong = list(_misshapen(event))
    for where, what in wrong:
        tally.reject(Reason.BAD_STRUCTURE, f"{path}{where}", what)
    if tally.values == before and not wrong:
        tally.reject(Reason.NO_MEASUREMENTS, path, "no cell has a value")
    return found.measurements()


def _read_block(info: object, where: str, found: _Records, tally: _Tally, names: Mapping[int, str]) -> None:
    types = _counters(info, names)
    cells = [
        (i, values, a_list(values, "measResults"))
        for i, values in enumerate(a_list(info, "measValuesList"))
        if isinstance(values, dict)
    ]
    n_values = sum(len(results) for _, _, results in cells)
    tally.values += n_values
    if types is None:
        shown = info["measTypes"]["iMeasTypesList"] if isinstance(info, dict) else info
        tally.reject(Reason.UNMAPPED_COUNTER, f"{where}.measTypes", shown, n_values)
        return
    beyond = [each for _, _, results in cells for each in results if _is_beyond(each, len(types))]
    if beyond:  # the indices are those of another list: none of them can be trusted
        tally.reject(Reason.INDEX_BEYOND_LIST, where, beyond[0].get("p"), n_values)
        return
    for i, values, results in cells:
        at = f"{where}.measValuesList[{i}]"
        name = a_name(values.get("measObjInstId"))
        if name is None:
            tally.reject(Reason.BAD_CELL, at, values.get("measObjInstId"), len(results))
            continue
        is_suspect = values.get("suspectFlag") not in (None, False, "false", "False", "")
        cell = _Cell(found, name, is_suspect)
        for j, result in enumerate(results):
            reason, what = _take(cell, types, result)
            if reason:
                tally.reject(reason, f"{at}.measResults[{j}]", what, 1)
            else:
                tally.stored += 1
        for reason, what in cell.put_failures(_slices_of(types)):
            tally.stored -= 1
            tally.reject(reason, at, what, 1)


def _counters(info: object, names: Mapping[int, str]) -> list[Any] | None:
    """The counter names of a block; None where it gives numbers that nobody has named."""
    types = info.get("measTypes") if isinstance(info, dict) else None
    listed = a_list(types, "sMeasTypesList")
    numbers = a_list(types, "iMeasTypesList")
    if listed or not numbers:
        return listed
    ids = [number(each) for each in numbers]
    named = [names.get(int(each)) if each is not None and each % 1 == 0 else None for each in ids]
    return None if None in named else named


def _is_beyond(result: object, n_types: int) -> bool:
    """Whether an index is a whole number that the list has no name for."""
    index = result.get("p") if isinstance(result, dict) else None
    if isinstance(index, str):
        index = number(index)
    if isinstance(index, bool) or not isinstance(index, int | float):
        return False
    return not 1 <= index <= n_types and (isinstance(index, int) or index.is_integer())


def _take(cell: _Cell, types: list[Any], result: object) -> tuple[Reason | None, object]:
    """Puts one measured value into its cell, or says why not."""
    if not isinstance(result, dict):
        return Reason.BAD_VALUE, result
    index = number(result.get("p"))
    if index is None or index % 1:
        return Reason.BAD_INDEX, result.get("p")
    name = types[int(index) - 1]
    if not isinstance(name, str):
        return Reason.BAD_COUNTER_NAME, name
    prefix, snssai = _parted(name)
    cause = name.removeprefix(_OF_A_CELL) if name.startswith(_OF_A_CELL) else None
    if prefix and snssai is None:
        return Reason.BAD_COUNTER_NAME, name
    if prefix is None and not (cause and cause.isascii() and cause.isdigit() and len(cause) <= 3):
        return Reason.OTHER_COUNTER, name
    value = measured(result)
    if isinstance(value, tuple):
        return value
    if snssai is not None and prefix is not None:
        taken = cell.put(snssai, _OF_A_SLICE[prefix], value)
    else:
        taken = cell.put_failure(str(int(cause or 0)), value)
    return (None, None) if taken else (Reason.DUPLICATE_VALUE, name)


def _parted(name: str) -> tuple[str | None, str | None]:
    """The beginning of a counter of slices, and the slice behind it; None for what is not there."""
    for prefix in _OF_A_SLICE:
        if name.startswith(prefix):
            return prefix, slice_id(name.removeprefix(prefix))
    return None, None


def _slices_of(types: list[Any]) -> dict[str, str]:
    """The slices that a block has counters of: normal form and spelling."""
    named = (_parted(name)[1] for name in types if isinstance(name, str))
    return {normal_form(snssai): snssai for snssai in named if snssai}


@dataclass(frozen=True, slots=True)
class _Records:
    """The values of one event by key, and how it spells each slice."""

    header: _Header
    values: dict[Key, dict[str, Value]] = field(default_factory=dict)
    spelled: dict[Key, str] = field(default_factory=dict)

    def put(self, snssai: str, cell: str, counter: str, value: Value, sent_as: str) -> bool:
        """Takes a value; false where the event gave one already."""
        header = self.header
        key = Key(snssai, header.cu, cell, header.granularity, header.start)
        self.spelled.setdefault(key, sent_as)
        counters = self.values.setdefault(key, {})
        if counter in counters:
            return False
        counters[counter] = value
        return True

    def measurements(self) -> list[Measurement]:
        """The records; numbers that follow from several of them are still to be worked out."""
        source = self.header.source
        return [Measurement(*key, self.spelled[key], source, values) for key, values in self.values.items()]


@dataclass(slots=True)
class _Cell:
    """One cell of one block: its counts of slices as they come, its failures once all slices are seen."""

    into: _Records
    name: str
    is_suspect: bool
    slices: dict[str, str] = field(default_factory=dict)
    failures: dict[str, float] = field(default_factory=dict)

    def put(self, snssai: str, counter: str, number: float) -> bool:
        normal = normal_form(snssai)
        self.slices.setdefault(normal, snssai)
        value = Value(number, self.into.header.origin, self.is_suspect)
        return self.into.put(normal, self.name, counter, value, snssai)

    def put_failure(self, cause: str, number: float) -> bool:
        if cause in self.failures:
            return False
        self.failures[cause] = number
        return True

    def put_failures(self, declared: dict[str, str]) -> Iterator[tuple[Reason, object]]:
        """Gives the failures to the slices that the cell counted, else to those that its block declares."""
        slices = self.slices or declared or {NO_SLICE: NO_SLICE}
        shared = tuple(sorted(slices)) if len(slices) > 1 else ()
        for cause, count in self.failures.items():
            value = Value(count, self.into.header.origin, self.is_suspect, shared)
            counter = FAILURES + cause
            taken = [self.into.put(name, self.name, counter, value, sent) for name, sent in slices.items()]
            if not all(taken):
                yield Reason.DUPLICATE_VALUE, f"failures of cause {cause}"


def _cells(event: Json) -> Iterator[object]:
    """Every cell of every block."""
    for info in a_list(_collection(event), "measInfoList"):
        yield from a_list(info, "measValuesList")


def _misshapen(event: Json) -> Iterator[tuple[str, object]]:
    """Every place where a list of values should be and is not."""
    for block, info in enumerate(a_list(_collection(event), "measInfoList")):
        where = f".measInfoList[{block}]"
        if not isinstance(info, dict) or not isinstance(info.get("measValuesList"), list):
            yield where, info
            continue
        types = info.get("measTypes")
        if not a_list(types, "sMeasTypesList") and not a_list(types, "iMeasTypesList"):
            yield f"{where}.measTypes", types
        for i, values in enumerate(info["measValuesList"]):
            if not isinstance(values, dict) or not isinstance(values.get("measResults"), list):
                yield f"{where}.measValuesList[{i}]", values


def _collection(event: Json) -> object:
    fields = event.get("perf3gppFields")
    return fields.get("measDataCollection") if isinstance(fields, dict) else None
