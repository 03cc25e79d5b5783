"""The forward-looking target: on data with structure in time, on white noise, and on the published recording.

    python -m benchmarks.slice_forward [--json] [--cells 30] [--days 30] [--epochs 60]

Each is trained on the oldest eight tenths of the time, stopped by the next and judged on the last, which no
training row touches. What is promoted has to be the best of all: the network, ridge, or a seasonal rival.
The network is called a forecast where its error is at least 15 % below that of the best rival; else it is
refused that name, and the reason is printed. Noise has to promote nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.unit.slices.structured import KINDS, structured

from foresight.slices.dataset import Dataset, split_by_time
from foresight.slices.recording import PERIODS_A_DAY, Recording, simulate
from foresight.slices.replay import read_recording
from foresight.slices.targets import Target
from foresight.slices.training import Options, Trained, train

PUBLISHED = Path(__file__).parents[1] / "tests" / "data" / "onap" / "train_s1.parquet"
START = 1_763_942_400
EARNED = 0.85
"""The network's error as a part of the best rival's, at most, to be called a forecast."""


def judged(name: str, recording: Recording, epochs: int) -> dict[str, Any]:
    """Errors of what is promoted and of every rival, and what the gate says."""
    started = time.monotonic()
    data = Dataset.of(recording, Target.FORWARD)
    trained = train(data, split_by_time(data), Options(epochs=epochs))
    print(
        f"{name}: {trained.verdict.reason} ({time.monotonic() - started:.0f} s)", file=sys.stderr, flush=True
    )
    errors = errors_of(trained)
    network = errors.pop("network")
    best = min(errors, key=lambda rival: errors[rival])
    found: dict[str, Any] = {"network": round(network, 3)}
    found |= {rival: round(error, 3) for rival, error in errors.items()}
    found |= {
        "promoted": trained.model.card.source if trained.verdict.is_promoted else "none",
        "best_rival": best,
        "gain_over_best_rival": round(1 - network / errors[best], 3),
        "is_forecast": bool(network <= EARNED * errors[best]),
        "reason": trained.verdict.reason,
    }
    return {f"{name}_{key}": value for key, value in found.items()}


def errors_of(trained: Trained) -> dict[str, float]:
    """RMSE of the network and of each rival by name, whichever of them was promoted."""
    errors = {rival.name: rival.score.rmse for rival in trained.verdict.rivals}
    source = trained.model.card.source
    return errors | {"network" if source == "trained" else source: trained.verdict.score.rmse}


def main() -> None:
    """Trains and judges each; the last line is one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the JSON line alone")
    parser.add_argument("--cells", type=int, default=30)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=60)
    given = parser.parse_args()
    n_periods = given.days * PERIODS_A_DAY
    made = {kind: structured(kind, given.cells, given.days) for kind in KINDS}
    made["simulated_days"] = simulate(given.cells, n_periods, 1, daily=True, start=START)
    made["simulated_noise"] = simulate(given.cells, n_periods, 1, start=START)
    made["published"] = read_recording(PUBLISHED)
    figures: dict[str, Any] = {}
    for name, recording in made.items():
        figures |= judged(name, recording, given.epochs)
    if not given.json:
        for name, value in figures.items():
            print(f"{name:>36} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
