"""The forward-looking target: on data with structure in time, on white noise, and on the published recording.

    python -m benchmarks.slice_forward [--json] [--cells 30] [--days 30]

Each is trained on the oldest eight tenths of the time, stopped by the next and judged on the last, which no
training row touches. The gate has to let the first through and to refuse the others.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from foresight.slices.dataset import Dataset, split_by_time
from foresight.slices.recording import PERIODS_A_DAY, Recording, simulate
from foresight.slices.replay import read_recording
from foresight.slices.targets import Target
from foresight.slices.training import train

PUBLISHED = Path(__file__).parents[1] / "tests" / "data" / "onap" / "train_s1.parquet"


def judged(name: str, recording: Recording) -> dict[str, Any]:
    """Errors of the model and of every rival, and what the gate says."""
    started = time.monotonic()
    data = Dataset.of(recording, Target.FORWARD)
    verdict = train(data, split_by_time(data)).verdict
    print(f"{name}: {verdict.reason} ({time.monotonic() - started:.0f} s)", file=sys.stderr, flush=True)
    score = verdict.score
    found: dict[str, Any] = {"model": score.rmse, "model_low": score.low, "model_high": score.high}
    found |= {rival.name: rival.score.rmse for rival in verdict.rivals}
    rounded = {f"{name}_{key}": round(value, 3) for key, value in found.items()}
    return rounded | {f"{name}_is_promoted": verdict.is_promoted, f"{name}_reason": verdict.reason}


def main() -> None:
    """Trains and judges three times; the last line is one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the JSON line alone")
    parser.add_argument("--cells", type=int, default=30)
    parser.add_argument("--days", type=int, default=30)
    given = parser.parse_args()
    n_periods = given.days * PERIODS_A_DAY
    figures = judged("daily", simulate(given.cells, n_periods, 1, daily=True))
    figures |= judged("white_noise", simulate(given.cells, n_periods, 1))
    figures |= judged("published", read_recording(PUBLISHED))
    if not given.json:
        for name, value in figures.items():
            print(f"{name:>28} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
