"""Does a model earn its place? Its error on held-out periods against simple answers and the version in use.

Errors of neighbouring periods hang together, so intervals come from a bootstrap over blocks of time (Künsch
1989), the same draws for all: what is compared is the difference on the same periods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foresight.slices.dataset import Dataset, Mask
from foresight.slices.recording import PERIODS_A_DAY
from foresight.slices.targets import Floats

DRAWS: Final = 2000
LEVEL: Final = 0.95
FEWEST_BLOCKS: Final = 10
BASELINES: Final = ("configured", "last_value", "ridge")
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the candidate is promoted, and why, in words."""

    score: Score
    rivals: tuple[Rival, ...]
    is_promoted: bool
    reason: str


def baselines(data: Dataset, train: Mask) -> dict[str, Floats]:
    """The answers of the simple rivals for all windows; what they learn, they learn from ``train`` alone."""
    share = (data.answers[train] / data.configured[train]).mean()
    return {
        "configured": data.configured,
        "last_value": data.column("predicted[t-1]"),
        "ridge": _ridge(data, train),
        CONSTANT: data.configured * share,
    }


def judge(answers: Floats, candidate: Floats, rivals: Mapping[str, Floats], seed: int = 0) -> Verdict:
    """Judge ``candidate`` against ``rivals`` on held-out windows ``[n_cells, n_periods]``; NaN is left out.

    Promoted is what beats every rival beyond chance.
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
    return Verdict(score, found, all(rival.is_beaten for rival in found), _reason(score, found))


def _reason(score: Score, rivals: tuple[Rival, ...]) -> str:
    unbeaten = [rival for rival in rivals if not rival.is_beaten]
    mine = f"RMSE {score.rmse:.3g} connections ({score.low:.3g} to {score.high:.3g})"
    if not unbeaten:
        return f"{mine} beats " + ", ".join(f"{r.name} {r.score.rmse:.3g}" for r in rivals)
    best = min(unbeaten, key=lambda rival: rival.score.rmse)
    named = ", ".join(f"{rival.name} {rival.score.rmse:.3g}" for rival in unbeaten)
    noise = any(rival.name == CONSTANT for rival in unbeaten)
    because = "; nothing in the past tells these answers: they look like noise" if noise else ""
    return f"{best.name} wins: {mine} does not beat {named}{because}"


def _score(value: float, drawn: Floats) -> Score:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Score(value, float(low), float(high))


def _blocks(usable: Mask) -> NDArray[np.int64]:
    """The block of each period: a day where there are twenty of them, else a twentieth of the time."""
    n_periods = usable.shape[1]
    length = min(PERIODS_A_DAY, max(1, n_periods // 20))
    return np.asarray(np.arange(n_periods) // length)


def _ridge(data: Dataset, train: Mask, penalty: float = 1.0) -> Floats:
    """Linear regression on the 24 inputs, standardised, with a small penalty for inputs that never change."""
    rows, answers = data.inputs[train], data.answers[train]
    centre, spread = rows.mean(axis=0), rows.std(axis=0)
    spread[spread == 0] = 1.0
    scaled = (rows - centre) / spread
    gram = scaled.T @ scaled + penalty * np.eye(scaled.shape[1])
    weights = np.linalg.solve(gram, scaled.T @ (answers - answers.mean())) / spread
    ridge: Floats = data.inputs @ weights + (answers.mean() - centre @ weights)
    return ridge
