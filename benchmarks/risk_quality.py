"""How good the probability of a violation is on series that its calibrator has not seen.

    python benchmarks/risk_quality.py [--json] [--every 10] [--epochs 8] [--shipped] [--ablation]

Each server is judged by a calibrator that was trained without it and without one other family; so is each of
those families. Protocol B: bounds from the first 30 % of a series (99 % and 99.9 % quantile, 95 % quantile
+ 10 %, 1 % quantile, .5 to 99.5 %), origins after that, the newest sample inside. Protocol A: bounds are
quantiles of the window itself. "clim" is each SLI's own past frequency, as it was known at the origin.
Intervals are 95 % bootstrap by series. ``--shipped`` judges the shipped calibrator instead (it has seen these
series); ``untrained`` is the fall-back.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits
from training.calibrator import train_without
from training.recordings import fixed_bounds, read_families

from foresight.forecasting.assessment import forecast_risk
from foresight.forecasting.calibrator import UNTRAINED, Calibrator, shipped
from foresight.forecasting.features import SIGNALS
from foresight.forecasting.risk import Bounds

Array = NDArray[np.float64]
N_SLOTS, HORIZONS = 720, (10, 30, 60)
A_BOUNDS = ((None, 0.9), (None, 0.95), (None, 0.99), (0.01, None), (0.05, None), (0.05, 0.95), (0.01, 0.99))
A_EVERY = 730
FOLDS = (
    ("smd:machine-1-6", "asd"), ("smd:machine-1-7", "ms-cloud"), ("smd:machine-2-1", "nab"),
    ("smd:machine-2-2",),
)  # fmt: skip
RESAMPLES = 500


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Predictions and outcomes; arrays ``[n]`` or ``[n, n_horizons]``."""

    said: Array
    untrained: Array
    left: NDArray[np.bool_]
    clim: Array
    series: NDArray[np.intp]
    minute_off: Array
    joint: NDArray[np.float64]
    """Of the windows: inside the joint band, and its width in naive steps, ``[n_windows, 2]``."""

    @classmethod
    def join(cls, parts: list[Judged]) -> Judged:
        """All of them; series are counted on."""
        count, numbered = 0, []
        for part in parts:
            numbered.append(part.series + count)
            count += int(part.series.max(initial=-1)) + 1
        names = ("said", "untrained", "left", "clim", "minute_off", "joint")
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(series=np.concatenate(numbered), **joined)


def judge_family(series: list[Array], calibrator: Calibrator, every: int, own_bounds: bool) -> Judged:
    """Every series of a family against its bounds: fixed ones (protocol B), or each window's own (A)."""
    parts = [
        judge_series(values, calibrator, every, own_bounds)
        for values in series
        if len(values) >= N_SLOTS + HORIZONS[-1]
    ]
    return Judged.join([part for part in parts if len(part.said)])


def judge_series(values: Array, calibrator: Calibrator, every: int, own_bounds: bool) -> Judged:
    """One series."""
    start = N_SLOTS if own_bounds else max(int(0.3 * len(values)), N_SLOTS)
    origins = np.arange(start, len(values) - HORIZONS[-1] + 1, every)
    past = np.lib.stride_tricks.sliding_window_view(values, N_SLOTS)[origins - N_SLOTS].copy()
    future = np.stack([values[origin : origin + HORIZONS[-1]] for origin in origins])
    moving = np.nanmax(past, axis=1) > np.nanmin(past, axis=1)
    past, future = past[moving], future[moving]
    rows, lower, upper, sli = bounds_of(values, past, own_bounds)
    bounds = Bounds(rows, lower, upper)
    made, risk = forecast_risk(past, bounds, HORIZONS, calibrator=calibrator)
    _, plain = forecast_risk(past, bounds, HORIZONS[:1], calibrator=UNTRAINED)
    out = (future[rows] < lower[:, None]) | (future[rows] > upper[:, None])
    left = np.stack([out[:, :horizon].any(axis=1) for horizon in HORIZONS], axis=1)
    clim = past_frequency(left[:, 0], sli)
    off = np.where(left[:, 0], np.abs(risk.first_slot - np.argmax(out, axis=1) - 1), np.nan)
    ahead, one_step = future[:, : HORIZONS[0]], np.abs(np.diff(past, axis=1)).mean(axis=1)
    held = ((made.joint_lower <= ahead) & (ahead <= made.joint_upper)).all(axis=1)
    width = (made.joint_upper - made.joint_lower).mean(axis=1) / one_step
    known = np.isfinite(risk.probability[:, 0])
    return Judged(
        risk.probability[known], plain.probability[known, 0], left[known], clim[known],
        np.zeros(int(known.sum()), dtype=np.intp), off[known],
        np.stack([held, width], axis=1)[np.isfinite(made.mean).all(axis=1)],
    )  # fmt: skip


def bounds_of(
    values: Array, past: Array, own_bounds: bool
) -> tuple[NDArray[np.intp], Array, Array, NDArray[np.intp]]:
    """Window, bounds and SLI of every pair whose newest sample is inside, in time order."""
    if own_bounds:
        pairs = [
            (
                np.full(len(past), -np.inf) if low is None else np.quantile(past, low, axis=1),
                np.full(len(past), np.inf) if high is None else np.quantile(past, high, axis=1),
            )
            for low, high in A_BOUNDS
        ]
    else:
        pairs = [(np.full(len(past), low), np.full(len(past), high)) for low, high in fixed_bounds(values)]
    found = []
    for sli, (lower, upper) in enumerate(pairs):
        inside = np.flatnonzero((past[:, -1] >= lower) & (past[:, -1] <= upper))
        found.append((inside, lower[inside], upper[inside], np.full(len(inside), sli)))
    rows, lower, upper, sli = (np.concatenate(part) for part in zip(*found, strict=True))
    return rows.astype(np.intp), lower, upper, sli.astype(np.intp)


def past_frequency(left: NDArray[np.bool_], sli: NDArray[np.intp]) -> Array:
    """How often each SLI was violated at its earlier origins, from 2 % on."""
    result = np.empty(len(left))
    for one in np.unique(sli):
        mine = left[sli == one].astype(float)
        before = np.concatenate([[0.0], np.cumsum(mine)[:-1]])
        result[sli == one] = (before + 0.02) / (np.arange(len(mine)) + 1.0)
    return result


def figures_of(judged: Judged, horizon: int = 0, said: Array | None = None) -> dict[str, float]:
    """Skill with its interval, AUC, calibration of one horizon."""
    said = judged.said[:, horizon] if said is None else said
    left = judged.left[:, horizon].astype(float)
    n = int(judged.series.max()) + 1
    sums = [
        np.bincount(judged.series, weights, minlength=n)
        for weights in ((said - left) ** 2, (judged.clim - left) ** 2, left, np.ones(len(left)))
    ]
    drawn = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))

    def skills(brier: Array, _clim: Array, hits: Array, count: Array) -> Array:
        base = hits / count
        return np.asarray(1.0 - brier / np.maximum(count * base * (1.0 - base), 1e-12))

    skill = float(skills(*(part.sum() for part in sums)))
    low, high = np.quantile(skills(*(part[drawn].sum(axis=1) for part in sums)), (0.025, 0.975))
    near = (said >= 0.25) & (said < 0.35)
    return {
        "skill": skill, "skill_low": float(low), "skill_high": float(high),
        "skill_clim": float(1.0 - sums[0].sum() / sums[1].sum()),
        "auc": float(roc_auc_score(left, said)) if 0 < left.mean() < 1 else float("nan"),
        "ece": calibration_error(said, left),
        "ece05": calibration_error(said[said >= 0.05], left[said >= 0.05]),
        "said_03": float(left[near].mean()) if near.any() else float("nan"),
        "base": float(left.mean()), "n": len(left),
        "never_yet_happened": float((said[left > 0] <= 0).mean()),
    }  # fmt: skip


def calibration_error(said: Array, left: Array) -> float:
    """Expected calibration error over ten bins of equal width."""
    at = np.minimum((said * 10).astype(int), 9)
    count = np.bincount(at, minlength=10)
    gap = np.abs(np.bincount(at, said, minlength=10) - np.bincount(at, left, minlength=10))
    return float(gap.sum() / max(count.sum(), 1))


def run(every: int, calibrator_for: Callable[[tuple[str, ...]], Calibrator]) -> dict[str, object]:
    """The figures of all folds."""
    families = read_families()
    a_parts: list[Judged] = []
    b_parts: dict[str, list[Judged]] = {}
    for fold in FOLDS:
        calibrator = calibrator_for(fold)
        for name in fold:
            step = every if name.startswith("smd") else min(every, 10)
            part = judge_family(families[name], calibrator, step, own_bounds=False)
            b_parts.setdefault(name.split(":")[0], []).append(part)
            print(f"{name:18} {_line(figures_of(part))}", file=sys.stderr, flush=True)
            if name.startswith("smd"):
                a_parts.append(judge_family(families[name], calibrator, A_EVERY, own_bounds=True))
    a, by_family = Judged.join(a_parts), {name: Judged.join(parts) for name, parts in b_parts.items()}
    servers = by_family["smd"]
    found_a, found_b = figures_of(a), figures_of(servers)
    report: dict[str, object] = {
        "a_skill": found_a["skill"], "a_auc": found_a["auc"], "b_skill": found_b["skill"],
        "b_skill_interval": [found_b["skill_low"], found_b["skill_high"]],
        "b_skill_clim": found_b["skill_clim"], "b_auc": found_b["auc"], "ece": found_b["ece"],
        "ece05": found_b["ece05"], "said_03": found_b["said_03"],
        "never_yet_happened": found_b["never_yet_happened"],
        "first_minute_error": float(np.nanmean(servers.minute_off)),
        "families": {name: figures_of(part) for name, part in by_family.items()},
        "untrained": {
            name: figures_of(part, said=part.untrained)["skill"] for name, part in by_family.items()
        },
        "a_untrained": figures_of(a, said=a.untrained)["skill"],
        "horizons": {
            str(horizon): {name: figures_of(part, at) for name, part in by_family.items()}
            for at, horizon in enumerate(HORIZONS)
        },
        "joint_coverage": {name: float(part.joint[:, 0].mean()) for name, part in by_family.items()},
        "joint_width": {name: float(np.nanmedian(part.joint[:, 1])) for name, part in by_family.items()},
    }  # fmt: skip
    return report


def _line(figures: dict[str, float]) -> str:
    return "  ".join(f"{name} {figure:.3f}" for name, figure in figures.items())


def main() -> None:
    """Print lines on stderr and the figures as one JSON object on the last line of stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON (always on)")
    parser.add_argument(
        "--every", type=int, default=30, help="slots between origins of servers (the page: 10)"
    )
    parser.add_argument("--epochs", type=int, default=8, help="epochs of each calibrator")
    parser.add_argument("--shipped", action="store_true", help="judge the shipped calibrator instead")
    parser.add_argument(
        "--ablation", action="append", default=[], choices=SIGNALS, help="train without a signal"
    )
    given = parser.parse_args()

    def calibrator_for(fold: tuple[str, ...]) -> Calibrator:
        return shipped() if given.shipped else train_without(fold, given.epochs, tuple(given.ablation))

    with threadpool_limits(1):
        report = run(given.every, calibrator_for)
    print(json.dumps(report, default=lambda x: round(float(x), 5)))


if __name__ == "__main__":
    main()
