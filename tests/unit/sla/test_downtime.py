"""Planned downtime and windows by the calendar."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from foresight.grid import Grid
from foresight.sla.calendars import Calendar
from foresight.sla.definitions import Notes, Sla, Sli
from foresight.sla.downtime import Maintenance, excluded_slots

BERLIN = ZoneInfo("Europe/Berlin")
MONTH = Calendar(1, "M", "2020-01-01 00:00:00", "Europe/Berlin")
WEEK = Calendar(1, "w", "2026-01-05 12:00:00", "Europe/Berlin")
DAY = Calendar(1, "d", "2026-03-01 00:00:00", "Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


def test_a_slot_is_excluded_that_ends_within_downtime() -> None:
    start = at("2026-03-01 02:00")
    excluded = excluded_slots([Maintenance("w", start, 180, "a")], Grid(start + 300, 10))
    ends = Grid(start + 300, 10).ends[excluded]
    assert ends.tolist() == [start + 60, start + 120, start + 180]


def test_a_rule_repeats_at_the_same_local_time_when_the_clocks_change() -> None:
    first = at("2026-03-27 02:30")
    window = Maintenance("w", first, 1800, "a", rule="FREQ=DAILY", zone="Europe/Berlin")
    days = window.intervals(first - 1, first + 4 * 86_400 + 60)
    local = [datetime.fromtimestamp(start, BERLIN).strftime("%d %H:%M") for start, _ in days]
    assert local == ["27 02:30", "28 02:30", "29 03:30", "30 02:30", "31 02:30"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"rule": "FREQ=SOMETIMES"}, "not a rule of RFC 5545"),
        ({"rule": "FREQ=MINUTELY"}, "at most once an hour"),
        ({"rule": "FREQ=DAILY;UNTIL=20000101T000000"}, "never holds"),
        ({"zone": "Nowhere/Land"}, "no time zone"),
        ({"seconds": 5}, "1 minute to 31 days"),
        ({"sla": None}, "either an SLA or labels"),
        ({"labels": (("a", "b"),)}, "either an SLA or labels"),
    ],
)
def test_what_is_no_downtime_is_refused(given: dict[str, object], reason: str) -> None:
    usual: dict[str, object] = {"name": "w", "starts_at": at("2026-03-01 02:00"), "seconds": 3600, "sla": "a"}
    with pytest.raises(ValueError, match=reason):
        Maintenance(**{**usual, **given})  # type: ignore[arg-type]


def test_labels_choose_the_slas_that_have_all_of_them() -> None:
    window = Maintenance("w", 0, 3600, labels=(("team", "shop"),))
    slis = (Sli("i", "up", 0.0),)
    assert window.covers(Sla("a", slis, notes=Notes(labels=(("team", "shop"), ("tier", "1")))))
    assert not window.covers(Sla("a", slis, notes=Notes(labels=(("team", "other"),))))


@pytest.mark.parametrize(
    ("calendar", "as_of", "begin", "end"),
    [
        (MONTH, "2026-03-31 12:00", "2026-03-01 00:00", "2026-04-01 00:00"),
        (MONTH, "2026-04-01 00:00", "2026-03-01 00:00", "2026-04-01 00:00"),
        (WEEK, "2026-01-12 12:01", "2026-01-12 12:00", "2026-01-19 12:00"),
        (WEEK, "2026-01-01 00:00", "2025-12-29 12:00", "2026-01-05 12:00"),
        (DAY, "2026-03-29 23:00", "2026-03-29 00:00", "2026-03-30 00:00"),
    ],
)  # fmt: skip
def test_a_calendar_window_is_the_period_that_as_of_lies_in(
    calendar: Calendar, as_of: str, begin: str, end: str
) -> None:
    assert calendar.period(at(as_of)) == (at(begin), at(end))


def test_every_instant_lies_in_one_period() -> None:
    calendar = Calendar(1, "w", "2022-01-01 12:00:00", "America/New_York")
    rng = np.random.default_rng(1)
    for instant in rng.integers(1_600_000_000, 1_900_000_000, 200).tolist():
        instant -= instant % 60
        begin, end = calendar.period(instant)
        assert begin < instant <= end
        assert calendar.period(end) == (begin, end)
        assert calendar.period(end + 60)[0] == end
