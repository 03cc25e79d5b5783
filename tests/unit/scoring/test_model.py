"""One contract for every runtime: how to add one is told in `foresight.scoring.model`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import foresight.scoring
from foresight.scoring.errors import InvalidMapping, InvalidModel, UnsupportedModel
from foresight.scoring.model import KINDS, ScoringModel, load_model

EXAMPLE = Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml"
MODELS = {"pmml": EXAMPLE}
"""A classifier with four numbers in, by kind."""


def test_every_kind_has_a_model_in_this_contract() -> None:
    assert set(MODELS) == set(KINDS)


@pytest.fixture(params=sorted(MODELS))
def model(request: pytest.FixtureRequest) -> ScoringModel:
    return load_model(MODELS[request.param], request.param)


def _columns(model: ScoringModel, n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {field.name: rng.uniform(0.1, 7.0, n) for field in model.signature.inputs}


def test_a_model_says_what_goes_in_and_what_comes_out(model: ScoringModel) -> None:
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
    assert many == single


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


def test_a_kind_that_nobody_has_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match="pickle"):
        load_model(b"", "pickle")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match="no file"):
        load_model(tmp_path / "none.pmml")
