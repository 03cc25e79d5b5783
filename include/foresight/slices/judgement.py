"""Does a model earn its place? Its error on held-out periods against simple answers and the version in use.

Errors of neighbouring periods hang together, so intervals come from a bootstrap over blocks of time (Künsch
1989), the same draws for all: what is compared is the difference on the same periods.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foresight.slices.dataset import Dataset, Mask
from foresight.slices.features import INPUTS, LONG_INPUTS
from foresight.slices.network import Linear
from foresight.slices.recording import PERIODS_A_DAY
from foresight.slices.seasons import LAST_WEEK, YESTERDAY
from foresight.slices.targets import Floats

DRAWS: Final = 2000
LEVEL: Final = 0.95
FEWEST_BLOCKS: Final = 10
BASELINES: Final = ("configured", "last_value", "ridge")
SEASONAL_RIVALS: Final = {"same_time_yesterday": YESTERDAY, "same_time_last_week": LAST_WEEK}
IN_USE: Final = "in_use"
CONSTANT: Final = "constant_share"
"""The training mean of answer / configured: whatever does not beat it has seen no structure at all."""


@dataclass(frozen=True, slots=True)
class Score:
    """Root mean squared error in connections with its 95 % interval."""

    rmse: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rival:
    """An answer to beat: its score, and by how much the candidate's error is smaller, with the interval."""

    name: str
    score: Score
    gain: Score

    @property
    def is_beaten(self) -> bool:
        """Whether the candidate's error is smaller beyond chance."""
        return self.gain.low > 0

    @property
    def is_better(self) -> bool:
        """Whether the candidate's error is larger beyond chance."""
        return self.gain.high < 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the candidate is promoted, and why, in words."""

    score: Score
    rivals: tuple[Rival, ...]
    is_promoted: bool
    reason: str


def simple_models(data: Dataset, train: Mask) -> dict[str, Linear]:
    """The rivals that can be put to use: what they learn, they learn from ``train`` alone.

    They take the inputs that the data have; those of seasons are there where 14 days are.
    """
    names = LONG_INPUTS if data.has_seasons else INPUTS
    ridge = _ridge(data, train)
    ridge = Linear(np.r_[ridge.weights, np.zeros(len(names) - ridge.n_inputs)], ridge.intercept)
    found = {"last_value": Linear.of(names, "predicted[t-1]"), "ridge": ridge}
    if data.has_seasons:
        found |= {rival: Linear.of(names, name) for rival, name in SEASONAL_RIVALS.items()}
    return found


def baselines(data: Dataset, train: Mask) -> dict[str, Floats]:
    """The answers of all simple rivals for all windows."""
    share = (data.answers[train] / data.configured[train]).mean()
    inputs = data.inputs
    if data.has_seasons:  # before the first day or week, the seasonal ones say what is configured
        inputs = np.where(np.isnan(inputs), data.configured[..., None], inputs)
        inputs[..., : len(INPUTS)] = data.inputs[..., : len(INPUTS)]
    return {
        "configured": data.configured,
        **{name: model.run(inputs) for name, model in simple_models(data, train).items()},
        CONSTANT: data.configured * share,
    }


def judge(
    answers: Floats,
    candidate: Floats,
    rivals: Mapping[str, Floats],
    seed: int = 0,
    to_beat: Collection[str] | None = None,
) -> Verdict:
    """Judge ``candidate`` against ``rivals`` on held-out windows ``[n_cells, n_periods]``; NaN is left out.

    Promoted is what beats every rival beyond chance; or those ``to_beat``, while none of the others beats it.
    """
    errors = {name: (values - answers) ** 2 for name, values in {"": candidate, **rivals}.items()}
    usable = np.isfinite(sum(errors.values()))
    blocks = _blocks(usable)
    if blocks.max(initial=-1) + 1 < FEWEST_BLOCKS:
        nothing = Score(np.nan, np.nan, np.nan)
        return Verdict(nothing, (), False, f"too few held-out periods: {int(usable.any(axis=0).sum())}")
    rng = np.random.default_rng(seed)
    n_blocks = int(blocks.max()) + 1
    draws = rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), DRAWS)
    counts = np.bincount(blocks, usable.sum(axis=0), n_blocks)
    rmse, drawn = {}, {}
    for name, squared in errors.items():
        sums = np.bincount(blocks, np.where(usable, squared, 0.0).sum(axis=0), n_blocks)
        rmse[name] = float(np.sqrt(sums.sum() / counts.sum()))
        drawn[name] = np.sqrt((draws @ sums) / np.maximum(draws @ counts, 1))
    found = tuple(
        Rival(
            name,
            _score(rmse[name], drawn[name]),
            _score(rmse[name] - rmse[""], drawn[name] - drawn[""]),
        )
        for name in rivals
    )
    score = _score(rmse[""], drawn[""])
    must = {rival.name for rival in found} if to_beat is None else set(to_beat)
    is_promoted = all(rival.is_beaten if rival.name in must else not rival.is_better for rival in found)
    return Verdict(score, found, is_promoted, _reason(score, found, is_promoted))


def _reason(score: Score, rivals: tuple[Rival, ...], is_promoted: bool) -> str:
    unbeaten = [rival for rival in rivals if not rival.is_beaten]
    mine = f"RMSE {score.rmse:.3g} connections ({score.low:.3g} to {score.high:.3g})"
    if not unbeaten:
        next_best = min((rival.score.rmse for rival in rivals), default=np.nan)
        beaten = ", ".join(f"{rival.name} {rival.score.rmse:.3g}" for rival in rivals)
        return f"{mine} beats {beaten}: {1 - score.rmse / next_best:.0%} better than the next"
    best = min(unbeaten, key=lambda rival: rival.score.rmse)
    named = ", ".join(f"{rival.name} {rival.score.rmse:.3g}" for rival in unbeaten)
    noise = any(rival.name == CONSTANT for rival in unbeaten)
    because = "; nothing in the past tells these answers: they look like noise" if noise else ""
    if is_promoted:
        return f"{mine} is the best of all; a tie with {named}"
    if any(rival.is_better for rival in unbeaten):
        return f"{best.name} wins: {mine} does not beat {named}{because}"
    return f"a tie with {best.name}: {mine} is not better beyond chance than {named}{because}"


def _score(value: float, drawn: Floats) -> Score:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Score(value, float(low), float(high))


def _blocks(usable: Mask) -> NDArray[np.int64]:
    """The block of each period: a day where there are twenty of them, else a twentieth of the time."""
    n_periods = usable.shape[1]
    length = min(PERIODS_A_DAY, max(1, n_periods // 20))
    return np.asarray(np.arange(n_periods) // length)


def _ridge(data: Dataset, train: Mask, penalty: float = 1.0) -> Linear:
    """Linear regression on the inputs, standardised, with a small penalty for inputs that never change."""
    rows, answers = data.rows[train], data.answers[train]
    centre, spread = rows.mean(axis=0), rows.std(axis=0)
    spread[spread == 0] = 1.0
    scaled = (rows - centre) / spread
    gram = scaled.T @ scaled + penalty * np.eye(scaled.shape[1])
    weights = np.linalg.solve(gram, scaled.T @ (answers - answers.mean())) / spread
    return Linear(weights, np.array([answers.mean() - centre @ weights]))
