"""Slice prediction for 10,000 cells: the light network against Keras ``predict``, batched and row by row.

    python benchmarks/slices.py [--json]

Warm is one call on rows that are there; cold a process from its start, loading the model from its file. One
thread.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

from foresight.slices.keras_file import read_keras
from foresight.slices.model_file import save_model
from foresight.slices.network import Card, Model, Scaler
from foresight.slices.targets import Target

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "tests" / "data" / "onap" / "best_model.h5"
N_CELLS = 10_000
LIMIT = Scaler(np.array([240.0, 144.0, 55.0, 102.0, 87.2]), np.array([1119.0, 839.0, 423.0, 132.0, 151.3]))

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}

COLD = """
import sys
from pathlib import Path
import numpy as np
from foresight.slices.model_file import load_model
rows = np.load(sys.argv[2])
answers = load_model(Path(sys.argv[1])).predict(rows)
assert answers.shape == (10_000,) and np.isfinite(answers).all()
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""


def timed(work: Callable[[], object], times: int) -> float:
    """Median seconds of one call, after a first one that does not count."""
    work()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken)


def cold_seconds(model: Model, rows: np.ndarray) -> float:
    """From the start of a process to its end: load the model, predict every cell."""
    with tempfile.TemporaryDirectory() as folder:
        save_model(model, Path(folder) / "m.model")
        np.save(Path(folder) / "rows.npy", rows)
        command = [sys.executable, "-c", COLD, f"{folder}/m.model", f"{folder}/rows.npy"]
        return timed(lambda: subprocess.run(command, check=True), 5)


def compare() -> dict[str, float]:
    """All figures, measured in this run."""
    rng = np.random.default_rng(1)
    span = LIMIT.high - LIMIT.low
    columns = LIMIT.low + span * rng.uniform(0, 1, (N_CELLS, 5, 5))
    rows = columns.reshape(N_CELLS, 25)[:, :24].copy()
    model = Model(read_keras(PUBLISHED), LIMIT, Card(Target.REFERENCE, (0, 0), "", source="imported"))
    warm = timed(lambda: model.predict(rows), 50)
    cold = cold_seconds(model, rows)

    from foresight.slices.training import load_published

    published = load_published(PUBLISHED)
    scaled = LIMIT.inputs(rows).astype(np.float32)[:, None, :]
    batched = timed(lambda: published.predict(scaled, batch_size=N_CELLS, verbose=0), 10)
    row = timed(lambda: published.predict(scaled[:1], verbose=0), 20)
    expected = published.predict(scaled, verbose=0)[:, 0]
    return {
        "warm_ms": round(warm * 1e3, 3),
        "cold_seconds": round(cold, 3),
        "keras_batched_ms": round(batched * 1e3, 3),
        "keras_row_ms": round(row * 1e3, 3),
        "max_abs_difference": float(np.abs(model.network.run(scaled) - expected).max()),
    }


def main() -> None:
    """Run what was asked for; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the JSON line alone")
    given = parser.parse_args()
    os.environ.update(ONE_THREAD)  # for TensorFlow, loaded later, and for processes of their own
    threadpool_limits(1)
    figures = compare()
    if not given.json:
        for name, value in figures.items():
            print(f"{name:>24} {value:g}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
