"""What ships to be shown: a model that earns its place, a recording that its script makes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from foresight.slices.dataset import Dataset, split_by_time
from foresight.slices.examples import MODEL, RECORDING
from foresight.slices.examples.make import make_recording
from foresight.slices.model_file import load_model
from foresight.slices.recording import simulate
from foresight.slices.replay import read_recording
from foresight.slices.targets import Target
from foresight.slices.training import judged

LIGHT = """
import sys
import foresight.demo.slices
import foresight.orchestration.slices.prediction
from foresight.slices.examples import MODEL
from foresight.slices.model_file import load_model
import numpy as np
load_model(MODEL).predict(np.full((3, 24), 100.0))
print(sorted({"keras", "tensorflow"} & set(sys.modules)))
"""


def test_the_shipped_model_earns_its_place_on_periods_that_it_never_saw() -> None:
    data = Dataset.of(simulate(11, 1000, seed=3), Target.REFERENCE)
    verdict = judged(load_model(MODEL), data, split_by_time(data)).verdict
    assert verdict.is_promoted, verdict.reason
    assert verdict.score.rmse < 0.5


def test_the_shipped_recording_is_the_one_that_its_script_makes() -> None:
    made, found = make_recording(), read_recording(RECORDING)
    assert (found.keys, found.start) == (made.keys, made.start)
    np.testing.assert_array_equal(found.counters, made.counters)
    np.testing.assert_array_equal(found.configured, made.configured)


def test_neither_predictions_nor_the_demo_load_the_training_library() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LIGHT], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
