"""One contract for every runtime: how to add one is told in `foresight.scoring.model`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import foresight.scoring
from foresight.scoring.errors import InvalidMapping, InvalidModel, UnsupportedModel
from foresight.scoring.kinds import ENDINGS, KINDS, kind_of, load_model
from foresight.scoring.mapping import read_mapping
from foresight.scoring.model import ScoringModel
from foresight.scoring.records import RecordScorer
from tests.unit.scoring.strangers import keras_network, onnx_regression, regression, skops_bytes

EXAMPLE = Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml"
MODELS: dict[str, Callable[[], bytes]] = {
    "pmml": EXAMPLE.read_bytes,
    "onnx": onnx_regression,
    "sklearn": lambda: skops_bytes(regression()),
    "keras": lambda: keras_network()[1],
}
"""A classifier with four numbers in, by kind."""


def test_every_kind_has_a_model_in_this_contract() -> None:
    assert set(MODELS) == set(KINDS)


@pytest.fixture(params=sorted(MODELS), scope="module")
def model(request: pytest.FixtureRequest) -> ScoringModel:
    return load_model(MODELS[request.param](), request.param)


def _columns(model: ScoringModel, n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {field.name: rng.uniform(0.1, 7.0, n) for field in model.signature.inputs}


def test_a_model_says_what_goes_in_and_what_comes_out(model: ScoringModel) -> None:
    assert model.kind in KINDS
    assert len(model.signature.inputs) == 4
    assert model.signature.outputs
    assert all(field.is_mandatory for field in model.signature.inputs)


@pytest.mark.parametrize("n", [0, 1, 7, 5000])
def test_every_output_has_a_value_for_each_record(model: ScoringModel, n: int) -> None:
    scored = model.predict(_columns(model, n))
    for out in model.signature.outputs:
        assert scored.columns[out.name].shape == (n,)
    assert scored.errors == {}
    assert len(scored.records([out.name for out in model.signature.outputs])) == n


def test_many_are_one_by_one(model: ScoringModel) -> None:
    columns = _columns(model, 40)
    names = [out.name for out in model.signature.outputs]
    many = model.predict(columns).records(names)
    single = [
        model.predict({k: v[i : i + 1] for k, v in columns.items()}).records(names)[0] for i in range(40)
    ]
    for one, other in zip(many, single, strict=True):
        # Products of matrices may round the last digit of single precision otherwise.
        assert one == {
            name: pytest.approx(value, rel=1e-5, abs=1e-7) if isinstance(value, float) else value
            for name, value in other.items()
        }


def test_a_list_feeds_all_inputs_in_their_order(model: ScoringModel) -> None:
    named = RecordScorer(model, read_mapping(None, model.signature))
    mapping = read_mapping([{"model_field": "__array__", "tuple_field": "a"}], model.signature)
    by_list = RecordScorer(model, mapping)
    values = [5.1, 3.5, 1.4, 0.2]
    record = dict(zip((field.name for field in model.signature.inputs), values, strict=True))
    assert by_list.score_one({"a": values})["Prediction"] == named.score_one(record)["Prediction"]
    found, bad = by_list.score([{"a": values}, {"a": values[:3]}, {"a": None}, {"a": values}])
    assert bad == [1, 2]
    assert found[0]["Prediction"] == pytest.approx(found[3]["Prediction"])


def test_a_bad_record_among_good_ones_is_set_aside_before_the_model(model: ScoringModel) -> None:
    scorer = RecordScorer(model, read_mapping(None, model.signature))
    names = [field.name for field in model.signature.inputs]
    good = dict.fromkeys(names, 1.5)
    found, bad = scorer.score([good, {**good, names[3]: None}, {**good, names[2]: "wide"}, good])
    assert bad == [1, 2]
    assert names[3] in found[1]["PredictionError"]
    assert names[2] in found[2]["PredictionError"]


def test_columns_of_different_lengths_are_refused(model: ScoringModel) -> None:
    columns = _columns(model, 3)
    columns[model.signature.inputs[0].name] = np.zeros(2)
    with pytest.raises(InvalidMapping, match="lengths"):
        model.predict(columns)


def test_inputs_are_left_as_they_were(model: ScoringModel) -> None:
    columns = _columns(model, 10)
    before = {name: values.copy() for name, values in columns.items()}
    model.predict(columns)
    for name, values in before.items():
        np.testing.assert_array_equal(values, columns[name])


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("data", [b"", b"\x00" * 1000, b"not a model", EXAMPLE.read_bytes()[:1500]])
def test_what_is_no_model_is_refused(kind: str, data: bytes) -> None:
    with pytest.raises(InvalidModel):
        load_model(data, kind)


def test_the_ending_of_a_file_says_its_kind(tmp_path: Path) -> None:
    assert {kind_of(f"a/b.C{ending.upper()}") for ending in ENDINGS} == set(KINDS)
    assert load_model(EXAMPLE).kind == "pmml"
    (tmp_path / "model.onnx").write_bytes(onnx_regression())
    assert load_model(str(tmp_path / "model.onnx")).kind == "onnx"


@pytest.mark.parametrize(
    ("file", "complaint"),
    [("m.pkl", "runs code"), ("m.JOBLIB", "runs code"), ("m.pb", "SavedModel"), ("m.txt", "names no kind"),
     ("m", "names no kind")],
)  # fmt: skip
def test_a_file_of_no_kind_is_refused(file: str, complaint: str) -> None:
    with pytest.raises(UnsupportedModel, match=complaint):
        kind_of(file)


def test_loading_one_kind_imports_no_other() -> None:
    code = (
        "import sys; from foresight.scoring.kinds import load_model; "
        f"load_model({str(EXAMPLE)!r}); "
        "print(*sorted({'tensorflow', 'keras', 'onnxruntime', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_kind_that_nobody_has_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match="pickle"):
        load_model(b"", "pickle")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match="no file"):
        load_model(tmp_path / "none.pmml")
