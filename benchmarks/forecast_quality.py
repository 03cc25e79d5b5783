"""How good the forecast and its bands are on recorded series.

    python benchmarks/forecast_quality.py [--json] [--data FOLDER]

Windows of 720 samples and the ten that follow them; the peer is the naive forecast. The probability of a
violation: ``risk_quality.py`` and ``risk_scenarios.py``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from foresight.forecasting.joint_forecast import Forecast, forecast
from recorded import SAMPLE, read_folder, windows

N_SLOTS, HORIZON, EVERY = 720, 10, 467
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
        made = forecast(past, HORIZON)
        figures = {"windows": len(past), **judge_forecast(past, future, made)}
    for name, figure in figures.items():
        print(f"{name:30} {figure:.3f}", file=sys.stderr)
    print(json.dumps({name: round(float(figure), 4) for name, figure in figures.items()}))


def judge_forecast(past: Array, future: Array, made: Forecast) -> dict[str, Any]:
    """MASE of ours and of the naive forecast, and the coverage of both kinds of band."""
    one_step = np.abs(np.diff(past, axis=1)).mean(axis=1)[:, None]
    low, high = made.quantiles[:, :, 0], made.quantiles[:, :, -1]
    in_steps = (low <= future) & (future <= high)
    in_band = (made.joint_lower <= future) & (future <= made.joint_upper)
    return {
        "mase": (np.abs(future - made.mean) / one_step).mean(),
        "naive_mase": (np.abs(future - past[:, -1:]) / one_step).mean(),
        "coverage_of_a_step": in_steps.mean(),
        "paths_inside_step_bands": in_steps.all(axis=1).mean(),
        "paths_inside_joint_band": in_band.all(axis=1).mean(),
        "joint_width_in_naive_steps": np.median((made.joint_upper - made.joint_lower) / one_step),
    }


if __name__ == "__main__":
    main()
