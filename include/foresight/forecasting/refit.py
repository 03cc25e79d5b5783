"""What a fleet's own outcomes change: a corrected calibrator, whether it is promoted, and the band's factor.

Pure functions of stored predictions and outcomes. A correction starts from the shipped calibrator and moves
away only as far as the outcomes carry it; a model of the fleet alone is never used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Flags, Integers, Matrix, Vector

PRIOR = 20.0
"""A correction stays near "none" as if this many predictions at even odds had shown none."""
NEWTON_STEPS = 30
HELD_OUT = 0.3
"""The last share of time, on which a correction must be better."""
FEWEST_VIOLATIONS = 150
"""From so many violations on a fleet model may be mixed in."""
FEWEST_SERIES = 5
"""Series that a fleet model is judged on, at the least."""
RESAMPLES = 500


@dataclass(frozen=True, slots=True)
class Correction:
    """Log odds become ``slope * odds + intercept`` (Platt 1999); ``slope >= 0`` keeps them monotone."""

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, odds: Matrix) -> Matrix:
        """The corrected log odds."""
        return np.asarray(self.slope * odds + self.intercept)


NO_CORRECTION = Correction()


def fit_correction(
    odds: Vector, happened: Flags, prior: float = PRIOR, weight: Vector | None = None
) -> Correction:
    """The penalised maximum-likelihood correction of ``odds[n]``: the prior is slope 1 and intercept 0.

    ``weight[n]`` says how many predictions each stands for.

    Few outcomes, or outcomes of one kind only, give a small correction, never an infinite one.
    """
    if not len(odds):
        return NO_CORRECTION
    design = np.stack([odds, np.ones_like(odds)], axis=1)
    count = np.ones_like(odds) if weight is None else weight
    start = np.array([1.0, 0.0])
    # A prediction at even odds weighs 1/4 in the curvature of the log loss.
    pull = prior / 4.0 * np.array([max(float(np.average(odds**2, weights=count)), 1.0), 1.0])
    theta = start.copy()
    for _ in range(NEWTON_STEPS):
        said = 1.0 / (1.0 + np.exp(-np.clip(design @ theta, -30.0, 30.0)))
        gradient = design.T @ (count * (said - happened)) + pull * (theta - start)
        curvature = (design * (count * said * (1.0 - said))[:, None]).T @ design + np.diag(pull)
        step = np.linalg.solve(curvature, gradient)
        theta = theta - step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return Correction(max(float(theta[0]), 0.0), float(theta[1]))


def mix(shipped: Matrix, fleet: Matrix) -> Matrix:
    """The mean of the log odds of two calibrators: monotone where both are."""
    return np.asarray(0.5 * (shipped + fleet))


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a candidate replaces what is in use, and on what grounds."""

    is_promoted: bool
    gain: float
    """Mean Brier score in use minus that of the candidate, on what neither has seen."""
    low: float
    """The lower end of its 95 % interval, by series."""
    high: float
    reason: str


def compare(
    in_use: Vector,
    candidate: Vector,
    happened: Flags,
    series: Integers,
    weight: Vector | None = None,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Gain in Brier score of ``candidate`` over ``in_use``, and its 95 % bootstrap interval by series."""
    outcome = happened.astype(np.float64)
    each = np.ones_like(outcome) if weight is None else weight
    gain = each * ((in_use - outcome) ** 2 - (candidate - outcome) ** 2)
    _, of_series = np.unique(series, return_inverse=True)
    total, count = np.bincount(of_series, gain), np.bincount(of_series, each)
    rng = np.random.default_rng(seed)
    # Row by row: all draws at once would take gigabytes for many series.
    drawn = (rng.integers(len(total), size=len(total)) for _ in range(RESAMPLES))
    means = [total[chosen].sum() / count[chosen].sum() for chosen in drawn]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(total.sum() / count.sum()), float(low), float(high)


def judge_candidate(
    in_use: Vector,
    candidate: Vector,
    happened: Flags,
    series: Integers,
    is_fleet_model: bool,
    weight: Vector | None = None,
) -> Judgement:
    """Whether ``candidate`` is promoted, judged on predictions that neither was fitted to.

    A correction must be better; a mix with a fleet model needs 150 violations, and an interval above 0.
    """
    nan = float("nan")
    if not len(happened):
        return Judgement(False, nan, nan, nan, "no outcome is known yet")
    gain, low, high = compare(in_use, candidate, happened, series, weight)
    n_violations = int(np.count_nonzero(happened))
    if is_fleet_model and n_violations < FEWEST_VIOLATIONS:
        reason = f"{n_violations} violations are held out: at least {FEWEST_VIOLATIONS} are needed"
        return Judgement(False, gain, low, high, reason)
    if is_fleet_model and len(np.unique(series)) < FEWEST_SERIES:
        reason = f"fewer than {FEWEST_SERIES} series are held out: nothing can be said of others"
        return Judgement(False, gain, low, high, reason)
    if is_fleet_model and low <= 0.0:
        return Judgement(False, gain, low, high, "the gain may be chance: its interval reaches 0")
    if gain <= 0.0:
        return Judgement(False, gain, low, high, "it is not better than the one in use")
    return Judgement(True, gain, low, high, "it is better on outcomes that neither has seen")


def must_roll_back(
    promoted: Vector,
    before: Vector,
    happened: Flags,
    series: Integers,
    weight: Vector | None = None,
) -> bool:
    """Whether a promoted calibrator was worse over the last day than the one before it, beyond chance."""
    if len(np.unique(series)) < 2:
        return False
    _, _, high = compare(before, promoted, happened, series, weight)
    return high < 0.0


def split_by_time(as_of: Integers) -> tuple[Flags, Flags]:
    """Which predictions a correction is fitted to and which it is judged on: the last 30 % of time.

    Predictions of one instant stay together; with fewer than two instants all are fitted to.
    """
    instants = np.unique(as_of)
    if len(instants) < 2:
        return np.ones(len(as_of), dtype=np.bool_), np.zeros(len(as_of), dtype=np.bool_)
    first = instants[min(int((1.0 - HELD_OUT) * len(instants)), len(instants) - 1)]
    return as_of < first, as_of >= first


RATE = 0.02
"""How far one as-of moves the factor."""
NARROWEST, WIDEST = 0.5, 3.0
"""The factor stays between these."""


def update_band_factor(factor: float, held: Flags, coverage: float, rate: float = RATE) -> float:
    """The factor of a fleet's joint bands after one as-of: adaptive conformal (Gibbs & Candès 2021).

    ``held[n]`` says which paths stayed in their band. Too many outside widen it, too few narrow it.
    """
    if not len(held):
        return factor
    missed = 1.0 - float(np.mean(held))
    return float(np.clip(factor * np.exp(rate * (missed - (1.0 - coverage))), NARROWEST, WIDEST))


def stretch_band(mean: Matrix, lower: Matrix, upper: Matrix, factor: float) -> tuple[Matrix, Matrix]:
    """A joint band ``factor`` times as far from the ``mean`` of each step."""
    return mean - factor * (mean - lower), mean + factor * (upper - mean)
