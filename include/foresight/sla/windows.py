"""What a window is, and how much of one is counted from where. Pure.

A window is exactly its slots that end at as-of: the last 60 minutes at 12:07 are the slots that end at 11:08,
…, 12:07. What a run holds in memory reaches back 12 h; a window within that is counted from it. A longer one
is put together from three parts, which are exact whatever the minute:

    start of the window │ slots of one hour │ whole UTC hours, rolled up │ slots since the base │ as-of

The base is the last UTC multiple of eight hours: it always lies within what a run holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from foresight.sla.burn_rates import BURN_RULES, Alert, BurnRule
from foresight.sla.calendars import Calendar
from foresight.sla.definitions import Sli

HOUR: Final = 3600
BASE_SECONDS: Final = 8 * HOUR
HELD_MINUTES: Final = 720
"""How much a run holds of each series."""


@dataclass(frozen=True, slots=True)
class Span:
    """A window as it lies before as-of."""

    minutes: int
    """Length of the window: of a calendar window, that of its whole period."""
    elapsed: int
    """Minutes of it that have passed."""
    is_calendar: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """The windows and alerts of an SLI at an as-of: many SLIs share one."""

    spans: tuple[Span, ...]
    alerts: tuple[BurnRule | Alert, ...]
    counted: tuple[int, ...]
    """The lengths of all windows that are counted, in minutes, ascending."""


def shape_of(sli: Sli, as_of: int) -> Shape:
    """The windows of an SLI, shortest first, the calendar window last; and its alerts."""
    return _shape(sli.windows, sli.calendar, sli.alerts, sli.longest_minutes, as_of)


@lru_cache(maxsize=4096)
def _shape(
    windows: tuple[int, ...], calendar: Calendar | None, alerts: tuple[Alert, ...], longest: int, as_of: int
) -> Shape:
    spans = [Span(minutes, minutes) for minutes in windows]
    if calendar is not None:
        begin, end = calendar.period(as_of)
        spans.append(Span((end - begin) // 60, (as_of - begin) // 60, is_calendar=True))
    rules: list[BurnRule | Alert] = [rule for rule in BURN_RULES if rule.long_minutes <= longest]
    judged = (*rules, *alerts)
    lengths = {minutes for rule in judged for minutes in (rule.long_minutes, rule.short_minutes)}
    counted = sorted({*(span.elapsed for span in spans), *lengths} - {0})
    return Shape(tuple(spans), judged, tuple(counted))


def is_one_by_one(sli: Sli) -> bool:
    """Whether an SLI is judged on each of its series, and not on one row that is computed from them."""
    return sli.ratio is None and sli.choices.across == "worst"


def held_minutes(sli: Sli) -> int:
    """The longest window that is counted from what a run holds: its first slot begins no events."""
    return HELD_MINUTES if is_one_by_one(sli) else HELD_MINUTES - 1


def base_of(as_of: int) -> int:
    """Where the slots begin that a long window counts one by one."""
    return as_of - as_of % BASE_SECONDS


def direct_minutes(sli: Sli, as_of: int) -> list[int]:
    """The lengths that are counted from what a run holds: short windows, and what comes after the base."""
    counted, held = shape_of(sli, as_of).counted, held_minutes(sli)
    found = {minutes for minutes in counted if minutes <= held}
    if counted and counted[-1] > held:
        found.add((as_of - base_of(as_of)) // 60)
    return sorted(found - {0})


def long_minutes(sli: Sli, as_of: int) -> list[int]:
    """The lengths that reach beyond what a run holds."""
    held = held_minutes(sli)
    return [minutes for minutes in shape_of(sli, as_of).counted if minutes > held]


def listed_minutes(sli: Sli, as_of: int) -> list[int]:
    """The lengths whose violations are listed from what a run holds."""
    elapsed, held = [span.elapsed for span in shape_of(sli, as_of).spans], held_minutes(sli)
    found = {minutes for minutes in elapsed if minutes <= held}
    if any(minutes > held for minutes in elapsed):
        found.add((as_of - base_of(as_of)) // 60)
    return sorted(found - {0})
