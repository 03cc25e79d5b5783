"""SLIs that count events: good of total, bad of total, or a ratio that the source computes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Literal

from foresight.sla import rules

DEFAULT_RATE_WINDOW: Final = 300
"""Seconds that fill in ``{{.window}}``: at least four scrapes of one a minute."""
EXPRESSION_PREFIX: Final = "foresight:sli_"
"""Names of the series of expressions that definitions bring begin with it."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A PromQL expression that is evaluated at the end of each slot.

    With ``counter`` each of its series is a counter, and a slot has the difference at its ends. Otherwise
    its value is that of the slot: a rate a second where the expression holds ``{{.window}}``, else a number.
    """

    query: str
    counter: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "query", self.query.strip())
        if mistake := rules.query_mistake(self.query):
            raise ValueError(mistake)

    @property
    def is_rate(self) -> bool:
        """Whether a value counts events a second, and not those of the slot."""
        return rules.has_window(self.query)

    def filled(self, rate_window_seconds: int) -> str:
        """The expression as the source evaluates it."""
        return rules.with_window(self.query, f"{rate_window_seconds}s")

    def series_metric(self, rate_window_seconds: int = DEFAULT_RATE_WINDOW) -> str:
        """The metric name that the stored series of this expression carry."""
        digest = hashlib.sha256(self.filled(rate_window_seconds).encode()).hexdigest()[:16]
        return f"{EXPRESSION_PREFIX}{digest}"


@dataclass(frozen=True, slots=True)
class Ratio:
    """Good or bad events out of all, or their share as the source computes it (``raw``).

    Exactly one of good, bad and raw is given; total goes with good and bad. ``raw_is`` says what a raw ratio
    is the share of. ``good_absent`` says what no good events beside a total mean: no bad events beside a
    total are always 0. ``no_traffic`` says whether a slot with a total of 0 is judged. A slot with fewer than
    ``min_events`` events is not at risk.
    """

    good: Expression | None = None
    bad: Expression | None = None
    total: Expression | None = None
    raw: Expression | None = None
    raw_is: Literal["good", "bad"] = "good"
    good_absent: Literal["missing", "zero"] = "missing"
    no_traffic: Literal["ignore", "good", "bad"] = "ignore"
    rate_window_seconds: int = DEFAULT_RATE_WINDOW
    min_events: float = 1.0

    def __post_init__(self) -> None:
        if mistake := ratio_mistake(self):
            raise ValueError(mistake)

    @property
    def parts(self) -> dict[str, Expression]:
        """The expressions that are given, by their role."""
        given = {"good": self.good, "bad": self.bad, "total": self.total, "raw": self.raw}
        return {role: expression for role, expression in given.items() if expression is not None}

    def __str__(self) -> str:
        if self.raw is not None:
            return self.raw.query if self.raw_is == "good" else f"1 - ({self.raw.query})"
        [share] = [f"({part.query})" for role, part in self.parts.items() if role != "total"]
        total = self.total.query if self.total else ""
        return f"{share} / ({total})" if self.good else f"1 - {share} / ({total})"


def ratio_mistake(ratio: Ratio) -> str | None:
    """Why these expressions do not make a ratio."""
    given = [role for role in ("good", "bad", "raw") if getattr(ratio, role) is not None]
    if len(given) != 1:
        return f"a ratio has exactly one of good, bad and raw, got {' and '.join(given) or 'none'}"
    if (given == ["raw"]) != (ratio.total is None):
        return "a raw ratio has no total" if given == ["raw"] else f"{given[0]} needs a total"
    if ratio.raw is not None and ratio.raw.counter:
        return "a raw ratio is no counter"
    return rules.rate_window_mistake(ratio.rate_window_seconds) or rules.positive_mistake(ratio.min_events)
