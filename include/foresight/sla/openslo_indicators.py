"""OpenSLO's indicators and objectives as the parts of an SLI: bounds, ratios, budgets, windows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from foresight.durations import duration_seconds
from foresight.matchers import Matcher
from foresight.sla import openslo_names as ours
from foresight.sla import rules
from foresight.sla.calendars import Calendar
from foresight.sla.definitions import Budget, Choices, Notes
from foresight.sla.openslo_parts import Head, number, one_of, queries_of
from foresight.sla.parts import Part, instant_text
from foresight.sla.ratios import DEFAULT_RATE_WINDOW, Expression, Ratio
from foresight.sla.references import Limits, window_mistake
from foresight.sla.selectors import is_selector, parse_selector

NO_NOTES = Notes()
ROLES = ("good", "bad", "total", "raw")
COMPOSITE = "composite objectives are not evaluated: write an SLO for each indicator"


@dataclass(frozen=True, slots=True)
class Indicator:
    """What an SLI document, or the part of an SLO in its place, measures; without a value it was wrong."""

    metric: str = ""
    matchers: tuple[Matcher, ...] = ()
    expression: Expression | None = None
    ratio: Ratio | None = None
    description: str = ""
    notes: Notes = NO_NOTES

    @property
    def is_known(self) -> bool:
        """Whether it could be read."""
        return bool(self.metric or self.expression or self.ratio)


def indicator_of(spec: Part, head: Head, sources: Mapping[str, str], slo: Head) -> Indicator:
    """Reads the ``spec`` of an SLI; annotations of the SLO say what OpenSLO has no field for."""
    found = Indicator(description=spec.text("description", ""), notes=head.notes)
    if spec.has("ratioMetric") == spec.has("thresholdMetric"):
        spec.wrong((), "give either ratioMetric or thresholdMetric")
    elif (threshold := spec.part("thresholdMetric")) is not None:
        for place, key, query in queries_of(threshold, sources):
            found = _threshold(found, place, key, query, slo)
    elif (metric := spec.part("ratioMetric")) is not None:
        ratio = _ratio(metric, sources, slo)
        found = found if ratio is None else replace(found, ratio=ratio)
    spec.finish()
    return found


def _threshold(found: Indicator, place: Part, key: str, query: str, slo: Head) -> Indicator:
    if not is_selector(query) or slo.read(ours.EXPRESSION, one_of(("true",)), ""):
        expression = _expression(place, key, query, counter=False)
        return found if expression is None else replace(found, expression=expression)
    try:
        metric, matchers = parse_selector(query)
    except ValueError as error:
        place.wrong(key, str(error))
        return found
    return replace(found, metric=metric, matchers=matchers)


def _ratio(metric: Part, sources: Mapping[str, str], slo: Head) -> Ratio | None:
    before = len(metric.mistakes)
    counter = metric.flag("counter", default=False)
    raw_is = metric.choice("rawType", ("success", "failure"), "success")
    given = slo.ours.get(ours.COUNTERS)
    counters = set(given.split(",")) if given is not None else set(ROLES) if counter else set[str]()
    parts: dict[str, Expression | None] = {}
    for role in ROLES:
        part = metric.part(role)
        for place, key, query in () if part is None else queries_of(part, sources):
            parts[role] = _expression(place, key, query, counter=role in counters and role != "raw")
    metric.finish()
    if metric.has("raw") and not metric.has("rawType") and len(metric.mistakes) == before:
        metric.wrong("rawType", "rawType is needed with raw: whether it is a share of success or of failure")
    rate_window = slo.read(ours.RATE_WINDOW, duration_seconds, DEFAULT_RATE_WINDOW)
    absent = slo.read(ours.GOOD_ABSENT, one_of(("missing", "zero")), "missing")
    idle = slo.read(ours.NO_TRAFFIC, one_of(("ignore", "good", "bad")), "ignore")
    least = slo.read(ours.MIN_EVENTS, number, 1.0)
    if len(metric.mistakes) > before:
        return None
    try:
        return Ratio(
            **parts,
            raw_is="good" if raw_is == "success" else "bad",
            good_absent=cast(Literal["missing", "zero"], absent),
            no_traffic=cast(Literal["ignore", "good", "bad"], idle),
            rate_window_seconds=rate_window,
            min_events=least,
        )
    except ValueError as error:
        metric.wrong((), str(error))
        return None


def _expression(place: Part, key: str, query: str, *, counter: bool) -> Expression | None:
    try:
        return Expression(query, counter)
    except ValueError as error:
        if not any(mistake.reason == str(error) for mistake in place.mistakes):
            place.wrong(key, str(error))
        return None


@dataclass(frozen=True, slots=True)
class Objective:
    """One objective of an SLO: bounds (None for a ratio), the share to be good, and its budget."""

    display_name: str
    lower: float | None
    upper: float | None
    share: float
    budget: Budget


def objective_of(part: Part, method: str, *, is_ratio: bool, slo: Head, limits: Limits) -> Objective | None:
    """Reads one objective; None where it is wrong."""
    before = len(part.mistakes)
    display_name = part.text("displayName", "")
    if part.ignore("indicator", "indicatorRef", "compositeWeight"):
        part.wrong((), COMPOSITE)
    share = _share(part)
    lower, upper = (None, None) if is_ratio else _bounds(part, slo)
    if is_ratio:
        part.choice("op", ("gt", "gte"), "gte")
        part.number("value")
    budget = _budget(part, method, slo=slo, limits=limits)
    part.finish()
    if len(part.mistakes) > before or share is None or budget is None:
        return None
    return Objective(display_name, lower, upper, share, budget)


def _share(part: Part) -> float | None:
    if part.has("target") == part.has("targetPercent"):
        part.wrong((), "give either target or targetPercent")
        return None
    if part.has("target"):
        return part.number("target", rule=rules.objective_mistake)
    percent = part.number("targetPercent", rule=_percent_mistake)
    # Rounded, because 99.9 / 100 is 0.9990000000000001.
    return None if percent is None else round(percent / 100, 12)


def _percent_mistake(percent: float) -> str | None:
    if 0 < percent < 100:
        return None
    return f"targetPercent lies between 0 and 100, both excluded, got {percent:g}"


def _bounds(part: Part, slo: Head) -> tuple[float | None, float | None]:
    """Lower and upper bound, inclusive: below a number is at most the number before it."""
    op = part.choice("op", ("lt", "lte", "gt", "gte"))
    if not part.has("value"):
        part.wrong("value", "value is needed")
        return None, None
    value = part.number("value")
    if value is None:
        return None, None
    lower = {"gte": float(value), "gt": math.nextafter(value, math.inf)}.get(op)
    upper = {"lte": float(value), "lt": math.nextafter(value, -math.inf)}.get(op)
    for key, given in ((ours.MINIMUM, lower), (ours.MAXIMUM, upper)):
        if given is not None and key in slo.ours and slo.read(key, number, given) != given:
            slo.metadata.wrong(("annotations", key), f"op and value say {given!r}")
    return slo.read(ours.MINIMUM, number, lower), slo.read(ours.MAXIMUM, number, upper)


def _budget(part: Part, method: str, *, slo: Head, limits: Limits) -> Budget | None:
    if method == "Occurrences":
        for key in part.ignore("timeSliceTarget", "timeSliceWindow"):
            part.wrong(key, f"{key} belongs to the budgeting method Timeslices")
        usual = slo.read(ours.SLICE_TARGET, number, None)
        return Budget("occurrences", 1, usual)
    for key in ("timeSliceTarget", "timeSliceWindow"):
        if not part.has(key):
            part.wrong(key, f"{key} is needed with the budgeting method Timeslices")
    target = part.number("timeSliceTarget", rule=rules.slice_target_mistake)
    seconds = part.duration("timeSliceWindow", bare_is_minutes=True)
    if target is None or seconds is None:
        return None
    if seconds % 60 or seconds % limits.step_seconds:
        part.wrong("timeSliceWindow", f"a slice is whole minutes, got {seconds} s")
        return None
    if reason := rules.slice_mistake(seconds // 60):
        part.wrong("timeSliceWindow", reason)
        return None
    return Budget("timeslices", seconds // 60, float(target))


def windows_of(spec: Part, slo: Head, limits: Limits) -> tuple[tuple[int, ...], Calendar | None]:
    """Rolling windows in minutes, and the calendar window; the longest of them is OpenSLO's own."""
    given, calendar, place = None, None, ("timeWindow", 0, "duration")
    windows = spec.parts("timeWindow")
    if len(windows) > 1:
        spec.wrong("timeWindow", f"an SLO has one time window, got {len(windows)}")
    elif windows:
        given, calendar = _time_window(windows[0])
    texts = [text.strip() for text in slo.ours[ours.WINDOWS].split(",")] if ours.WINDOWS in slo.ours else []
    try:
        seconds = sorted(duration_seconds(text) for text in texts)
    except ValueError as error:
        slo.metadata.wrong(("annotations", ours.WINDOWS), str(error))
        return rules.DEFAULT_WINDOWS, calendar
    if texts and given is not None and seconds[-1] != given:
        slo.metadata.wrong(("annotations", ours.WINDOWS), "the longest window is not that of timeWindow")
    for length in seconds or ([given] if given is not None else []):
        if reason := window_mistake(length, limits):
            if texts:
                slo.metadata.wrong(("annotations", ours.WINDOWS), reason)
            else:
                spec.wrong(place, reason)
            return rules.DEFAULT_WINDOWS, calendar
    chosen = seconds or ([given] if given is not None else [])
    return tuple(length // 60 for length in chosen) or rules.DEFAULT_WINDOWS, calendar


def _time_window(part: Part) -> tuple[int | None, Calendar | None]:
    is_rolling = part.flag("isRolling", default=not part.has("calendar"))
    calendar = part.part("calendar")
    if is_rolling and calendar is not None:
        part.wrong("calendar", "a window that rolls has no calendar")
        return None, None
    if not is_rolling and calendar is None:
        part.wrong("isRolling", "a window that does not roll needs its calendar")
        return None, None
    if calendar is not None:
        found = _calendar(part, calendar)
        part.finish()
        return None, found
    if not part.has("duration"):
        part.wrong("duration", "duration is needed")
    given = part.duration("duration")
    part.finish()
    return given, None


def _calendar(part: Part, calendar: Part) -> Calendar | None:
    before = len(part.mistakes)
    text = part.text("duration").strip()
    start, zone = instant_text(calendar, "startTime"), calendar.text("timeZone", "UTC")
    calendar.finish()
    if len(part.mistakes) > before:
        return None
    count, unit = text[:-1], text[-1:]
    if not count.isdecimal() or len(count) > 4 or unit not in {"d", "w", "M"}:
        part.wrong("duration", _calendar_reason(text))
        return None
    try:
        return Calendar(int(count), cast(Any, unit), start, zone)
    except ValueError as error:
        is_length = "calendar window" in str(error)
        (part if is_length else calendar).wrong(_calendar_key(str(error)), str(error))
        return None


def _calendar_reason(text: str) -> str:
    if text[-1:] in {"Q", "Y"}:
        return f"a calendar window is at most a month, which is what is stored, got {text}"
    hint = " (m is minutes, and a month is 1M)" if text.endswith("m") else ""
    return (
        f"a calendar window is days, weeks or one month: 1d to 31d, 1w to 4w, or 1M, got {text[:40]!r}{hint}"
    )


def _calendar_key(reason: str) -> str:
    if "calendar window" in reason:
        return "duration"
    return "timeZone" if "zone" in reason else "startTime"


def choices_of(slo: Head) -> Choices:
    """The choices that annotations of ours make."""
    read = slo.read
    at_risk, cost = read(ours.AT_RISK, number, -1.0), read(ours.COST, number, -1.0)
    return Choices(
        cast(Any, read(ours.VANISHED, one_of(("count", "leave_out")), "count")),
        cast(Any, read(ours.ACROSS, one_of(("worst", "mean", "sum", "share")), "worst")),
        cast(Any, read(ours.NO_DATA, one_of(("ignore", "good", "bad")), "ignore")),
        at_risk if ours.AT_RISK in slo.ours else None,
        cost if ours.COST in slo.ours else None,
    )
