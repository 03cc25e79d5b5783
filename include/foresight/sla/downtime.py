"""Planned downtime: windows of maintenance, once or repeating, whose slots are in no budget. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from dateutil.rrule import rrule, rruleset, rrulestr
from numpy.typing import NDArray

from foresight.grid import Grid
from foresight.sla import rules
from foresight.sla.definitions import Sla

MAX_SECONDS: Final = 31 * 86400
MIN_PERIOD: Final = timedelta(hours=1)
"""Windows that repeat more often than that are no planned downtime."""
MAX_OCCURRENCES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Planned downtime of one SLA, or of all SLAs that have certain labels.

    The first one begins at ``starts_at`` (epoch seconds) and lasts ``seconds``. ``rule`` repeats it as
    RFC 5545 says (``FREQ=WEEKLY;BYDAY=SU``), at the same local time of ``zone``; empty where it happens once.
    """

    name: str
    starts_at: int
    seconds: int
    sla: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    rule: str = ""
    zone: str = "UTC"
    description: str = ""

    def __post_init__(self) -> None:
        rules.refuse(
            rules.name_mistake(self.name),
            None if (self.sla is None) != (not self.labels) else "give either an SLA or labels",
            None if 60 <= self.seconds <= MAX_SECONDS else "downtime lasts 1 minute to 31 days",
            _rule_mistake(self),
        )

    def covers(self, sla: Sla) -> bool:
        """Whether it is downtime of this SLA."""
        if self.sla is not None:
            return self.sla == sla.name
        return set(self.labels) <= set(sla.notes.labels)

    def intervals(self, after: int, until: int) -> list[tuple[int, int]]:
        """Start and end of each one that overlaps ``(after, until]``, epoch seconds."""
        if not self.rule:
            starts: Iterable[int] = [self.starts_at]
        else:
            first = _local(after - self.seconds, self.zone) - timedelta(days=1)
            last = _local(until, self.zone) + timedelta(days=1)
            zone = ZoneInfo(self.zone)
            begins = _repeating(self).between(first, last, inc=True)
            starts = [int(begin.replace(tzinfo=zone).timestamp()) for begin in begins]
        return [
            (start, start + self.seconds)
            for start in starts
            if start >= self.starts_at and start < until and start + self.seconds > after
        ]


def excluded_slots(windows: Sequence[Maintenance], grid: Grid) -> NDArray[np.bool_]:
    """The slots that end within downtime, ``[n_slots]``; a slot that ends just as it begins is not."""
    ends = grid.ends
    excluded = np.zeros(grid.n_slots, np.bool_)
    for window in windows:
        for start, end in window.intervals(grid.start, grid.as_of):
            excluded |= (ends > start) & (ends <= end)
    return excluded


def _rule_mistake(window: Maintenance) -> str | None:
    try:
        ZoneInfo(window.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"there is no time zone {window.zone[:40]!r}"
    if not window.rule:
        return None
    if "\n" in window.rule or "DTSTART" in window.rule.upper():
        return "a rule is one line such as FREQ=WEEKLY;BYDAY=SU: the start is given by itself"
    try:
        found = _repeating(window)
        first = found.after(_local(window.starts_at, window.zone), inc=True)
        second = found.after(first) if first else None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        return f"not a rule of RFC 5545: {window.rule[:80]!r} ({error})"
    if first is None:
        return f"the rule {window.rule[:80]!r} never holds"
    if second is not None and second - first < MIN_PERIOD:
        return "downtime repeats at most once an hour"
    return None


def _repeating(window: Maintenance) -> rrule | rruleset:
    rule = window.rule.removeprefix("RRULE:")
    return rrulestr(rule, dtstart=_local(window.starts_at, window.zone), cache=False)


def _local(epoch: int, zone: str) -> datetime:
    return datetime.fromtimestamp(epoch, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
