"""What an evaluation says: one record an SLA, indicator, series and window. Times are epoch seconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from foresight.series import SeriesKey
from foresight.sla.definitions import Sla, Sli


class State(StrEnum):
    """How an SLA, an indicator or a series stands; declared from best to worst.

    Not knowing is worse than ok, and better than knowing of trouble.
    """

    OK = "ok"
    NO_DATA = "no_data"
    AT_RISK = "at_risk"
    VIOLATED = "violated"

    @property
    def severity(self) -> int:
        """0 for the best state."""
        return SEVERITY[self]


SEVERITY: Final = {state: rank for rank, state in enumerate(State)}


class Reason(StrEnum):
    """Why a series is not ok; several may hold at once."""

    NO_SERIES = "no_series"
    NOTHING_OBSERVED = "nothing_observed"
    SILENT = "silent"
    OUTSIDE_NOW = "outside_now"
    BUDGET_SPENT = "budget_spent"
    BURN_RATE = "burn_rate"
    PROBABILITY = "probability"


@dataclass(frozen=True, slots=True)
class Sample:
    """A value and its slot, named by its end; ``age_slots`` is 0 for the slot that ends at as-of."""

    value: float
    slot: int
    age_slots: int


@dataclass(frozen=True, slots=True)
class Violation:
    """Neighbouring violated slots: the first, the last (both named by their ends) and the farthest value."""

    start: int
    end: int
    worst: float


@dataclass(frozen=True, slots=True)
class WindowStatus:
    """The last ``minutes`` before as-of.

    ``observed + missing`` is every slot. ``good_share`` and ``burn_rate`` rest on the observed slots and are
    None where there are none. The budget is in minutes of the whole window; a missing slot uses none of it.
    """

    minutes: int
    observed: int
    missing: int
    violated: int
    good_share: float | None
    budget_allowed: float
    budget_used: float
    budget_left: float
    burn_rate: float | None
    below_one_slot: bool
    violations: tuple[Violation, ...]

    def slots(self, step_seconds: int = 60) -> list[int]:
        """Every violated slot, named by its end."""
        return [slot for v in self.violations for slot in range(v.start, v.end + 1, step_seconds)]


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """A burn-rate rule and what its windows show; without ``can_fire`` the factor is out of reach."""

    name: str
    severity: str
    factor: float
    formula: str
    long_minutes: int
    short_minutes: int
    long_burn_rate: float | None
    short_burn_rate: float | None
    fires: bool
    can_fire: bool


@dataclass(frozen=True, slots=True)
class PredictedMinute:
    """A coming slot that is predicted to violate: its sample is at least as likely outside as inside.

    ``value`` is the forecast, ``low`` and ``high`` the joint band of all coming slots.
    """

    slot: int
    value: float
    low: float
    high: float
    probability: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """How likely any sample of the coming minutes is to leave the bounds, and what that rests on.

    ``components`` are the views that the calibrator combined, None where a view has nothing to go by.
    ``first_slot`` is the slot that a violation is expected to begin in, if there is one.
    """

    probability: float
    components: tuple[tuple[str, float | None], ...]
    first_slot: int | None
    predicted: tuple[PredictedMinute, ...]
    model: str
    mase: float | None
    calibrator: str


@dataclass(frozen=True, slots=True)
class SeriesStatus:
    """One indicator on one series.

    ``current`` is its newest sample, however old; an outlook there is only while that one is current.
    """

    key: SeriesKey
    state: State
    reasons: tuple[Reason, ...]
    current: Sample | None
    windows: tuple[WindowStatus, ...]
    alerts: tuple[BurnAlert, ...]
    outlook: Outlook | None


@dataclass(frozen=True, slots=True)
class SliStatus:
    """One indicator: every series that it matches, the worst first.

    ``windows`` and ``alerts`` are those of the worst series; without any series every slot is missing.
    """

    sli: Sli
    state: State
    reasons: tuple[Reason, ...]
    series: tuple[SeriesStatus, ...]
    windows: tuple[WindowStatus, ...]
    alerts: tuple[BurnAlert, ...]

    @property
    def worst(self) -> SeriesStatus | None:
        """The series that decides, None where there is none."""
        return self.series[0] if self.series else None


@dataclass(frozen=True, slots=True)
class SlaStatus:
    """One SLA at one as-of; its state is the worst of its indicators'."""

    sla: Sla
    revision: str
    as_of: int
    step_seconds: int
    state: State
    slis: tuple[SliStatus, ...]


def worst_state(states: list[State]) -> State:
    """The worst of at least one state."""
    return max(states, key=SEVERITY.__getitem__)
