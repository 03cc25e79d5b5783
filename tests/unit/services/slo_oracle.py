"""Windows of one SLI at one as-of, slot by slot: what the evaluation is judged against."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from foresight.sla.definitions import Sli

Values = dict[int, float]
Frame = Mapping[tuple[str, str], Values]
"""Values by slot (epoch seconds), by metric and host."""

Track = Callable[[list[int]], list[tuple[float, float]]]
"""Good and total of each slot."""


@dataclass
class Window:
    observed: int = 0
    violated: int = 0
    no_traffic: int = 0
    excluded: int = 0
    good: float = 0.0
    total: float = 0.0


def windows(
    sli: Sli, frame: Frame, as_of: int, minutes: int, down: Sequence[tuple[int, int]]
) -> dict[str, Window]:
    """One window of each track of an SLI, by host; "" where its series are one track."""
    slots = list(range(as_of - (minutes - 1) * 60, as_of + 1, 60))
    out = [slot for slot in slots if not any(start < slot <= end for start, end in down)]
    return {
        host: _window(
            sli, [(slot, *events) for slot, events in zip(slots, track(slots), strict=True)], set(out)
        )
        for host, track in _tracks(sli, frame).items()
    }


def _tracks(sli: Sli, frame: Frame) -> dict[str, Track]:
    if sli.ratio is not None:
        return {"": lambda slots: [_ratio(sli, frame, slot) for slot in slots]}
    hosts = sorted(host for metric, host in frame if metric == sli.series_metric)
    series = {host: frame[sli.series_metric, host] for host in hosts}
    if sli.choices.across == "worst":
        return {host: _inside(sli, [series[host]], sum) for host in hosts}
    if sli.choices.across == "share":
        return {"": lambda slots: [_share(sli, list(series.values()), slot) for slot in slots]}
    combine = sum if sli.choices.across == "sum" else (lambda values: sum(values) / len(values))
    return {"": _inside(sli, list(series.values()), combine)}


def _inside(sli: Sli, series: list[Values], combine: Callable[[list[float]], float]) -> Track:
    def judge(slots: list[int]) -> list[tuple[float, float]]:
        found = []
        for slot in slots:
            values = [s[slot] for s in series if slot in s and math.isfinite(s[slot])]
            found.append(_judged(sli, combine(values)) if values else (math.nan, math.nan))
        return found

    return judge


def _judged(sli: Sli, value: float) -> tuple[float, float]:
    low = -math.inf if sli.lower is None else sli.lower
    high = math.inf if sli.upper is None else sli.upper
    return (1.0 if low <= value <= high else 0.0), 1.0


def _share(sli: Sli, series: list[Values], slot: int) -> tuple[float, float]:
    values = [s[slot] for s in series if slot in s and math.isfinite(s[slot])]
    if not values:
        return math.nan, math.nan
    return sum(_judged(sli, value)[0] for value in values), float(len(values))


def _ratio(sli: Sli, frame: Frame, slot: int) -> tuple[float, float]:
    ratio = sli.ratio
    assert ratio is not None
    sums = {}
    for role, part in ratio.parts.items():
        metric, parts = part.series_metric(ratio.rate_window_seconds), []
        for (name, _), series in frame.items():
            if name != metric:
                continue
            now = series.get(slot, math.nan)
            if part.counter:
                before = series.get(slot - 60, math.nan)
                if math.isfinite(now) and math.isfinite(before):
                    parts.append(now - before if now >= before else now)
            elif math.isfinite(now):
                parts.append(now * (60 if part.is_rate else 1))
        sums[role] = sum(parts) if parts else math.nan
    if "raw" in sums:
        share = sums["raw"] if ratio.raw_is == "good" else 1 - sums["raw"]
        return (share, 1.0) if 0 <= share <= 1 else (math.nan, math.nan)
    total = sums["total"]
    if not math.isfinite(total) or total < 0:
        return math.nan, math.nan
    if "bad" in sums:
        good = total - (sums["bad"] if math.isfinite(sums["bad"]) else 0.0)
    else:
        good = sums["good"]
        if math.isnan(good) and ratio.good_absent == "zero":
            good = 0.0
    return (good, total) if 0 <= good <= total else (math.nan, math.nan)


def _window(sli: Sli, slots: list[tuple[int, float, float]], included: set[int]) -> Window:
    seen, length = Window(), sli.budget.slice_minutes
    seen.excluded = sum(1 for slot, _, _ in slots if slot not in included)
    by_slice: dict[int, list[tuple[int, float, float]]] = {}
    for slot, good, total in slots:
        by_slice.setdefault(-(-slot // (60 * length)), []).append((slot, good, total))
    for members in by_slice.values():
        known = [(good, total) for slot, good, total in members if slot in included and math.isfinite(total)]
        if sli.budget.method == "occurrences" or len(members) == length:
            good, total = sum(g for g, _ in known), sum(t for _, t in known)
            seen.good, seen.total = seen.good + good, seen.total + total
            if total > 0:
                seen.observed += length
                seen.violated += length * (good / total < sli.slice_target)
            elif known:
                seen.no_traffic += length
        else:
            seen.good += sum(g for g, _ in known)
            seen.total += sum(t for _, t in known)
    return seen
