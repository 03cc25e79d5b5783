"""Whether probabilities came true: scores of what was predicted against what happened.

All functions take arrays of predictions in the order of their outcomes and know no clock and no store.
Outcomes that are not known are left out before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresight.analysis.arrays import Flags, Integers, Matrix, Vector

N_BINS = 10
LIKELY = 0.05
"""ECE05 looks at predictions from this probability on: most are near 0, and hide the others."""
LEAST = 1e-6
"""Probabilities are kept this far from 0 and 1 in a log loss."""


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Predictions by equal bins of probability; arrays of shape ``[N_BINS]``. Two add up to their union."""

    count: Integers
    said: Vector
    """Sum of the probabilities."""
    happened: Vector
    """Sum of the outcomes."""

    @classmethod
    def of(cls, said: Vector, happened: Flags) -> Reliability:
        """The bins of probabilities in [0, 1]."""
        at = np.minimum((said * N_BINS).astype(np.intp), N_BINS - 1)
        return cls(
            np.bincount(at, minlength=N_BINS),
            np.asarray(np.bincount(at, said, minlength=N_BINS), dtype=np.float64),
            np.asarray(np.bincount(at, happened, minlength=N_BINS), dtype=np.float64),
        )

    def __add__(self, other: Reliability) -> Reliability:
        return Reliability(self.count + other.count, self.said + other.said, self.happened + other.happened)

    @property
    def error(self) -> float:
        """Expected calibration error (Naeini et al. 2015); NaN without predictions."""
        n = int(self.count.sum())
        return float(np.abs(self.said - self.happened).sum() / n) if n else float("nan")

    def frequency(self, probability: float) -> tuple[float, int]:
        """How often predictions like this one came true, and how many there were; NaN if none."""
        at = min(int(probability * N_BINS), N_BINS - 1)
        n = int(self.count[at])
        return (float(self.happened[at]) / n if n else float("nan")), n


EDGES = (
    0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5,
    0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 1.0,
)  # fmt: skip
"""The bins that sums are kept in: fine where most predictions are, and every tenth and .05 is an edge."""
_LOW = np.array(EDGES[:-1])
_TENTH = np.minimum((_LOW * N_BINS + 1e-9).astype(np.intp), N_BINS - 1)


def bin_of(said: Vector) -> Integers:
    """The place of each probability among the bins of :data:`EDGES`."""
    return np.searchsorted(np.array(EDGES[1:-1]), said, side="right")


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Predictions summed up by the bins of :data:`EDGES`; arrays ``[len(EDGES) - 1]``. Sums add up."""

    count: Vector
    violated: Vector
    said: Vector
    brier: Vector
    log_loss: Vector

    @classmethod
    def of(cls, said: Vector, happened: Flags) -> Sums:
        """The sums of some predictions."""
        at, n, outcome = bin_of(said), len(EDGES) - 1, happened.astype(np.float64)
        columns = (np.ones_like(said), outcome, said, (said - outcome) ** 2, log_losses(said, happened))
        return cls(*(np.asarray(np.bincount(at, column, minlength=n), np.float64) for column in columns))

    @property
    def reliability(self) -> Reliability:
        """The same by equal bins."""
        count, said, violated = (
            np.asarray(np.bincount(_TENTH, part, minlength=N_BINS), np.float64)
            for part in (self.count, self.said, self.violated)
        )
        return Reliability(count.astype(np.int64), said, violated)

    def scores(self, own_past_brier: float = float("nan")) -> Scores:
        """The scores of all of them.

        The Brier score, its skills and the log loss are exact; so is ECE. AUC and average precision are those
        of the bins: two probabilities in one bin count as equal. ``own_past_brier`` is the summed squared
        error of each SLI's own past.
        """
        nan, n, violated = float("nan"), float(self.count.sum()), float(self.violated.sum())
        if not n:
            return Scores(0, nan, nan, nan, nan, nan, nan, nan, nan, nan)
        brier, base = float(self.brier.sum()) / n, violated / n
        reference = base * (1.0 - base)
        likely = np.where(_LOW >= LIKELY, 1.0, 0.0)
        above = Sums(
            *(likely * part for part in (self.count, self.violated, self.said, self.brier, self.log_loss))
        )
        return Scores(
            int(n), base, brier,
            1.0 - brier / reference if reference else nan,
            1.0 - brier * n / own_past_brier if own_past_brier > 0 else nan,
            float(self.log_loss.sum()) / n,
            self._auc(), self._average_precision(), self.reliability.error, above.reliability.error,
        )  # fmt: skip

    def _auc(self) -> float:
        lost = self.count - self.violated
        pairs = self.violated.sum() * lost.sum()
        below = np.cumsum(lost) - lost
        return float((self.violated * (below + lost / 2.0)).sum() / pairs) if pairs else float("nan")

    def _average_precision(self) -> float:
        violated, count = self.violated[::-1], self.count[::-1]
        total, some = violated.sum(), np.cumsum(count) > 0
        if not total:
            return float("nan")
        precision = np.cumsum(violated)[some] / np.cumsum(count)[some]
        return float((violated[some] / total * precision).sum())


def log_losses(said: Vector, happened: Flags) -> Vector:
    """The log loss of each prediction, with probabilities kept off 0 and 1."""
    safe = np.clip(said, LEAST, 1.0 - LEAST)
    return np.asarray(-np.where(happened, np.log(safe), np.log1p(-safe)))


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of some predictions; NaN where an outcome of each kind is needed and one is missing."""

    n: int
    base_rate: float
    brier: float
    skill: float
    """Brier skill against the base rate (Brier 1950; Murphy 1973)."""
    skill_own_past: float
    """The same against what each indicator's own past said."""
    log_loss: float
    auc: float
    average_precision: float
    ece: float
    ece05: float


def score(said: Vector, happened: Flags, own_past: Vector | None = None) -> Scores:
    """Score probabilities ``said[n]`` against outcomes; ``own_past[n]``: :func:`past_frequency`."""
    if said.shape != happened.shape:
        raise ValueError(f"said and happened differ in shape: {said.shape}, {happened.shape}")
    outcome, nan = happened.astype(np.float64), float("nan")
    if not len(said):
        return Scores(0, nan, nan, nan, nan, nan, nan, nan, nan, nan)
    base = float(outcome.mean())
    brier = float(np.mean((said - outcome) ** 2))
    reference = base * (1.0 - base)
    own = float(np.mean((own_past - outcome) ** 2)) if own_past is not None else nan
    likely = said >= LIKELY
    return Scores(
        len(said), base, brier,
        1.0 - brier / reference if reference else nan,
        1.0 - brier / own if own else nan,
        float(log_losses(said, happened).mean()),
        area_under_curve(said, happened), average_precision(said, happened),
        Reliability.of(said, happened).error, Reliability.of(said[likely], happened[likely]).error,
    )  # fmt: skip


def area_under_curve(said: Vector, happened: Flags) -> float:
    """The chance that a violation was given more than a non-violation, ties half (Mann & Whitney 1947)."""
    n_true = int(np.count_nonzero(happened))
    n_false = len(happened) - n_true
    if not n_true or not n_false:
        return float("nan")
    _, place, count = np.unique(said, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2.0)[place]
    return float((rank[happened].sum() - n_true * (n_true + 1) / 2.0) / (n_true * n_false))


def average_precision(said: Vector, happened: Flags) -> float:
    """The mean precision over the violations, most likely first; ties are taken together."""
    n_true = int(np.count_nonzero(happened))
    if not n_true:
        return float("nan")
    order = np.argsort(-said, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(said[order])), len(said) - 1)
    hits = np.cumsum(happened[order])[ends]
    newly = np.diff(hits, prepend=0)
    return float(np.sum(newly / n_true * hits / (ends + 1.0)))


def past_frequency(happened: Flags, indicator: Integers, prior: float, known_after: int = 1) -> Vector:
    """How often each indicator was violated before, for predictions in time order: ``prior`` counts as one.

    The outcome of an indicator's prediction is known ``known_after`` of its predictions later.
    """
    result = np.empty(len(happened))
    for one in np.unique(indicator):
        mine = np.flatnonzero(indicator == one)
        seen = np.maximum(np.arange(len(mine)) - known_after + 1, 0)
        before = np.concatenate([[0.0], np.cumsum(happened[mine])])[seen]
        result[mine] = (before + prior) / (seen + 1.0)
    return result


@dataclass(frozen=True, slots=True)
class BandScores:
    """How well the bands of forecasts held."""

    coverage: NDArray[np.float64]
    """By step."""
    joint: float
    """Share of whole paths inside the joint band."""
    width: float
    crps: float


def score_bands(
    quantiles: Matrix, levels: tuple[float, ...], lower: Matrix, upper: Matrix, actual: Matrix
) -> BandScores:
    """Score ``quantiles[n, horizon, n_levels]`` and the joint band against ``actual[n, horizon]``.

    The continuous ranked probability score is twice the mean pinball loss (Gneiting & Raftery 2007); it is
    coarse where the levels are few. Paths with a missing sample count in no joint figure.
    """
    known: Flags = np.isfinite(actual)
    inside = (quantiles[:, :, 0] <= actual) & (actual <= quantiles[:, :, -1])
    whole = np.flatnonzero(known.all(axis=1))
    held = np.asarray(((lower <= actual) & (actual <= upper)).all(axis=1))
    miss = actual[:, :, None] - quantiles
    level = np.array(levels)
    pinball = np.maximum(level * miss, (level - 1.0) * miss)
    with np.errstate(invalid="ignore", divide="ignore"):
        coverage = np.where(known, inside, False).sum(axis=0) / known.sum(axis=0)
    return BandScores(
        coverage,
        float(held[whole].mean()) if whole.size else float("nan"),
        float((upper - lower).mean()) if len(upper) else float("nan"),
        float(2.0 * pinball[known].mean()) if known.any() else float("nan"),
    )


def lead_times(said: Vector, threshold: float, first_violation: Vector) -> Vector:
    """How many predictions before each violation the probability had been at ``threshold`` without a break.

    ``said`` are one indicator's probabilities in time order, ``first_violation`` the indices of the
    predictions that violations began at; 0 means that it was not foretold.
    """
    above = np.concatenate([[False], said >= threshold])
    broken = np.maximum.accumulate(np.where(~above, np.arange(len(above)), 0))
    return np.asarray([float(at - broken[at]) for at in np.asarray(first_violation, dtype=np.intp)])
