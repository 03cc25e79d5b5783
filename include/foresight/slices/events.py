"""VES 7.1 ``perf3gpp`` events to measurements; what cannot be read is set aside, nothing else is lost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from foresight.slices.measurements import IGNORED, Measurement, Reading, Reason, Rejected
from foresight.slices.sharing import Cell, share_failures
from foresight.slices.wire import Json, Unreadable, events, excerpt

DOMAIN: Final = "perf3gpp"
EARLIEST, LATEST = 946_684_800, 4_102_444_800  # years 2000 to 2100: what lies outside is no measuring time
LONGEST_GRANULARITY: Final = 86_400
LARGEST_VALUE: Final = 1e15

_NUMBER = re.compile(r"\s*\+?[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?\s*")
_COUNTER = re.compile(r"SM\.PDUSessionSetup(Req|Succ)\.(.*)", re.DOTALL)
_SNSSAI = re.compile(r"[0-9A-Fa-f]{1,3}(-[0-9A-Fa-f]{1,8})?")
_FAILURES = "SM.PDUSessionSetupFail.0"
_LONGEST_NAME = 255


def read_message(message: bytes | None) -> Reading:
    """Everything one Kafka message says; never an exception, whatever the bytes."""
    records: list[Measurement] = []
    desk = _Desk()
    for found in events(message):
        if isinstance(found, Unreadable):
            desk.reject(found.reason, found.path, found.found)
            continue
        path, event = found
        try:
            header = _Header.of(event)
        except Unreadable as error:
            lost = sum(1 for _ in _results(event))
            desk.values += lost
            desk.reject(error.reason, f"{path}{error.path}", error.found, lost)
            continue
        records += _records(header, _cells(event, path, desk), path, desk)
    rejected, ignored = desk.outcome()
    return Reading(tuple(records), rejected, ignored, desk.values, desk.stored)


@dataclass(slots=True)
class _Desk:
    """Where a message's values are counted as they come by and as they are put away."""

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

    @classmethod
    def of(cls, event: Json) -> _Header:
        header, fields = _object(event, "commonEventHeader"), _object(event, "perf3gppFields")
        collection = _object(fields, "measDataCollection", ".perf3gppFields")
        if header.get("domain", DOMAIN) != DOMAIN:
            raise Unreadable(Reason.OTHER_DOMAIN, ".commonEventHeader.domain", header["domain"])
        source = _name(header.get("sourceName"))
        cu = _name(collection.get("measuredEntityDn")) or source
        if cu is None:
            raise Unreadable(Reason.BAD_SOURCE, ".measDataCollection.measuredEntityDn", collection)
        granularity = _count(collection.get("granularityPeriod"))
        if granularity is None or not 1 <= granularity <= LONGEST_GRANULARITY or granularity % 1:
            found = collection.get("granularityPeriod")
            raise Unreadable(Reason.BAD_GRANULARITY, ".measDataCollection.granularityPeriod", found)
        if not isinstance(collection.get("measInfoList"), list) or not collection["measInfoList"]:
            found = collection.get("measInfoList")
            raise Unreadable(Reason.NO_MEASUREMENTS, ".measDataCollection.measInfoList", found)
        return cls(_start(header.get("startEpochMicrosec")), int(granularity), cu, source or cu)


def _start(found: object) -> int:
    """Epoch seconds of a field named for microseconds that may hold milliseconds or seconds."""
    value = _count(found, LATEST * 1e6)
    if value is not None:
        unit = 1_000_000 if value >= 1e14 else 1_000 if value >= 1e11 else 1
        if EARLIEST <= value // unit <= LATEST:
            return int(value // unit)
    raise Unreadable(Reason.BAD_TIME, ".commonEventHeader.startEpochMicrosec", found)


def _cells(event: Json, path: str, desk: _Desk) -> dict[str, Cell]:
    """The counters of each cell, from all blocks of the event."""
    cells: dict[str, Cell] = {}
    before = desk.values
    for block, where, types, values, result in _results(event):
        desk.values += 1
        at = f"{path}{where}"
        name = _name(values.get("measObjInstId")) if isinstance(values, dict) else None
        if name is None or not isinstance(values, dict):
            found = values.get("measObjInstId") if isinstance(values, dict) else values
            desk.reject(Reason.BAD_CELL, at, found, 1)
            continue
        cell = cells.setdefault(name, Cell())
        cell.is_suspect |= values.get("suspectFlag") not in (None, False, "false", "False", "")
        reason, found = _take(cell, block, types, result)
        if reason:
            desk.reject(reason, at, found, 1)
    wrong = list(_misshapen(event))
    for where, found in wrong:
        desk.reject(Reason.BAD_STRUCTURE, f"{path}{where}", found)
    if desk.values == before and not wrong:
        desk.reject(Reason.NO_MEASUREMENTS, path, "no cell has a value")
    return cells


def _take(cell: Cell, block: int, types: list[Any], result: Any) -> tuple[Reason | None, object]:
    """Put one measured value into its cell, or say why not."""
    if not isinstance(result, dict):
        return Reason.BAD_VALUE, result
    index, text = _count(result.get("p")), result.get("sValue")
    if index is None or not 1 <= index <= len(types) or index % 1:
        return Reason.BAD_INDEX, result.get("p")
    name = types[int(index) - 1]
    if not isinstance(name, str):
        return Reason.BAD_COUNTER_NAME, name
    match = _COUNTER.fullmatch(name)
    if match is None and name != _FAILURES:
        return Reason.OTHER_COUNTER, name
    if match is not None and not _SNSSAI.fullmatch(match[2]):
        return Reason.BAD_COUNTER_NAME, name
    if text is None or (isinstance(text, str) and not text.strip()):
        return Reason.EMPTY_VALUE, text
    value = _count(text)
    if value is None:
        return Reason.BAD_VALUE, text
    taken = cell.put_failures(block, value) if match is None else cell.put(match[2], match[1], block, value)
    return (None, None) if taken else (Reason.DUPLICATE_VALUE, name)


def _records(header: _Header, cells: dict[str, Cell], path: str, desk: _Desk) -> Iterator[Measurement]:
    for name, cell in cells.items():
        shares, lost = share_failures(cell)
        for reason, count in lost.items():
            desk.reject(reason, path, f"cell {name}", count)
        desk.stored += cell.n_values - sum(lost.values())
        for snssai, counts in cell.slices.items():
            failures, sharing = shares[snssai]
            yield Measurement(
                snssai,
                header.cu,
                name,
                header.start,
                header.granularity,
                counts.requests,
                counts.successes,
                failures,
                sharing,
                cell.is_suspect,
                header.source,
            )


def _results(event: Json) -> Iterator[tuple[int, str, list[Any], Any, Any]]:
    """Every measured value: its block, path, the block's counter names, its cell's object, itself."""
    for block, info in enumerate(_list(_collection(event), "measInfoList")):
        types = _list(info.get("measTypes"), "sMeasTypesList") if isinstance(info, dict) else []
        for i, values in enumerate(_list(info, "measValuesList")):
            for j, result in enumerate(_list(values, "measResults")):
                yield (
                    block,
                    f".measInfoList[{block}].measValuesList[{i}].measResults[{j}]",
                    types,
                    values,
                    result,
                )


def _misshapen(event: Json) -> Iterator[tuple[str, object]]:
    """Every place where a list of values should be and is not."""
    for block, info in enumerate(_list(_collection(event), "measInfoList")):
        where = f".measInfoList[{block}]"
        if not isinstance(info, dict) or not isinstance(info.get("measValuesList"), list):
            yield where, info
            continue
        if not isinstance(info.get("measTypes"), dict) or not _list(info["measTypes"], "sMeasTypesList"):
            yield f"{where}.measTypes", info.get("measTypes")
        for i, values in enumerate(info["measValuesList"]):
            if not isinstance(values, dict) or not isinstance(values.get("measResults"), list):
                yield f"{where}.measValuesList[{i}]", values


def _collection(event: Json) -> object:
    fields = event.get("perf3gppFields")
    return fields.get("measDataCollection") if isinstance(fields, dict) else None


def _list(parent: object, name: str) -> list[Any]:
    found = parent.get(name) if isinstance(parent, dict) else None
    return found if isinstance(found, list) else []


def _object(parent: Json, name: str, path: str = "") -> Json:
    found = parent.get(name)
    if isinstance(found, dict):
        return found
    raise Unreadable(Reason.NOT_AN_EVENT, f"{path}.{name}", found)


def _name(found: object) -> str | None:
    """A name fit to be a key: not empty, printable, bounded; a whole number counts as its digits."""
    if isinstance(found, int) and not isinstance(found, bool) and abs(found) < LARGEST_VALUE:
        found = str(found)
    if not isinstance(found, str) or not found.strip() or len(found) > _LONGEST_NAME:
        return None
    return found.strip() if found.isprintable() else None


def _count(found: object, largest: float = LARGEST_VALUE) -> float | None:
    """A number from 0 to ``largest``, given as such or as text; else nothing."""
    if isinstance(found, str):
        found = float(found) if len(found) <= _LONGEST_NAME and _NUMBER.fullmatch(found) else None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if 0 <= found <= largest else None
