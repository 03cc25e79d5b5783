"""Windows by the calendar: days, weeks or a month, from a first instant on, in a time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAYS = {"d": 1, "w": 7}
_FORM = "%Y-%m-%d %H:%M:%S"
MAX_DAYS = 31


@dataclass(frozen=True, slots=True)
class Calendar:
    """The period that as-of lies in: ``count`` days or weeks, or one month, counted from ``start``.

    ``start`` is a local time of ``zone`` such as ``2022-01-01 12:00:00``; later periods begin at the same
    time of day, and a month on the same day of the month. Periods follow local time: a day on which the
    clocks change has 23 or 25 hours.
    """

    count: int
    unit: Literal["d", "w", "M"]
    start: str
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if mistake := calendar_mistake(self.count, self.unit, self.start, self.zone):
            raise ValueError(mistake)

    @property
    def shortest_minutes(self) -> int:
        """The length of the shortest period there is."""
        days = 28 if self.unit == "M" else self.count * _DAYS[self.unit]
        return (days * 24 - 1) * 60

    def period(self, as_of: int) -> tuple[int, int]:
        """Start and end (epoch seconds) of the period that the slot ending at ``as_of`` lies in."""
        local = datetime.fromtimestamp(as_of - 1, ZoneInfo(self.zone)).replace(tzinfo=None)
        first = datetime.strptime(self.start, _FORM)  # noqa: DTZ007 - a local time on purpose
        if self.unit == "M":
            number = (local.year - first.year) * 12 + local.month - first.month
        else:
            number = (local - first) // timedelta(days=self.count * _DAYS[self.unit])
        begin = self._instant(first, number)
        while begin >= as_of:
            number -= 1
            begin = self._instant(first, number)
        while (end := self._instant(first, number + 1)) < as_of:
            number, begin = number + 1, end
        return begin, end

    def _instant(self, first: datetime, number: int) -> int:
        if self.unit == "M":
            months = first.year * 12 + first.month - 1 + number
            local = first.replace(year=months // 12, month=months % 12 + 1)
        else:
            local = first + timedelta(days=number * self.count * _DAYS[self.unit])
        epoch = int(local.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC).timestamp())
        return epoch - epoch % 60

    def __str__(self) -> str:
        return f"{self.count}{self.unit} from {self.start} {self.zone}"


def calendar_mistake(count: int, unit: str, start: str, zone: str) -> str | None:
    """Why this is no calendar window."""
    if unit == "M":
        if count != 1:
            return f"a calendar window is at most one month, got {count} months"
    elif unit not in _DAYS or not 1 <= count * _DAYS[unit] <= MAX_DAYS:
        return f"a calendar window is 1d to {MAX_DAYS}d, 1w to 4w, or 1M, got {count}{unit}"
    try:
        first = datetime.strptime(start, _FORM)  # noqa: DTZ007 - a local time on purpose
        ZoneInfo(zone)
    except (ValueError, ZoneInfoNotFoundError, OSError) as error:
        if isinstance(error, ValueError) and "format" in str(error):
            return f"a start is written as 2022-01-01 12:00:00, got {start[:40]!r}"
        return f"there is no time zone {zone[:40]!r}"
    if not 1971 <= first.year <= 9000:
        return f"a start lies after 1970, got {start[:40]!r}"
    if unit == "M" and first.day > 28:
        return f"a month begins on a day that every month has, got {start[:40]!r}"
    return None
