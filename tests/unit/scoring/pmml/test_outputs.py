"""Outputs of all model types: entities, shares, display values, residuals, reasons."""

# ruff: noqa: E501 (pieces of documents read better in one line)
from __future__ import annotations

from typing import Any

import pytest

from tests.unit.scoring.pmml.documents import NUMBER, TEXT, classes, fields, model, one, schema, score

PREDICTED = '<OutputField name="label" feature="predictedValue"/>'


def output(*features: str) -> str:
    """An Output with the prediction and one field for each feature, named o0, o1, …"""
    rows = "".join(f'<OutputField name="o{i}" {feature}/>' for i, feature in enumerate(features))
    return f"<Output>{PREDICTED}{rows}</Output>"


def test_a_value_is_shown_as_the_dictionary_says() -> None:
    target = TEXT + '><Value value="a" displayValue="Alpha"/><Value value="b"/>'
    tables = '<RegressionTable targetCategory="a" intercept="0"><NumericPredictor name="x" coefficient="1"/></RegressionTable><RegressionTable targetCategory="b" intercept="0"/>'
    loaded = model(
        fields(x=NUMBER, y=target),
        f'<RegressionModel functionName="classification" normalizationMethod="softmax">{schema("x", target="y")}'
        + output('feature="predictedDisplayValue"')
        + f"{tables}</RegressionModel>",
    )
    assert [one(loaded, "o0", {"x": x}) for x in (1, -1)] == ["Alpha", "b"]


def test_the_entity_of_a_network_is_the_neuron_that_wins() -> None:
    inputs = '<NeuralInputs><NeuralInput id="in"><DerivedField optype="continuous" dataType="double"><FieldRef field="x"/></DerivedField></NeuralInput></NeuralInputs>'
    layer = '<NeuralLayer><Neuron id="up"><Con from="in" weight="1"/></Neuron><Neuron id="down"><Con from="in" weight="-1"/></Neuron></NeuralLayer>'
    outputs = "".join(
        f'<NeuralOutput outputNeuron="{n}"><DerivedField optype="categorical" dataType="string"><NormDiscrete field="y" value="{v}"/></DerivedField></NeuralOutput>'
        for n, v in (("up", "a"), ("down", "b"))
    )
    loaded = model(
        fields(x=NUMBER, y=classes("a", "b")),
        f'<NeuralNetwork functionName="classification" activationFunction="identity">{schema("x", target="y")}'
        + output('feature="entityId"')
        + f"{inputs}{layer}<NeuralOutputs>{outputs}</NeuralOutputs></NeuralNetwork>",
    )
    assert [one(loaded, "o0", {"x": x}) for x in (1, -1, None)] == ["up", "down", None]


@pytest.mark.parametrize(
    ("method", "wanted"), [("selectFirst", ["low", "rest"]), ("modelChain", ["rest", "rest"])]
)
def test_the_entity_of_segments_is_the_one_that_answers(method: str, wanted: list[str]) -> None:
    def segment(name: str, when: str, value: float) -> str:
        inner = f'<RegressionModel functionName="regression">{schema("x", target="y")}<RegressionTable intercept="{value}"/></RegressionModel>'
        return f'<Segment id="{name}">{when}{inner}</Segment>'

    below = '<SimplePredicate field="x" operator="lessThan" value="0"/>'
    loaded = model(
        fields(x=NUMBER, y=NUMBER),
        f'<MiningModel functionName="regression">{schema("x", target="y")}'
        + output('feature="entityId"', 'feature="predictedValue" segmentId="low"')
        + f'<Segmentation multipleModelMethod="{method}">{segment("low", below, 1)}{segment("rest", "<True/>", 2)}</Segmentation></MiningModel>',
    )
    assert wanted == [one(loaded, "o0", {"x": x}) for x in (-1, 1)]
    assert [one(loaded, "o1", {"x": x}) for x in (-1, 1)] == [1.0, None]


def test_votes_of_machines_are_shares() -> None:
    pairs = [("a", "b", -1.0), ("a", "c", -1.0), ("b", "c", 1.0)]
    machines = "".join(
        f'<SupportVectorMachine targetCategory="{s}" alternateTargetCategory="{t}"><SupportVectors/><Coefficients absoluteValue="{bias}"/></SupportVectorMachine>'
        for s, t, bias in pairs
    )
    loaded = model(
        fields(x=NUMBER, y=classes("a", "b", "c")),
        f'<SupportVectorMachineModel functionName="classification" classificationMethod="OneAgainstOne">{schema("x", target="y")}'
        + output('feature="probability"', *(f'feature="probability" value="{c}"' for c in "bc"))
        + '<LinearKernelType/><VectorDictionary><VectorFields><FieldRef field="x"/></VectorFields></VectorDictionary>'
        + f"{machines}</SupportVectorMachineModel>",
    )
    found = [one(loaded, name, {"x": 1}) for name in ("label", "o0", "o1", "o2")]
    assert ["a", pytest.approx(2 / 3), 0, pytest.approx(1 / 3)] == found


@pytest.mark.parametrize(("actual", "wanted"), [([5.0], 2.0), (None, None)])
def test_a_residual_needs_the_actual_value(actual: Any, wanted: float | None) -> None:
    loaded = model(
        fields(x=NUMBER, y=NUMBER),
        f'<RegressionModel functionName="regression">{schema("x", target="y")}'
        + output('feature="residual"')
        + '<RegressionTable intercept="3"/></RegressionModel>',
    )
    given = {} if actual is None else {"y": actual}
    assert wanted == score(loaded, x=[1.0], **given).records(["o0"])[0]["o0"]


def test_reasons_of_equal_weight_stand_in_the_order_of_the_card_in_any_company() -> None:
    def attribute(predicate: str, code: str) -> str:
        return f'<Attribute partialScore="10" reasonCode="{code}">{predicate}</Attribute>'

    missing = '<SimplePredicate field="{}" operator="isMissing"/>'
    first = attribute(missing.format("x"), "GAP") + attribute("<True/>", "X")
    second = attribute(missing.format("z"), "GAP") + attribute("<True/>", "Z")
    rows = "".join(
        f'<Characteristic name="{n}" baselineScore="15">{a}</Characteristic>'
        for n, a in (("x", first), ("z", second))
    )
    loaded = model(
        fields(x=NUMBER, z=NUMBER, y=NUMBER),
        f'<Scorecard functionName="regression" reasonCodeAlgorithm="pointsBelow">{schema("x", "z", target="y")}'
        + output(*(f'feature="reasonCode" rank="{i}"' for i in (1, 2)))
        + f"<Characteristics>{rows}</Characteristics></Scorecard>",
    )
    together = score(loaded, x=[None, 1.0, 1.0], z=[1.0, None, 1.0]).records(["o0", "o1"])
    assert [[r["o0"], r["o1"]] for r in together] == [["GAP", "Z"], ["X", "GAP"], ["X", "Z"]]
