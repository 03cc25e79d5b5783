"""``python -m foresight.slices.examples.make``: makes the model and the recording that ship, in two minutes.

Both are made of simulated data alone, from fixed seeds. The recording has a cell without a configured limit,
one that leaves a period out, one without requests, and one whose failures are not reported; in its last
period many set-ups of the second slice fail, so that its limits have something to hold.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from foresight.slices.dataset import Dataset, split_by_time
from foresight.slices.examples import MODEL, RECORDING
from foresight.slices.model_file import save_model
from foresight.slices.recording import Recording, simulate
from foresight.slices.replay import write_recording
from foresight.slices.targets import FAILURES, REQUESTS, SUCCESSES, Target
from foresight.slices.training import Trained, train

SLICES = ("01-B989BD", "02-3F0011")
CELLS, PERIODS = 12, 8
START = 1_767_225_600
"""2026-01-01 00:00 UTC."""


def make_recording() -> Recording:
    """The recording: quiet and busy cells, the same ids in both slices as cells have that serve both."""
    parts = [
        simulate(CELLS, PERIODS, seed, start=START, snssai=snssai) for seed, snssai in enumerate(SLICES, 7)
    ]
    whole = Recording(
        tuple(key for part in parts for key in part.keys),
        START,
        np.concatenate([part.counters for part in parts]),
        np.concatenate([part.configured for part in parts]),
    )
    whole.counters[CELLS:, -1, SUCCESSES] = np.rint(0.7 * whole.counters[CELLS:, -1, SUCCESSES])
    fewer = whole.counters[CELLS:, -1, REQUESTS] - whole.counters[CELLS:, -1, SUCCESSES]
    whole.counters[CELLS:, -1, FAILURES] = np.rint(0.92 * fewer)
    whole.configured[3] = np.nan
    whole.counters[8, -3] = np.nan
    whole.counters[12, -1, [REQUESTS, SUCCESSES, FAILURES]] = 0.0
    whole.counters[20, :, FAILURES] = np.nan
    return whole


def train_model() -> Trained:
    """The model: the published formula learnt from white noise and from days, judged on their last tenth."""
    noise, days = simulate(20, 2000, 1), simulate(20, 2000, 2, daily=True)
    both = replace(
        noise,
        keys=noise.keys + days.keys,
        counters=np.concatenate([noise.counters, days.counters]),
        configured=np.concatenate([noise.configured, days.configured]),
    )
    data = Dataset.of(both, Target.REFERENCE)
    return train(data, split_by_time(data))


def main() -> None:
    """Writes both files beside this one and says how the model was judged."""
    write_recording(make_recording(), RECORDING)
    trained = train_model()
    save_model(trained.model, MODEL)
    print(trained.verdict.reason)


if __name__ == "__main__":
    main()
