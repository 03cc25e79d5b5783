"""The rules on the parts of a definition: one function each, which says why a value is refused, or None."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from foresight.matchers import MAX_VALUE
from foresight.sla import promql

DEFAULT_WINDOWS: Final = (60, 180, 720)
"""Minutes: the last 1 h, 3 h and 12 h before as-of."""
DEFAULT_LONGEST_WINDOW: Final = 30 * 24 * 60
"""Minutes: the longest window that can be evaluated."""
DEFAULT_OBJECTIVE: Final = 0.99
DEFAULT_HORIZON: Final = 10
DEFAULT_AT_RISK: Final = 0.5

MAX_NAME: Final = 63
MAX_TEXT: Final = 1050
MAX_MATCHERS: Final = 32
MAX_WINDOWS: Final = 10
MAX_SLIS: Final = 10_000
MAX_QUERY: Final = 10_000
MIN_RATE_WINDOW: Final = 60
MAX_RATE_WINDOW: Final = 3600

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_PLACEHOLDER = re.compile(r"\{\{\s*(.*?)\s*\}\}")
WINDOW_PLACEHOLDER: Final = ".window"
"""The text between ``{{`` and ``}}`` of an expression whose range is filled in, as in Sloth's files."""
SLICES: Final = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60)
"""Lengths of a time slice in minutes: an hour holds whole ones."""


def refuse(*mistakes: str | None) -> None:
    """Raises ``ValueError`` for the first mistake there is."""
    for mistake in mistakes:
        if mistake:
            raise ValueError(mistake)


def name_mistake(name: str) -> str | None:
    """Why this cannot name an SLA or SLI, if it cannot."""
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        return (
            f"a name is 1 to {MAX_NAME} letters, digits, '.', '_' or '-', "
            f"and begins and ends with a letter or digit, got {_short(name)}"
        )
    return None


def metric_mistake(metric: str) -> str | None:
    """Why this cannot be a metric's name (Prometheus 3 allows any UTF-8)."""
    if not metric or len(metric) > MAX_VALUE or not metric.isprintable():
        return f"a metric is 1 to {MAX_VALUE} printable characters, got {_short(metric)}"
    return None


def bounds_mistake(lower: float | None, upper: float | None) -> str | None:
    """Why these are not bounds: both open, not finite, or the wrong way round. Zero is a bound."""
    if lower is None and upper is None:
        return "min and max are both open: at least one must be given"
    if not all(bound is None or math.isfinite(bound) for bound in (lower, upper)):
        return f"a bound must be a finite number, got min {lower} and max {upper}"
    if lower is not None and upper is not None and lower > upper:
        return f"min {lower:g} is above max {upper:g}"
    return None


def objective_mistake(objective: float) -> str | None:
    """Why this is no objective: it leaves no budget, or asks for nothing."""
    if not 0 < objective < 1:
        return f"an objective is a share between 0 and 1, both excluded (0.99 for 99 %), got {objective:g}"
    return None


def probability_mistake(probability: float) -> str | None:
    """Why this is no threshold."""
    if not 0 < probability <= 1:
        return f"a probability above 0 and up to 1 is needed, got {probability:g}"
    return None


def horizon_mistake(minutes: int) -> str | None:
    """Why nothing is predicted that far ahead."""
    if minutes != DEFAULT_HORIZON:
        return f"forecasts cover the next {DEFAULT_HORIZON} minutes, got {minutes}"
    return None


def windows_mistake(windows: tuple[int, ...]) -> str | None:
    """Why these minutes are not windows."""
    if not 1 <= len(windows) <= MAX_WINDOWS or min(windows) < 1:
        return f"1 to {MAX_WINDOWS} windows of at least one minute are needed"
    if list(windows) != sorted(set(windows)):
        return "windows must be different and ascending"
    if windows[-1] > DEFAULT_LONGEST_WINDOW:
        return f"a window is at most {DEFAULT_LONGEST_WINDOW // 1440} days long, got {windows[-1]} minutes"
    return None


def matchers_mistake(matchers: Sequence[object]) -> str | None:
    """Why these matchers do not go together."""
    if len(matchers) > MAX_MATCHERS:
        return f"more than {MAX_MATCHERS} matchers"
    return None


def query_mistake(query: str) -> str | None:
    """Why this cannot be a PromQL expression, as far as can be told without a server."""
    if not query.strip() or len(query) > MAX_QUERY:
        return f"an expression is 1 to {MAX_QUERY} characters"
    for name in _PLACEHOLDER.findall(query):
        if name != WINDOW_PLACEHOLDER:
            return f"only {{{{{WINDOW_PLACEHOLDER}}}}} is filled in, got {{{{{name[:MAX_NAME]}}}}}"
    return promql.mistake(with_window(query, "5m"))


def has_window(query: str) -> bool:
    """Whether the range of an expression is still to be filled in."""
    return _PLACEHOLDER.search(query) is not None


def with_window(query: str, window: str) -> str:
    """The expression with its range filled in."""
    return _PLACEHOLDER.sub(lambda _: window, query)


def slice_mistake(minutes: int) -> str | None:
    """Why budgets are not counted in slices of that length."""
    if minutes not in SLICES:
        return f"an hour holds whole slices of {', '.join(map(str, SLICES))} minutes, and none of {minutes}"
    return None


def slice_target_mistake(target: float) -> str | None:
    """Why no slice can be held against this share."""
    if not 0 <= target <= 1:
        return f"the target of a slice is a share from 0 to 1, got {target:g}"
    return None


def positive_mistake(number: float) -> str | None:
    """Why this is no positive number."""
    return None if math.isfinite(number) and number > 0 else f"a number above 0 is needed, got {number:g}"


def rate_window_mistake(seconds: int) -> str | None:
    """Why no rate is taken over that long."""
    if not MIN_RATE_WINDOW <= seconds <= MAX_RATE_WINDOW:
        return f"a rate is taken over {MIN_RATE_WINDOW} s to {MAX_RATE_WINDOW} s, got {seconds} s"
    return None


def _short(text: str) -> str:
    return repr(text if len(text) <= MAX_NAME else text[:MAX_NAME] + "…")
