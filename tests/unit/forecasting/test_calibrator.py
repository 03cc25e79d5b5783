import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.forecasting.calibrator import SURE, UNTRAINED, CalibratorError, Network, shipped
from foresight.forecasting.features import CONTEXT, SIGNALS, Features

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def drawn(seed: int, n: int = 7, n_steps: int = 3) -> Features:
    rng = np.random.default_rng(seed)
    network = shipped()
    signals = network.signal_mean + 3 * network.signal_scale * rng.standard_normal((n, n_steps, len(SIGNALS)))
    context = network.context_mean + 2 * network.context_scale * rng.standard_normal((n, len(CONTEXT)))
    return Features(signals, context)


@given(st.integers(0, 10_000), st.integers(0, len(SIGNALS) - 1), st.floats(0, 50))
@settings(deadline=None, max_examples=80)
def test_the_shipped_one_rises_with_every_signal_whatever_the_context(seed, signal, more):
    before = drawn(seed)
    raised = before.signals.copy()
    raised[:, :, signal] += more
    after = shipped().log_odds(Features(raised, before.context))
    assert (after >= shipped().log_odds(before) - 1e-9).all()
    assert (np.abs(after) <= SURE).all()


def test_a_network_is_the_formula_written_out():
    network, features = shipped(), drawn(1, 2, 2)
    found = network.log_odds(features)
    for side in range(2):
        context = (features.context[side] - network.context_mean) / network.context_scale
        trunk = np.tanh(context @ network.trunk + network.trunk_bias)
        gate = np.log1p(np.exp(trunk @ network.gate + network.gate_bias))
        for step in range(2):
            signals = (features.signals[side, step] - network.signal_mean) / network.signal_scale * gate
            first = np.tanh(signals @ network.rise_1 + trunk @ network.shift_1 + network.shift_1_bias)
            second = np.tanh(first @ network.rise_2 + trunk @ network.shift_2 + network.shift_2_bias)
            logit = second @ network.rise_out + signals @ network.rise_skip + trunk @ network.out
            expected = np.clip(logit[0] + network.out_bias[0], -SURE, SURE)
            assert found[side, step] == pytest.approx(expected, abs=1e-9)


def test_written_and_read_again_it_has_the_same_bytes_and_the_same_answers():
    content = shipped().write()
    again = Network.read(content)
    assert content == again.write()
    np.testing.assert_array_equal(again.log_odds(drawn(2)), shipped().log_odds(drawn(2)))
    assert again.version.startswith("shipped-")


def test_a_cut_file_is_refused():
    content = shipped().write()
    for cut in (b"", content[: len(content) // 2], b"not an archive"):
        with pytest.raises(CalibratorError, match="cannot be read"):
            Network.read(cut)


def test_a_file_of_another_format_or_with_a_falling_weight_is_refused(monkeypatch):
    content = shipped().write()
    monkeypatch.setattr("foresight.forecasting.calibrator.FORMAT", 99)
    with pytest.raises(CalibratorError, match="format 1"):
        Network.read(content)
    monkeypatch.undo()
    import dataclasses

    falling = dataclasses.replace(shipped(), rise_1=-shipped().rise_1)
    with pytest.raises(CalibratorError, match="not monotone"):
        Network.read(falling.write())


def test_the_untrained_one_rises_with_its_views():
    before = drawn(3)
    raised = Features(before.signals + 1.0, before.context)
    assert (UNTRAINED.log_odds(raised) >= UNTRAINED.log_odds(before)).all()


def test_predictions_import_neither_scikit_learn_nor_tensorflow():
    code = (
        "import sys, numpy as np\n"
        "from foresight.forecasting.assessment import forecast_risk\n"
        "from foresight.forecasting.risk import Bounds\n"
        "x = np.random.default_rng(0).standard_normal((1, 720))\n"
        "forecast_risk(x, Bounds(np.zeros(1, int), np.array([-9.0]), np.array([2.0])))\n"
        "assert not {'sklearn', 'tensorflow', 'keras', 'torch'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
