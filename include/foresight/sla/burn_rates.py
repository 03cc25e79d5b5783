"""Burn-rate alerts: the numbers, and where they come from.

An error budget is spent at rate 1 when it lasts exactly its period. Spending ``budget_share`` of it within
the long window is a rate of ``budget_share × period / long window``; the short window makes the alert end
soon after the trouble does. Shares and windows: Google, *The Site Reliability Workbook*, chapter 5,
"Alerting on SLOs", table 5-8, for a period of 30 days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

PERIOD_MINUTES: Final = 30 * 24 * 60


@dataclass(frozen=True, slots=True)
class BurnRule:
    """Alert while the burn rate is above ``factor`` in both windows (minutes)."""

    name: str
    severity: Literal["page", "ticket"]
    budget_share: float
    long_minutes: int
    short_minutes: int

    @property
    def factor(self) -> float:
        """How many times faster than sustainable the budget is being spent."""
        return round(self.budget_share * PERIOD_MINUTES / self.long_minutes, 9)

    @property
    def formula(self) -> str:
        """The factor with its inputs, for people who want to check it."""
        hours, period = self.long_minutes // 60, PERIOD_MINUTES // 60
        return f"{self.budget_share:.0%} × {period} h / {hours} h = {self.factor:g}"


BURN_RULES: Final = (
    BurnRule("fast", "page", 0.02, 60, 5),
    BurnRule("slow", "page", 0.05, 6 * 60, 30),
    BurnRule("day", "ticket", 0.10, 24 * 60, 2 * 60),
    BurnRule("three-days", "ticket", 0.10, 3 * 24 * 60, 6 * 60),
)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that a definition brings, as OpenSLO's AlertPolicy has it.

    It fires while the burn rate over ``long_minutes`` is above ``factor`` (or at it, with ``or_equal``), and
    over ``short_minutes`` too where those are not 0. ``targets`` names who is told.
    """

    name: str
    severity: str
    factor: float
    long_minutes: int
    short_minutes: int = 0
    or_equal: bool = False
    when_resolved: bool = False
    when_no_data: bool = False
    targets: tuple[str, ...] = ()

    @property
    def is_usual(self) -> bool:
        """Whether this is one of the alerts that every SLI has."""
        if self.targets or self.or_equal or self.when_no_data:
            return False
        return any(
            (rule.factor, rule.long_minutes, rule.severity) == (self.factor, self.long_minutes, self.severity)
            and self.short_minutes in {0, rule.short_minutes}
            for rule in BURN_RULES
        )

    @property
    def formula(self) -> str:
        """The condition as it was given."""
        return f"burn rate {'≥' if self.or_equal else '>'} {self.factor:g}"
