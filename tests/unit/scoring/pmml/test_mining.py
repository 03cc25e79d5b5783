"""MiningModel: every method, segments that do not apply, predictions that are missing, chains."""

# ruff: noqa: E501 (pieces of documents read better in one line)
from __future__ import annotations

import numpy as np
import pytest

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.pmml.forest import Forest
from foresight.scoring.pmml.mining import Ensemble
from foresight.scoring.pmml.runtime import PmmlModel
from tests.unit.scoring.pmml.documents import NUMBER, classes, column, fields, model, one, schema, score

FIELDS = fields(x=NUMBER, w=NUMBER, y=NUMBER)
NAMES = schema("x", "w", target="y")


def constant(value: float, predicate: str = "<True/>", more: str = "") -> str:
    return (
        f'<Segment {more}>{predicate}<RegressionModel functionName="regression">{NAMES}'
        f'<RegressionTable intercept="{value}"/></RegressionModel></Segment>'
    )


def of_x(more: str = "", predicate: str = "<True/>") -> str:
    return (
        f'<Segment {more}>{predicate}<RegressionModel functionName="regression">{NAMES}<RegressionTable intercept="0">'
        '<NumericPredictor name="x" coefficient="1"/></RegressionTable></RegressionModel></Segment>'
    )


def mining(
    method: str,
    segments: str,
    more: str = "",
    function: str = "regression",
    dictionary: str = FIELDS,
    outputs: str = "",
) -> PmmlModel:
    text = (
        f'<MiningModel functionName="{function}">{NAMES}{outputs}<Segmentation multipleModelMethod="{method}" {more}>'
        f"{segments}</Segmentation></MiningModel>"
    )
    return model(dictionary, text)


VALUES = [constant(v, more=f'weight="{w}"') for v, w in ((1, 1), (2, 1), (10, 2), (4, 0.5))]


@pytest.mark.parametrize(
    ("method", "wanted"),
    [("average", 17 / 4), ("weightedAverage", 25 / 4.5), ("sum", 17.0), ("weightedSum", 25.0), ("median", 3.0),
     ("weightedMedian", 4.0), ("max", 10.0), ("selectFirst", 1.0), ("modelChain", 4.0)],
)  # fmt: skip
def test_numbers_are_joined(method: str, wanted: float) -> None:
    assert wanted == pytest.approx(one(mining(method, "".join(VALUES)), "y", {"x": 0}))


def test_a_segment_counts_only_where_its_predicate_is_true() -> None:
    when = '<SimplePredicate field="x" operator="greaterThan" value="0"/>'
    loaded = mining("average", constant(1) + constant(3, when))
    assert [one(loaded, "y", {"x": x}) for x in (-1, 1, None)] == [1.0, 2.0, 1.0]


def test_without_a_segment_that_applies_there_is_no_prediction() -> None:
    loaded = mining("average", constant(3, "<False/>"))
    assert one(loaded, "y", {"x": 1}) is None


def test_the_first_segment_that_applies_to_a_record_answers_in_any_company() -> None:
    below = '<SimplePredicate field="x" operator="lessThan" value="{}"/>'
    loaded = mining("selectFirst", constant(1, below.format(0)) + constant(2, below.format(5)))
    found = score(loaded, x=[-1, 3, 9, None, -5]).columns["y"]
    assert [None if np.isnan(v) else v for v in found] == [1.0, 2.0, None, None, 1.0]


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ("", None),
        ('missingPredictionTreatment="continue"', None),
        ('missingPredictionTreatment="returnMissing"', None),
        ('missingPredictionTreatment="skipSegment"', 2.0),
        ('missingPredictionTreatment="skipSegment" missingThreshold="0.2"', None),
    ],
)
def test_a_missing_prediction_of_a_segment_is_treated_as_the_model_says(
    more: str, wanted: float | None
) -> None:
    loaded = mining("average", constant(1) + constant(3) + of_x(), more)
    assert wanted == one(loaded, "y", {"x": None})


VOTERS = ("a", "b", "b", "c")


def tree(
    label: str, more: str = "", when: str = "<True/>", inner: str = "<True/>", share: float = 0.8
) -> str:
    names = schema("x", "w", target="y")
    rows = "".join(
        f'<ScoreDistribution value="{v}" recordCount="{share if v == label else (1 - share) / 2}"/>'
        for v in "abc"
    )
    return (
        f'<Segment {more}>{when}<TreeModel functionName="classification">{names}<Node score="{label}">{inner}{rows}</Node>'
        "</TreeModel></Segment>"
    )


def voting(method: str, segments: str, more: str = "") -> PmmlModel:
    return mining(
        method, segments, more, "classification", fields(x=NUMBER, w=NUMBER, y=classes("a", "b", "c"))
    )


@pytest.mark.parametrize(
    ("method", "weights", "label", "share"),
    [
        ("majorityVote", (1, 1, 1, 1), "b", 2 / 4),
        ("majorityVote", (9, 1, 1, 1), "b", 2 / 4),
        ("weightedMajorityVote", (9, 1, 1, 1), "a", 9 / 12),
        ("average", (1, 1, 1, 1), "b", (0.8 * 2 + 0.2) / 4),
        ("weightedAverage", (9, 1, 1, 1), "a", (0.8 * 9 + 0.3) / 12),
        ("median", (1, 1, 1, 1), "b", (0.1 + 0.8) / 2),
        ("max", (1, 1, 1, 1), "a", 0.8),
    ],
)
def test_classes_are_joined(method: str, weights: tuple[float, ...], label: str, share: float) -> None:
    segments = "".join(tree(v, f'weight="{w}"') for v, w in zip(VOTERS, weights, strict=True))
    scored = score(voting(method, segments), x=[0])
    assert label == scored.columns["y"][0]
    assert share == pytest.approx(scored.columns[f"probability({label})"][0])


def test_the_median_of_classes_is_the_answer_of_the_model_in_the_middle() -> None:
    segments = tree("a", share=0.9) + tree("a", share=0.6) + tree("b", share=0.4)
    scored = score(voting("median", segments), x=[0])
    found = [scored.columns[f"probability({c})"][0] for c in "abc"]
    assert pytest.approx(found) == [0.6, 0.2, 0.2]


def test_votes_that_are_missing_may_outvote_the_others() -> None:
    lost = '<SimplePredicate field="x" operator="greaterThan" value="0"/>'
    segments = tree("a") + tree("b", inner=lost) + tree("b", inner=lost)
    assert voting("majorityVote", segments) is not None
    assert one(voting("majorityVote", segments), "y", {"x": -1}) is None
    assert (
        one(voting("majorityVote", segments, 'missingPredictionTreatment="skipSegment"'), "y", {"x": -1})
        == "a"
    )
    assert (
        one(voting("majorityVote", segments, 'missingPredictionTreatment="returnMissing"'), "y", {"x": -1})
        is None
    )
    assert one(voting("majorityVote", segments), "y", {"x": 1}) == "b"


@pytest.mark.parametrize("method", ["majorityVote", "weightedMajorityVote", "average", "weightedAverage"])
def test_a_forest_and_its_segments_agree(method: str) -> None:
    def split(a: str, b: str, at: float, weight: float) -> str:
        rows = "".join(
            f'<ScoreDistribution value="{v}" recordCount="{n}"/>'
            for v, n in zip("abc", (5, 3, 2), strict=True)
        )
        below = (
            f'<Node score="{a}"><SimplePredicate field="x" operator="lessOrEqual" value="{at}"/>{rows}</Node>'
        )
        above = f'<Node score="{b}"><SimplePredicate field="w" operator="greaterThan" value="{at}"/></Node>'
        body = f'<TreeModel functionName="classification">{NAMES}<Node score="c"><True/>{below}{above}</Node></TreeModel>'
        return f'<Segment weight="{weight}"><True/>{body}</Segment>'

    segments = "".join(
        split(a, b, at, w) for a, b, at, w in [("a", "b", 0, 1), ("b", "c", 1, 2), ("c", "a", -1, 0.5)]
    )
    loaded = voting(method, segments)
    forest = loaded._document.model.algorithm
    assert isinstance(forest, Forest)
    assert isinstance(forest.segments, Ensemble)
    rng = np.random.default_rng(5)
    columns = {
        "x": column([*rng.normal(size=50).tolist(), None]),
        "w": column([*rng.normal(size=50).tolist(), 0.5]),
    }
    fast = loaded.predict(columns)
    loaded._document.model.algorithm = forest.segments
    slow = loaded.predict(columns)
    assert fast.columns["y"].tolist() == slow.columns["y"].tolist()
    for label in "abc":
        name = f"probability({label})"
        np.testing.assert_allclose(fast.columns[name], slow.columns[name], rtol=1e-14)


def chain(second: str, outputs: str = "") -> PmmlModel:
    first = of_x('id="1"').replace(
        "<RegressionTable",
        '<Output><OutputField name="middle" feature="predictedValue" dataType="double"/></Output><RegressionTable',
        1,
    )
    return mining("modelChain", first + second, outputs=outputs)


TWICE = (
    '<Segment id="2">{}<RegressionModel functionName="regression"><MiningSchema><MiningField name="middle"/>'
    '<MiningField name="y" usageType="target"/></MiningSchema><RegressionTable intercept="1"><NumericPredictor name="middle" coefficient="2"/>'
    "</RegressionTable></RegressionModel></Segment>"
)


def test_a_chain_hands_outputs_on() -> None:
    assert one(chain(TWICE.format("<True/>")), "y", {"x": 3}) == 7.0


def test_a_segment_of_a_chain_may_ask_for_what_came_before() -> None:
    loaded = chain(TWICE.format('<SimplePredicate field="middle" operator="greaterThan" value="0"/>'))
    wanted = [{"y": 7.0, "middle": 3.0}, {"y": None, "middle": -3.0}]
    assert score(loaded, x=[3, -3]).records(["y", "middle"]) == wanted


def test_an_output_of_a_segment_can_be_handed_out() -> None:
    outputs = (
        '<Output><OutputField name="first" feature="predictedValue" segmentId="1"/>'
        '<OutputField name="half" feature="transformedValue" dataType="double"><Apply function="/">'
        '<FieldRef field="middle"/><Constant dataType="double">2</Constant></Apply></OutputField></Output>'
    )
    first = of_x('id="1"').replace(
        "<RegressionTable",
        '<Output><OutputField name="middle" feature="predictedValue" dataType="double"/></Output><RegressionTable',
        1,
    )
    text = f'<MiningModel functionName="regression">{NAMES}<Segmentation multipleModelMethod="modelChain">{first}{TWICE.format("<True/>")}</Segmentation>{outputs}</MiningModel>'
    scored = score(model(FIELDS, text), x=[3])
    assert [scored.columns[name][0] for name in ("first", "half", "y")] == [3.0, 1.5, 7.0]


def test_a_segment_may_replace_what_is_missing_for_itself_only() -> None:
    inner = of_x().replace('<MiningField name="x" />', '<MiningField name="x" missingValueReplacement="5"/>')
    assert inner != of_x()
    loaded = mining("average", inner + of_x(), 'missingPredictionTreatment="skipSegment"')
    assert one(loaded, "y", {"x": None}) == 5.0


def test_a_forest_gives_up_to_the_general_way_where_the_target_is_rescaled() -> None:
    text = (
        '<MiningModel functionName="regression">'
        + NAMES
        + '<Targets><Target field="y" rescaleConstant="10" rescaleFactor="2"/></Targets>'
        '<Segmentation multipleModelMethod="sum">'
        + "".join(
            f'<Segment><True/><TreeModel functionName="regression">{NAMES}<Node score="{v}"><True/></Node></TreeModel></Segment>'
            for v in (1, 2)
        )
        + "</Segmentation></MiningModel>"
    )
    assert one(model(FIELDS, text), "y", {"x": 0}) == 16.0


@pytest.mark.parametrize(
    ("method", "segments", "reason"),
    [
        ("magic", constant(1), "magic"),
        ("average", "", "Segment"),
        ("majorityVote", constant(1), "classes"),
        ("average", "<Segment><True/><TimeSeriesModel/></Segment>", "TimeSeriesModel"),
        ("average", "<Segment><True/></Segment>", "model"),
    ],
)
def test_an_ensemble_that_cannot_be_is_refused(method: str, segments: str, reason: str) -> None:
    with pytest.raises(InvalidModel, match=reason):
        mining(method, segments)


@pytest.mark.parametrize(
    "name",
    ["AssociationModel", "TimeSeriesModel", "TextModel", "BayesianNetworkModel"],
)
def test_a_model_type_that_is_not_supported_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnsupportedModel, match=name) as caught:
        model(FIELDS, f'<{name} functionName="regression">{NAMES}</{name}>')
    assert name == caught.value.element


def test_a_composition_of_old_documents_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedModel, match="DecisionTree"):
        model(FIELDS, f'<MiningModel functionName="regression">{NAMES}<DecisionTree/></MiningModel>')


@pytest.mark.parametrize("version", ["2.1", "5.0", "", "1"])
def test_other_versions_are_refused(version: str) -> None:
    with pytest.raises(UnsupportedModel, match="version"):
        model(FIELDS, "<TreeModel/>", version=version)


def part(target: str, weight: int, when: str = "<True/>") -> str:
    inner = f'<RegressionModel functionName="regression">{schema("x", target=target)}<RegressionTable intercept="0"><NumericPredictor name="x" coefficient="{weight}"/></RegressionTable></RegressionModel>'
    return f"<Segment>{when}{inner}</Segment>"


@pytest.mark.parametrize("method", ["x-multiModelChain", "modelChain"])
def test_each_segment_of_a_chain_may_answer_a_target_of_its_own(method: str) -> None:
    names = schema("x", target="y").replace(
        "</MiningSchema>", '<MiningField name="z" usageType="target"/></MiningSchema>'
    )
    text = f'<MiningModel functionName="regression">{names}<Segmentation multipleModelMethod="{method}">{part("y", 2)}{part("z", 3)}</Segmentation></MiningModel>'
    loaded = model(fields(x=NUMBER, y=NUMBER, z=NUMBER), text)
    assert [out.name for out in loaded.signature.outputs] == ["y", "z"]
    assert score(loaded, x=[1, 2]).records(["y", "z"]) == [{"y": 2.0, "z": 3.0}, {"y": 4.0, "z": 6.0}]


def test_a_target_that_nothing_answers_is_refused() -> None:
    names = schema("x", target="y").replace(
        "</MiningSchema>", '<MiningField name="z" usageType="target"/></MiningSchema>'
    )
    text = f'<RegressionModel functionName="regression">{names}<RegressionTable intercept="0"/></RegressionModel>'
    with pytest.raises(UnsupportedModel, match="RegressionModel with the target 'z'"):
        model(fields(x=NUMBER, y=NUMBER, z=NUMBER), text)
