"""What an evaluation says: one record an SLA, indicator, series and window. Times are epoch seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from foresight.grid import STEP_SECONDS
from foresight.series import SeriesKey
from foresight.sla.definitions import Sla, Sli
from foresight.sla.states import Reason, State


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
    """The last ``minutes`` before as-of; of a calendar window, the whole period that as-of lies in.

    ``observed + missing + no_traffic + excluded + ahead`` is every slot; slots of a slice that the window
    cuts are missing. ``good_share`` and ``burn_rate`` rest on what is judged and are None where that is
    nothing. The budget is in ``unit``: minutes of the window, less planned downtime and slots without
    traffic, of which missing slots use none; or events (samples, where the SLI has bounds). ``good`` and
    ``total`` are events. ``since`` is where what was counted begins (epoch seconds).
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
    unit: Literal["minutes", "events"] = "minutes"
    no_traffic: int = 0
    excluded: int = 0
    ahead: int = 0
    good: float | None = None
    total: float | None = None
    since: int | None = None
    is_calendar: bool = False

    @property
    def left_share(self) -> float:
        """What is left of the budget, as a share of it: 1 is untouched, below 0 overspent."""
        if self.budget_allowed > 0:
            return self.budget_left / self.budget_allowed
        return 1.0 if self.budget_used == 0 else -self.budget_used

    def slots(self, step_seconds: int = STEP_SECONDS) -> list[int]:
        """Every violated slot that is listed, named by its end."""
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
class SeriesRisk:
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
    violated_minutes: float = 0.0
    """How many of the coming minutes are expected to violate."""
    has_default_limits: bool = False
    """Whether the series was held against default limits, for its own are not stored."""


@dataclass(frozen=True, slots=True)
class SeriesStatus:
    """One SLI on one series, or on the row that is computed from several (``key`` is None).

    ``current`` is its newest sample, however old; a risk there is only while that one is current.
    """

    key: SeriesKey | None
    state: State
    reasons: tuple[Reason, ...]
    current: Sample | None
    windows: tuple[WindowStatus, ...]
    alerts: tuple[BurnAlert, ...]
    risk: SeriesRisk | None


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
