"""Back-tests of an SLA: what its probabilities would have said, and from which one on to alert."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from foresight.errors import FinalError, NotFound
from foresight.forecasting.backtest import (
    Backtest,
    Thresholds,
    backtest,
    lead_slots,
    recommend_end,
    weigh_thresholds,
)
from foresight.forecasting.calibrator import Calibrator
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.verification import Reliability, Scores, past_frequency, score
from foresight.grid import STEP_SECONDS, WINDOW_SECONDS, Grid
from foresight.services.indicator_risks import ENOUGH
from foresight.services.sla_history import (
    ReadHistory,
    SliHistory,
    history_of_sla,
)
from foresight.sla.definitions import Sla, Sli
from foresight.sla.downtime import Maintenance

WINDOW = WINDOW_SECONDS // STEP_SECONDS
PRIOR = 0.02
"""What an SLI's own past says before anything is known of it."""
SHORTEST_MINUTES, LONGEST_MINUTES = 60, 90 * 1440
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """What to test: origins in ``(since, until]``, epoch seconds, ``every_minutes`` apart.

    A missed violation costs as much as ``cost_ratio`` false alarms. Raises ``FinalError`` for what cannot be.
    """

    since: int
    until: int
    every_minutes: int = 10
    cost_ratio: float = 10.0

    def __post_init__(self) -> None:
        minutes = (self.until - self.since) // 60
        checks = (
            (self.since % 60 == 0 and self.until % 60 == 0, "since and until are whole minutes"),
            (
                SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES,
                f"a back-test covers {SHORTEST_MINUTES} minutes to {LONGEST_MINUTES // 1440} days, "
                f"got {minutes} minutes",
            ),
            (
                1 <= self.every_minutes <= 1440,
                f"origins lie 1 to 1,440 minutes apart, got {self.every_minutes}",
            ),
            (
                math.isfinite(self.cost_ratio) and 0 < self.cost_ratio <= 1e6,
                f"a cost ratio is above 0 and at most 1,000,000, got {self.cost_ratio:g}",
            ),
        )
        for holds, message in checks:
            if not holds:
                raise FinalError(message)


@dataclass(frozen=True, slots=True)
class Alerting:
    """What alerting from a probability on would have meant, by prediction, and by violation."""

    threshold: float
    hits: int
    misses: int
    false_alarms: int
    cost: float
    violations: int
    """Runs of violated slots that began while the probability was known."""
    foretold: int
    """Those that the probability had been at the threshold before."""
    lead_minutes: float | None
    """The median time from the first alarm to such a violation."""


@dataclass(frozen=True, slots=True, eq=False)
class SliBacktest:
    """One SLI. ``n_judged + n_unknown + n_outside + n_silent`` is every prediction that was tried."""

    sla: str
    sli: str
    horizon_minutes: int
    n_series: int
    n_origins: int
    n_judged: int
    n_unknown: int
    """The outcome is not known, or lies in planned downtime."""
    n_outside: int
    """The bounds were left already."""
    n_silent: int
    """There was no probability."""
    scores: Scores
    reliability: Reliability
    thresholds: Thresholds
    present: Alerting
    """At the threshold that the SLI has."""
    recommended: Alerting | None
    """At the threshold of least cost; None where ``advice`` says why none can be recommended."""
    recommended_end: float | None
    """Where the risk should end that begins at the recommended threshold."""
    advice: str

    def plain(self) -> dict[str, Any]:
        """The same as JSON values; NaN becomes None."""
        found = {
            name: getattr(self, name)
            for name in (
                "sla", "sli", "horizon_minutes", "n_series", "n_origins", "n_judged", "n_unknown",
                "n_outside", "n_silent", "recommended_end", "advice",
            )
        }  # fmt: skip
        found |= {
            "scores": asdict(self.scores),
            "reliability": _plain_reliability(self.reliability),
            "present": asdict(self.present),
            "recommended": None if self.recommended is None else asdict(self.recommended),
            "thresholds": {
                name: getattr(self.thresholds, name).tolist()
                for name in ("threshold", "hits", "misses", "false_alarms", "cost")
            },
        }
        cleaned: dict[str, Any] = without_nan(found)
        return cleaned


def backtest_sla(
    read: ReadHistory,
    sla: Sla,
    options: BacktestOptions,
    *,
    sli: str | None = None,
    downtime: Sequence[Maintenance] = (),
    calibrator: Calibrator | None = None,
    progress: Progress | None = None,
) -> list[SliBacktest]:
    """Back-tests the SLIs of an SLA, or one of them, on what ``read`` answers; nothing is stored.

    The history read begins a window of 12 h before the first origin. Raises ``NotFound`` for an SLI that the
    SLA has not and where no sample is there.
    """
    chosen = [number for number, each in enumerate(sla.slis) if sli in {None, each.name}]
    if not chosen:
        raise NotFound(f"SLA {sla.name!r} has no SLI {sli!r}; it has {', '.join(s.name for s in sla.slis)}")
    n_slots = (options.until - options.since) // STEP_SECONDS + WINDOW
    history = history_of_sla(read, sla, Grid(options.until, n_slots, STEP_SECONDS), downtime)
    found = []
    for at, number in enumerate(chosen):

        def told(done: int, total: int, before: int = at) -> None:
            if progress is not None:
                progress(before * total + done, len(chosen) * total)

        found.append(_backtest_sli(sla, number, history, options, calibrator, told))
    return found


def _backtest_sli(
    sla: Sla,
    number: int,
    history: SliHistory,
    options: BacktestOptions,
    calibrator: Calibrator | None,
    progress: Progress,
) -> SliBacktest:
    samples, bounds, excluded = history.of_sli(number)
    made = backtest(
        samples, bounds, WINDOW, sla.horizon_minutes, options.every_minutes, excluded,
        ForecastParameters(enough=ENOUGH), calibrator, progress,
    )  # fmt: skip
    known = made.known
    said, happened = made.probability[known], made.happened[known] == 1
    later = math.ceil(sla.horizon_minutes / options.every_minutes)
    own_past = past_frequency(happened, made.pair[known], PRIOR, later)
    thresholds = weigh_thresholds(said, happened, options.cost_ratio)

    def alerting(threshold: float) -> Alerting:
        leads = lead_slots(made, samples, bounds, threshold, sla.horizon_minutes)
        foretold = leads[leads > 0]
        at = thresholds.at(threshold)
        return Alerting(
            threshold, int(thresholds.hits[at]), int(thresholds.misses[at]),
            int(thresholds.false_alarms[at]), float(thresholds.cost[at]), len(leads), len(foretold),
            float(np.median(foretold)) if len(foretold) else None,
        )  # fmt: skip

    advice = _advice(happened)
    silent = ~made.outside_now & np.isnan(made.probability)
    unknown = ~made.outside_now & ~silent & np.isnan(made.happened)
    return SliBacktest(
        sla.name, sla.slis[number].name, sla.horizon_minutes, len(bounds), _n_origins(made), len(said),
        int(unknown.sum()), int(made.outside_now.sum()), int(silent.sum()),
        score(said, happened, own_past), Reliability.of(said, happened), thresholds,
        alerting(_threshold_of(sla, sla.slis[number])),
        None if advice else alerting(thresholds.recommended),
        None if advice else recommend_end(made, thresholds.recommended, options.cost_ratio),
        advice,
    )  # fmt: skip


def _threshold_of(sla: Sla, sli: Sli) -> float:
    own = sli.choices.at_risk_probability
    return sla.at_risk_probability if own is None else own


def _n_origins(made: Backtest) -> int:
    return len(made.origin) // made.n_pairs if made.n_pairs else 0


def _advice(happened: np.ndarray[Any, Any]) -> str:
    """Why no threshold can be recommended; empty where one can."""
    if not len(happened):
        return "no prediction could be judged: take a longer time, or look why there are no samples"
    if not happened.any():
        return "nothing was violated: every threshold above 0 is as good, so none is recommended"
    if happened.all():
        return "every horizon was violated: bounds that are always left need no forecast"
    return ""


def without_nan(value: Any) -> Any:
    """The same with None for each number that JSON has no word for."""
    if isinstance(value, dict):
        return {name: without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def _plain_reliability(bins: Reliability) -> dict[str, list[float]]:
    return {name: getattr(bins, name).tolist() for name in ("count", "said", "happened")}
