"""The light network computes what its training library computes, for many rows as for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from foresight.errors import InvalidDocument
from foresight.slices.features import INPUTS, windows
from foresight.slices.keras_file import read_keras
from foresight.slices.network import NAMES, Card, Model, Network, Scaler, shapes_of
from foresight.slices.targets import Target
from tests.unit.slices.reference import FOLDER, recording


def network(units: int = 3, n_inputs: int = 24, dtype: str = "float64", seed: int = 1) -> Network:
    rng = np.random.default_rng(seed)
    return Network(
        *(rng.normal(0, 0.5, shape).astype(dtype) for shape in shapes_of(units, n_inputs).values())
    )


def one_by_one(net: Network, row: NDArray[np.float64]) -> float:
    """The textbook recurrence for one row ``[n_steps, n_inputs]``, gate by gate."""
    units = len(net.dense_kernel)
    hidden, cell = np.zeros(units), np.zeros(units)
    for values in row:
        gate = {}
        for place, name in enumerate(("input", "forget", "cell", "output")):
            part = slice(place * units, (place + 1) * units)
            total = values @ net.kernel[:, part] + hidden @ net.recurrent_kernel[:, part] + net.bias[part]
            gate[name] = np.tanh(total) if name == "cell" else 1 / (1 + np.exp(-total))
        cell = gate["forget"] * cell + gate["input"] * gate["cell"]
        hidden = gate["output"] * np.tanh(cell)
    return float(hidden @ net.dense_kernel[:, 0] + net.dense_bias[0])


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 4))
def test_many_rows_equal_the_textbook_recurrence_one_by_one(units: int, steps: int, n_rows: int) -> None:
    net = network(units, 7)
    rows = np.random.default_rng(2).normal(0, 2, (n_rows, steps, 7))
    np.testing.assert_allclose(net.run(rows), [one_by_one(net, row) for row in rows], atol=1e-12)


def test_huge_inputs_saturate_without_a_warning() -> None:
    assert np.isfinite(network().run(np.full((2, 24), 1e300))).all()


def test_the_published_network_with_its_scaler_refitted_gives_the_published_error() -> None:
    inputs, answers = windows(*recording(), Target.REFERENCE)
    rows, wanted = inputs.reshape(-1, 24), answers.ravel()
    cut = int(0.9 * len(wanted))
    scaler = Scaler.fitted(rows[:cut], wanted[:cut])
    model = Model(read_keras(FOLDER / "best_model.h5"), scaler, Card(Target.REFERENCE, (0, cut), ""))
    rmse = float(np.sqrt(np.mean((model.predict(rows[cut:]) - wanted[cut:]) ** 2)))
    configured = float(np.sqrt(np.mean((rows[cut:, INPUTS.index("configured[t]")] - wanted[cut:]) ** 2)))
    assert round(rmse, 2) == 1.79
    assert round(configured, 2) == 6.69


def test_a_scaler_maps_the_training_range_and_back() -> None:
    inputs, answers = windows(*recording(), Target.REFERENCE)
    rows, wanted = inputs[:, :200].reshape(-1, 24), answers[:, :200].ravel()
    scaler = Scaler.fitted(rows, wanted)
    assert np.abs(scaler.inputs(rows)).max() <= 1 + 1e-12
    np.testing.assert_allclose(scaler.unscaled(scaler.answers(wanted)), wanted)
    assert scaler.low[:4].tolist() == [rows[:, i:20:5].min() for i in range(4)]


def test_a_scaler_takes_the_range_of_the_answers_in_as_well() -> None:
    rows = np.random.default_rng(4).uniform(5, 6, (9, 24))
    scaler = Scaler.fitted(rows, np.array([1.0, 9.0]))
    assert (scaler.low[4], scaler.high[4]) == (1.0, 9.0)


def test_a_column_that_never_changed_is_scaled_without_a_division_by_zero() -> None:
    scaler = Scaler(np.full(5, 3.0), np.full(5, 3.0))
    assert np.isfinite(scaler.inputs(np.full((1, 24), 4.0))).all()


def test_a_row_with_a_missing_input_has_no_answer_and_harms_no_other() -> None:
    model = Model(network(), Scaler(np.zeros(5), np.ones(5)), Card(Target.REFERENCE, (0, 1), ""))
    rows = np.random.default_rng(3).uniform(0, 1, (3, 24))
    whole = model.predict(rows)
    rows[1, 5] = np.nan
    assert np.isnan(model.predict(rows)).tolist() == [False, True, False]
    np.testing.assert_array_equal(whole[[0, 2]], model.predict(rows)[[0, 2]])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spoilt", ["shape", "nan", "dtype"])
def test_weights_that_do_not_fit_are_refused_by_name(name: str, spoilt: str) -> None:
    weights = {other: getattr(network(), other) for other in NAMES}
    weight = weights[name].copy()
    if spoilt == "nan":
        weight.flat[0] = np.nan
    weights[name] = {"shape": weight[..., None], "nan": weight, "dtype": np.zeros(weight.shape, int)}[spoilt]
    with pytest.raises(ValueError, match=r"expected|units"):
        Network(**weights)


def test_a_model_for_other_features_is_refused() -> None:
    with pytest.raises(ValueError, match="other features"):
        Model(
            network(),
            Scaler(np.zeros(5), np.ones(5)),
            Card(Target.REFERENCE, (0, 1), "", inputs=tuple(reversed(INPUTS))),
        )
    with pytest.raises(ValueError, match="24 inputs"):
        Model(network(n_inputs=23), Scaler(np.zeros(5), np.ones(5)), Card(Target.REFERENCE, (0, 1), ""))


def spoil(path: Path, spoilt: str) -> None:
    import h5py

    with h5py.File(path, "r+") as file:
        layer = file["model_weights/dense/dense"]
        config = str(file.attrs["model_config"])
        if spoilt == "other activation":
            file.attrs["model_config"] = config.replace('"activation": "tanh"', '"activation": "relu"')
        elif spoilt == "other layers":
            file.attrs["model_config"] = config.replace('"LSTM"', '"Lambda"')
        elif spoilt == "no config":
            del file.attrs["model_config"]
        elif spoilt == "link":
            del layer["bias:0"]
            with h5py.File(path.with_name("other.h5"), "w") as other:
                other["x"] = np.zeros(1, "f4")
            layer["bias:0"] = h5py.ExternalLink("other.h5", "/x")
        elif spoilt == "huge":
            del layer["kernel:0"]
            layer.create_dataset("kernel:0", shape=(2**40, 1), dtype="f4", chunks=(1024, 1))
        elif spoilt == "outside":
            del layer["bias:0"]
            layer.create_dataset("bias:0", shape=(1,), dtype="f4", external=[("/etc/hostname", 0, 4)])


@pytest.mark.parametrize(
    "spoilt", ["other activation", "other layers", "no config", "link", "huge", "outside"]
)
def test_a_keras_file_that_does_not_fit_is_refused(tmp_path: Path, spoilt: str) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes((FOLDER / "best_model.h5").read_bytes())
    spoil(path, spoilt)
    with pytest.raises(InvalidDocument):
        read_keras(path)


@pytest.mark.parametrize("size", [0, 100, 5_000, 40_000])
def test_a_keras_file_that_is_cut_off_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes((FOLDER / "best_model.h5").read_bytes()[:size])
    with pytest.raises(InvalidDocument):
        read_keras(path)
