"""How good the forecast and the probability of a violation are on recorded series.

    python benchmarks/forecast_quality.py [--json] [--data FOLDER]

Windows of 720 samples and the ten that follow them; bounds are quantiles of the window itself, the present
sample inside them. Brier skill is against the share of violations over all of them. The peers: the naive
forecast, "the point forecast crosses the bound", and independent Gaussian steps.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from foresight.forecasting.outlook import Forecast, forecast
from foresight.forecasting.probability import forecast_with_risk
from recorded import SAMPLE, read_folder, windows

N_SLOTS, HORIZON, EVERY = 720, 10, 467
BOUNDS = ((None, 0.9), (None, 0.95), (None, 0.99), (0.01, None), (0.05, None), (0.05, 0.95), (0.01, 0.99))
Array = NDArray[np.float64]


def main() -> None:
    """Print the table on stderr, and the figures as one JSON object on the last line of stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON (always on)")
    parser.add_argument("--data", type=Path, default=SAMPLE, help="folder of CSV files")
    _, cut = windows(read_folder(parser.parse_args().data), N_SLOTS, EVERY, HORIZON)
    cut = cut[(np.ptp(cut[:, :N_SLOTS], axis=1) > 0) & np.isfinite(cut).all(axis=1)]
    past, future = cut[:, :N_SLOTS], cut[:, N_SLOTS:]
    with threadpool_limits(1):
        outlook = forecast(past, HORIZON)
        figures = {"windows": len(past), **judge_forecast(past, future, outlook)}
        figures |= judge_probability(past, future, outlook)
    for name, figure in figures.items():
        print(f"{name:30} {figure:.3f}", file=sys.stderr)
    print(json.dumps({name: round(float(figure), 4) for name, figure in figures.items()}))


def judge_forecast(past: Array, future: Array, outlook: Forecast) -> dict[str, Any]:
    """MASE of ours and of the naive forecast, and the coverage of both kinds of band."""
    one_step = np.abs(np.diff(past, axis=1)).mean(axis=1)[:, None]
    low, high = outlook.quantiles[:, :, 0], outlook.quantiles[:, :, -1]
    in_steps = (low <= future) & (future <= high)
    in_band = (outlook.joint_lower <= future) & (future <= outlook.joint_upper)
    return {
        "mase": (np.abs(future - outlook.mean) / one_step).mean(),
        "naive_mase": (np.abs(future - past[:, -1:]) / one_step).mean(),
        "coverage_of_a_step": in_steps.mean(),
        "paths_inside_step_bands": in_steps.all(axis=1).mean(),
        "paths_inside_joint_band": in_band.all(axis=1).mean(),
        "joint_width_in_naive_steps": np.median((outlook.joint_upper - outlook.joint_lower) / one_step),
    }


def judge_probability(past: Array, future: Array, outlook: Forecast) -> dict[str, Any]:
    """Brier skill and AUC of each view, of their mean, and of two simple peers."""
    rows, lower, upper = make_bounds(past)
    _, risk = forecast_with_risk(past, rows, lower, upper)
    left = ((future[rows] < lower[:, None]) | (future[rows] > upper[:, None])).any(axis=1)
    mean = outlook.mean[rows]
    spread = (outlook.quantiles[rows, :, -1] - outlook.quantiles[rows, :, 0]) / (2 * 1.6449)
    spread = np.where(spread > 0, spread, 1e-300)
    inside = ndtr((upper[:, None] - mean) / spread) - ndtr((lower[:, None] - mean) / spread)
    crosses = ((mean < lower[:, None]) | (mean > upper[:, None])).any(axis=1)
    said = {
        "point_crosses": crosses.astype(float),
        "gaussian_steps": 1 - np.clip(inside, 0, 1).prod(axis=1),
        "paths": risk.components.paths[:, -1],
        "analogs": risk.components.analogs[:, -1],
        "onsets": risk.components.onsets[:, -1],
        "probability": risk.probability,
    }
    figures: dict[str, Any] = {"bounds": len(rows), "base_rate": left.mean()}
    for name, probability in said.items():
        brier = np.mean((probability - left) ** 2)
        figures[f"{name}_skill"] = 1 - brier / (left.mean() * (1 - left.mean()))
        figures[f"{name}_auc"] = roc_auc_score(left, probability)
    return figures


def make_bounds(past: Array) -> tuple[NDArray[np.intp], Array, Array]:
    """Every kind of bounds on every window whose present sample is inside them."""
    rows, lower, upper = [], [], []
    for low, high in BOUNDS:
        floor = np.full(len(past), -np.inf) if low is None else np.quantile(past, low, axis=1)
        ceiling = np.full(len(past), np.inf) if high is None else np.quantile(past, high, axis=1)
        inside = np.flatnonzero((past[:, -1] >= floor) & (past[:, -1] <= ceiling))
        rows.append(inside)
        lower.append(floor[inside])
        upper.append(ceiling[inside])
    return np.concatenate(rows), np.concatenate(lower), np.concatenate(upper)


if __name__ == "__main__":
    main()
