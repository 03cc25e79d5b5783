"""What a model must show before it is stored: each record by itself, the same answer each time, in bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

import foresight.scoring
from foresight.scoring import trial
from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.kinds import load_model
from foresight.scoring.model import Bounds, InputField
from foresight.scoring.rehearsal import covering, rehearse
from tests.unit.scoring.strangers import onnx_constant, onnx_graph, onnx_regression, onnx_value

EXAMPLE = Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml"
node = helper.make_node


def graph(
    *nodes: Any, initial: tuple[Any, ...] = (), shape: tuple[Any, ...] = (None, 4), **more: Any
) -> bytes:
    return onnx_graph(list(nodes), [onnx_value("Y", shape=list(shape))], *initial, **more)


def test_a_model_that_scores_each_record_by_itself_passes() -> None:
    rehearse(load_model(onnx_regression(), "onnx"))
    rehearse(load_model(EXAMPLE.read_bytes(), "pmml"))


@pytest.mark.parametrize(
    "nodes",
    [
        [node("ReduceMean", ["X", "first"], ["m"], keepdims=1), node("Sub", ["X", "m"], ["Y"])],
        [node("Softmax", ["X"], ["Y"], axis=0)],
        [node("CumSum", ["X", "zero"], ["Y"])],
        [node("Gather", ["X", "first"], ["g"]), node("Sub", ["X", "g"], ["Y"])],
    ],
)
def test_a_model_that_mixes_records_is_refused(nodes: list[Any]) -> None:
    data = graph(*nodes, initial=(onnx_constant("first", 0), onnx_constant("zero", 0)))
    with pytest.raises(InvalidModel, match=r"output Y\[\d\] is .* alone and .* beside others"):
        rehearse(load_model(data, "onnx"))


def test_a_model_that_throws_dice_is_refused() -> None:
    with pytest.raises(InvalidModel, match="without chance"):
        rehearse(load_model(graph(node("RandomNormalLike", ["X"], ["Y"])), "onnx"))


def test_a_class_without_scores_must_be_the_same_in_any_company() -> None:
    nodes = [
        node("ReduceMean", ["X", "first"], ["m"], keepdims=1),
        node("Sub", ["X", "m"], ["d"]),
        node("ArgMax", ["d"], ["Y"], axis=1, keepdims=0),
    ]
    data = onnx_graph(nodes, [onnx_value("Y", TensorProto.INT64)], onnx_constant("first", 0))
    with pytest.raises(InvalidModel, match="output Y is"):
        rehearse(load_model(data, "onnx"))


def test_a_model_that_takes_one_record_although_it_says_any_is_refused() -> None:
    data = graph(node("Reshape", ["X", "shape"], ["Y"]), initial=(onnx_constant("shape", 1, 4),))
    with pytest.raises(InvalidModel, match=r"one by one, but not \d+ at once"):
        rehearse(load_model(data, "onnx"))


def test_a_batch_fixed_to_one_is_scored_record_by_record() -> None:
    nodes = [node("ReduceMean", ["X", "first"], ["m"], keepdims=1), node("Add", ["X", "m"], ["Y"])]
    one = helper.make_tensor_value_info("X", TensorProto.FLOAT, [1, 4])
    model = load_model(
        graph(*nodes, initial=(onnx_constant("first", 0),), shape=(1, 4), inputs=[one]), "onnx"
    )
    rehearse(model)
    values = np.arange(12.0).reshape(3, 4)
    scored = model.predict({f"X[{i}]": values[:, i] for i in range(4)})
    np.testing.assert_allclose(scored.columns["Y[3]"], 2 * values[:, 3])
    wrong = model.predict({f"X[{i}]": np.array([1.0, np.nan, 2.0]) for i in range(4)})
    assert list(wrong.errors) == [1]
    assert wrong.columns["Y[0]"][[0, 2]].tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        ("ConstantOfShape", ["n"]),
        ("Expand", ["X", "n"]),
        ("Tile", ["X", "n"]),
        ("Range", ["zero", "n0", "one"]),
    ],
)
def test_an_array_as_large_as_a_record_says_is_refused_by_its_operator(op: str, inputs: list[str]) -> None:
    given = [onnx_value("X", shape=[None, 1]), onnx_value("k", TensorProto.FLOAT, [None])]
    nodes = [node("Cast", ["k"], ["n"], to=TensorProto.INT64), node("Squeeze", ["n"], ["n0"]),
             node(op, inputs, ["big"]), node("Cast", ["big"], ["f"], to=TensorProto.FLOAT),
             node("ReduceSum", ["f"], ["sum"], keepdims=0), node("Add", ["X", "sum"], ["Y"])]  # fmt: skip
    data = graph(
        *nodes, initial=(onnx_constant("zero", 0), onnx_constant("one", 1)), shape=(None, 1), inputs=given
    )
    with pytest.raises(UnsupportedModel, match=f"operator {op} makes an array as large as 'n"):
        load_model(data, "onnx")


def test_an_array_as_large_as_the_bundle_is_fine() -> None:
    nodes = [
        node("Shape", ["X"], ["s"]),
        node("ConstantOfShape", ["s"], ["z"]),
        node("Add", ["X", "z"], ["Y"]),
    ]
    rehearse(load_model(graph(*nodes), "onnx"))


def test_a_size_from_a_record_is_found_inside_of_a_branch_too() -> None:
    inner = [node("Cast", ["X"], ["n"], to=TensorProto.INT64), node("Squeeze", ["n"], ["m"]),
             node("ConstantOfShape", ["m"], ["big"])]  # fmt: skip
    branch = helper.make_graph(inner, "branch", [], [onnx_value("big")])
    nodes = [node("ReduceSum", ["X"], ["t"], keepdims=0), node("Cast", ["t"], ["b"], to=TensorProto.BOOL),
             node("If", ["b"], ["Y"], then_branch=branch, else_branch=branch)]  # fmt: skip
    with pytest.raises(UnsupportedModel, match="operator ConstantOfShape"):
        load_model(graph(*nodes), "onnx")


def test_a_model_that_fails_over_some_records_passes() -> None:
    """A look-up knows ten places; a record with another one is bad, and the model is not."""
    given = [onnx_value("k", TensorProto.INT64, [None])]
    table = (onnx_constant("table", *range(10)),)
    data = onnx_graph(
        [node("Gather", ["table", "k"], ["Y"])], [onnx_value("Y", TensorProto.INT64)], *table, inputs=given
    )
    rehearse(load_model(data, "onnx"))


PMML = """<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header/>
<DataDictionary><DataField name="x" optype="continuous" dataType="double"/>
<DataField name="y" optype="continuous" dataType="double"/></DataDictionary>
<RegressionModel functionName="regression"><MiningSchema><MiningField name="x"/>
<MiningField name="y" usageType="target"/></MiningSchema>{output}
<RegressionTable intercept="1"><NumericPredictor name="x" coefficient="2"/></RegressionTable>
</RegressionModel></PMML>"""


def test_a_prediction_that_is_too_long_is_refused_for_pmml_too() -> None:
    fields = "".join(
        f'<OutputField name="out{i}" optype="continuous" dataType="double" feature="predictedValue"/>'
        for i in range(9000)
    )
    data = PMML.format(output=f"<Output>{fields}</Output>").encode()
    with pytest.raises(InvalidModel, match="9000 outputs, more than the 1000 allowed"):
        trial.try_out(data, "pmml")
    trial.try_out(PMML.format(output="").encode(), "pmml")


def test_generated_records_cover_the_signature() -> None:
    inputs = [
        InputField("colour", "string", values=tuple(f"c{i}" for i in range(30))),
        InputField("share", "double", bounds=(Bounds(0.0, 1.0),)),
        InputField("count", "integer", is_mandatory=False, bounds=(Bounds(-128.0, 127.0),)),
        InputField("flag", "boolean"),
    ]
    records = covering(inputs)
    assert {record["colour"] for record in records} == set(inputs[0].values)
    assert {record["share"] for record in records} >= {0.0, 1.0, 0.5}
    assert all(0 <= record["share"] <= 1 for record in records)
    assert {record["count"] for record in records} >= {-128, 127, None}
    assert {record["flag"] for record in records} == {True, False}
