"""One indicator on one series, slot by slot, in plain Python: what the evaluation is judged against."""

from __future__ import annotations

import math
from dataclasses import dataclass

from foresight.sla.definitions import Sli


@dataclass
class Window:
    observed: int
    missing: int
    violated: int
    violations: list[tuple[int, int, float]]


def judge(value: float, sli: Sli) -> str:
    if not math.isfinite(value):
        return "missing"
    if sli.lower is not None and value < sli.lower:
        return "violated"
    if sli.upper is not None and value > sli.upper:
        return "violated"
    return "good"


def beyond(value: float, sli: Sli) -> float:
    below = -math.inf if sli.lower is None else sli.lower - value
    above = -math.inf if sli.upper is None else value - sli.upper
    return max(below, above)


def window(values: list[float], ends: list[int], sli: Sli, slots: int) -> Window:
    """The last ``slots`` of a series; slots before its first one are missing."""
    seen = Window(0, max(slots - len(values), 0), 0, [])
    run: tuple[int, int, float] | None = None
    for value, end in list(zip(values, ends, strict=True))[-slots:]:
        what = judge(value, sli)
        if what == "missing":
            seen.missing += 1
        else:
            seen.observed += 1
        if what == "violated":
            seen.violated += 1
            if run is None:
                run = (end, end, value)
            else:
                run = (run[0], end, value if beyond(value, sli) > beyond(run[2], sli) else run[2])
        elif run is not None:
            seen.violations.append(run)
            run = None
    if run is not None:
        seen.violations.append(run)
    return seen
