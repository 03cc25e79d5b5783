"""Scorecard, rule set, clusters, naive Bayes, neural network, support vectors: each against its formula."""

# ruff: noqa: E501 (pieces of documents read better in one line)
from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.pmml.runtime import PmmlModel
from tests.unit.scoring.pmml.documents import NUMBER, TEXT, classes, fields, model, one, schema, score


def record(loaded: PmmlModel, **values: Any) -> dict[str, Any]:
    scored = score(loaded, **{name: [value] for name, value in values.items()})
    assert scored.errors == {}
    return {name: found.tolist()[0] for name, found in scored.columns.items()}


# Scorecard


def card(attributes: str, complex_score: str = "") -> PmmlModel:
    def attribute(points: float, predicate: str, more: str = "") -> str:
        inner = complex_score if complex_score and points == 25 else ""
        score_ = "" if inner else f'partialScore="{points}"'
        return f"<Attribute {score_} {more}>{predicate}{inner}</Attribute>"

    def age(operator: str, value: float) -> str:
        return f'<SimplePredicate field="x" operator="{operator}" value="{value}"/>'

    first = (
        '<Characteristic name="age" reasonCode="AGE" baselineScore="18">'
        + attribute(-1, '<SimplePredicate field="x" operator="isMissing"/>')
        + attribute(-3, age("lessOrEqual", 18))
        + attribute(25, age("greaterThan", 18), 'reasonCode="OLD"')
        + "</Characteristic>"
    )
    second = (
        '<Characteristic name="job" reasonCode="JOB" baselineScore="19">'
        + attribute(10, '<SimplePredicate field="w" operator="equal" value="sales"/>')
        + attribute(15, '<SimplePredicate field="w" operator="equal" value="tech"/>')
        + "</Characteristic>"
    )
    output = (
        "<Output>"
        + "".join(
            f'<OutputField name="{n}" feature="reasonCode" rank="{i}"/>'
            for i, n in enumerate(("r1", "r2", "r3"), 1)
        )
        + "</Output>"
    )
    text = f'<Scorecard functionName="regression" initialScore="5" {attributes}>{schema("x", "w", target="y")}{output}<Characteristics>{first}{second}</Characteristics></Scorecard>'
    return model(fields(x=NUMBER, w=TEXT, y=NUMBER), text)


def test_a_scorecard_adds_points_and_ranks_reasons() -> None:
    found = record(card('reasonCodeAlgorithm="pointsBelow"'), x=10, w="sales")
    assert (found["y"], found["r1"], found["r2"], found["r3"]) == (5 - 3 + 10, "AGE", "JOB", None)


def test_points_above_turn_the_ranking_round() -> None:
    found = record(card('reasonCodeAlgorithm="pointsAbove"'), x=40, w="tech")
    # The job has fewer points than its baseline: above it, that explains nothing.
    assert (found["y"], found["r1"], found["r2"]) == (45.0, "OLD", None)


def test_a_scorecard_may_expect_missing_values() -> None:
    assert record(card(""), x=None, w="tech")["y"] - 5.0 == 14.0


def test_a_characteristic_without_a_true_attribute_leaves_no_score() -> None:
    found = record(card(""), x=10, w="other")
    assert math.isnan(found["y"])
    assert found["r1"] is None


def test_points_may_be_an_expression() -> None:
    loaded = card(
        "",
        '<ComplexPartialScore><Apply function="*"><FieldRef field="x"/><Constant dataType="double">0.5</Constant></Apply></ComplexPartialScore>',
    )
    assert record(loaded, x=40, w="tech")["y"] == 5 + 20 + 15


# RuleSetModel


def rules(criterion: str, more: str = 'defaultScore="none" defaultConfidence="0.5"') -> PmmlModel:
    def rule(number: int, label: str, weight: float, confidence: float, below: float) -> str:
        return (
            f'<SimpleRule id="R{number}" score="{label}" weight="{weight}" confidence="{confidence}">'
            f'<SimplePredicate field="x" operator="lessThan" value="{below}"/></SimpleRule>'
        )

    inner = rule(1, "a", 0.3, 0.9, 1) + rule(2, "b", 0.9, 0.6, 2)
    nested = f'<CompoundRule><SimplePredicate field="z" operator="equal" value="1"/>{rule(3, "a", 0.7, 0.8, 3)}</CompoundRule>'
    output = '<Output><OutputField name="y" feature="predictedValue"/><OutputField name="c" feature="confidence"/><OutputField name="id" feature="entityId"/></Output>'
    text = f'<RuleSetModel functionName="classification">{schema("x", "z", target="y")}{output}<RuleSet {more}><RuleSelectionMethod criterion="{criterion}"/>{inner}{nested}</RuleSet></RuleSetModel>'
    return model(fields(x=NUMBER, z=NUMBER, y=TEXT), text)


@pytest.mark.parametrize(
    ("criterion", "x", "z", "wanted"),
    [
        ("firstHit", 0, 1, ("a", 0.9, "R1")), ("firstHit", 1.5, 1, ("b", 0.6, "R2")), ("firstHit", 2.5, 1, ("a", 0.8, "R3")),
        ("firstHit", 2.5, 0, ("none", 0.5, None)), ("firstHit", 9, 1, ("none", 0.5, None)),
        ("weightedMax", 0, 1, ("b", 0.6, "R2")), ("weightedMax", 2.5, 1, ("a", 0.8, "R3")),
        ("weightedSum", 0, 1, ("a", 1.0 / 3, "R3")), ("weightedSum", 0, 0, ("b", 0.9 / 2, "R2")),
    ],
)  # fmt: skip
def test_rules_are_selected(criterion: str, x: float, z: float, wanted: tuple[Any, ...]) -> None:
    found = record(rules(criterion), x=x, z=z)
    assert wanted == (found["y"], pytest.approx(found["c"]), found["id"])


def test_without_a_default_no_rule_means_no_prediction() -> None:
    assert record(rules("firstHit", ""), x=9, z=1)["y"] is None


# ClusteringModel


def clusters(
    measure: str, centres: list[str], more: str = "", field_more: str = "", missing: str = ""
) -> PmmlModel:
    rows = "".join(
        f'<Cluster name="C{i}"><Array n="2" type="real">{c}</Array></Cluster>'
        for i, c in enumerate(centres, 1)
    )
    output = '<Output><OutputField name="id" feature="entityId"/><OutputField name="name" feature="predictedDisplayValue"/><OutputField name="d" feature="affinity"/><OutputField name="d2" feature="affinity" value="2"/><OutputField name="second" feature="entityId" rank="2"/></Output>'
    text = (
        f'<ClusteringModel functionName="clustering" modelClass="centerBased" numberOfClusters="{len(centres)}">{schema("x", "z")}{output}'
        f'<ComparisonMeasure {more}>{measure}</ComparisonMeasure><ClusteringField field="x" {field_more}/><ClusteringField field="z"/>{missing}{rows}</ClusteringModel>'
    )
    return model(fields(x=NUMBER, z=NUMBER), text)


@pytest.mark.parametrize(
    ("measure", "wanted"),
    [
        ("<euclidean/>", 5.0),
        ("<squaredEuclidean/>", 25.0),
        ("<cityBlock/>", 7.0),
        ("<chebychev/>", 4.0),
        ('<minkowski p-parameter="3"/>', 91 ** (1 / 3)),
    ],
)
def test_the_nearest_centre_is_the_cluster(measure: str, wanted: float) -> None:
    found = record(clusters(measure, ["0 0", "9 9"], 'kind="distance"'), x=3, z=4)
    assert ("1", "C1", pytest.approx(wanted), "2") == (
        found["id"],
        found["name"],
        found["d"],
        found["second"],
    )
    assert found["d2"] > found["d"]


def test_field_weights_and_gaussian_similarity() -> None:
    assert (
        record(clusters("<squaredEuclidean/>", ["0 0"], 'kind="distance"', 'fieldWeight="2"'), x=3, z=4)["d"]
        == 2 * 9 + 16
    )
    loaded = clusters(
        "<cityBlock/>", ["0 0"], 'kind="distance"', 'compareFunction="gaussSim" similarityScale="3"'
    )
    assert math.exp(-math.log(2) * 9 / 9) + 4 == pytest.approx(record(loaded, x=3, z=4)["d"])
    assert (
        record(clusters("<cityBlock/>", ["0 0"], 'kind="distance"', 'compareFunction="delta"'), x=3, z=4)["d"]
        == 1 + 4
    )


def test_a_missing_field_is_made_up_for_by_the_others() -> None:
    assert record(clusters("<squaredEuclidean/>", ["0 0"], 'kind="distance"'), x=None, z=4)["d"] == 2 * 16
    weights = '<MissingValueWeights><Array n="2" type="real">3 1</Array></MissingValueWeights>'
    assert (
        record(clusters("<squaredEuclidean/>", ["0 0"], 'kind="distance"', missing=weights), x=None, z=4)["d"]
        == 4 * 16
    )
    assert record(clusters("<squaredEuclidean/>", ["0 0"], 'kind="distance"'), x=None, z=None)["id"] is None


@pytest.mark.parametrize(
    ("measure", "wanted"),
    [("<simpleMatching/>", 0.5), ("<jaccard/>", 0.5), ("<tanimoto/>", 1 / 3),
     ('<binarySimilarity c11-parameter="2" c10-parameter="1" c01-parameter="0" c00-parameter="0" d11-parameter="1" d10-parameter="1" d01-parameter="1" d00-parameter="1"/>', 1.5)],
)  # fmt: skip
def test_the_most_similar_centre_is_the_cluster(measure: str, wanted: float) -> None:
    found = record(clusters(measure, ["0 0", "1 0"], 'kind="similarity"'), x=1, z=1)
    assert ("2", pytest.approx(wanted)) == (found["id"], found["d"])


@pytest.mark.parametrize(
    ("measure", "more", "centres"),
    [("<euclidean/>", 'kind="similarity"', ["0 0"]), ("<euclidean/>", 'kind="distance"', ["0"]), ("<euclidean/>", 'kind="distance"', ["0 NaN"]), ("<magic/>", 'kind="distance"', ["0 0"])],
)  # fmt: skip
def test_clusters_that_do_not_fit_are_refused(measure: str, more: str, centres: list[str]) -> None:
    with pytest.raises(InvalidModel):
        clusters(measure, centres, more)


def test_clusters_by_distribution_are_refused() -> None:
    with pytest.raises(UnsupportedModel, match="modelClass"):
        model(
            fields(x=NUMBER),
            f'<ClusteringModel functionName="clustering" modelClass="distributionBased">{schema("x")}</ClusteringModel>',
        )


# NaiveBayesModel


def bayes(inputs: str, threshold: float = 0.001) -> PmmlModel:
    def counts(*pairs: tuple[str, float]) -> str:
        return "".join(f'<TargetValueCount value="{v}" count="{n}"/>' for v, n in pairs)

    output = f'<BayesOutput fieldName="y"><TargetValueCounts>{counts(("no", 60), ("yes", 40))}</TargetValueCounts></BayesOutput>'
    text = f'<NaiveBayesModel functionName="classification" threshold="{threshold}">{schema("x", "w", target="y")}<BayesInputs>{inputs}</BayesInputs>{output}</NaiveBayesModel>'
    return model(fields(x=NUMBER, w=TEXT, y=classes("no", "yes")), text)


def pair(value: str, no: float, yes: float) -> str:
    counts = f'<TargetValueCount value="no" count="{no}"/><TargetValueCount value="yes" count="{yes}"/>'
    return f'<PairCounts value="{value}"><TargetValueCounts>{counts}</TargetValueCounts></PairCounts>'


COUNTED = '<BayesInput fieldName="w">' + pair("red", 20, 30) + pair("blue", 40, 0) + "</BayesInput>"
GAUSS = '<BayesInput fieldName="x"><TargetValueStats><TargetValueStat value="no"><GaussianDistribution mean="0" variance="4"/></TargetValueStat><TargetValueStat value="yes"><GaussianDistribution mean="3" variance="1"/></TargetValueStat></TargetValueStats></BayesInput>'


def yes(loaded: PmmlModel, **values: Any) -> float:
    return float(record(loaded, **values)["probability(yes)"])


def test_counts_become_probabilities_and_zero_counts_the_threshold() -> None:
    no_, yes_ = 60 * 20 / 60, 40 * 30 / 30
    assert yes_ / (no_ + yes_) == pytest.approx(yes(bayes(COUNTED), x=None, w="red"))
    no_, yes_ = 60 * 40 / 60, 40 * 0.001
    assert yes_ / (no_ + yes_) == pytest.approx(yes(bayes(COUNTED), x=None, w="blue"))


def test_a_missing_or_unseen_value_says_nothing() -> None:
    assert pytest.approx(yes(bayes(COUNTED), x=None, w=None)) == 0.4
    assert pytest.approx(yes(bayes(COUNTED), x=None, w="green")) == 0.4


@pytest.mark.parametrize("wrap", ["{}", "<Extension>{}</Extension>"])
def test_a_gaussian_input_also_as_older_writers_wrap_it(wrap: str) -> None:
    no_ = 60 * math.exp(-1 / 8) / math.sqrt(8 * math.pi)
    yes_ = 40 * math.exp(-4 / 2) / math.sqrt(2 * math.pi)
    assert yes_ / (no_ + yes_) == pytest.approx(yes(bayes(COUNTED + wrap.format(GAUSS)), x=1, w=None))


def test_far_from_every_mean_the_nearest_class_still_wins() -> None:
    assert pytest.approx(yes(bayes(GAUSS, threshold=0), x=-1e6, w=None)) == 0.0


def test_no_density_falls_below_the_threshold() -> None:
    assert pytest.approx(yes(bayes(GAUSS), x=1000, w=None)) == 0.4


def test_a_poisson_input() -> None:
    text = GAUSS.replace('<GaussianDistribution mean="0" variance="4"/>', '<PoissonDistribution mean="2"/>')
    no_ = 60 * 2**3 * math.exp(-2) / 6
    yes_ = 40 / math.sqrt(2 * math.pi)
    assert yes_ / (no_ + yes_) == pytest.approx(yes(bayes(text), x=3, w=None))


def test_a_number_may_be_cut_into_bins() -> None:
    bins = '<DerivedField optype="categorical" dataType="string"><Discretize field="x"><DiscretizeBin binValue="low"><Interval closure="openOpen" rightMargin="0"/></DiscretizeBin><DiscretizeBin binValue="high"><Interval closure="closedOpen" leftMargin="0"/></DiscretizeBin></Discretize></DerivedField>'
    text = f'<BayesInput fieldName="x">{bins}{pair("low", 20, 30)}{pair("high", 40, 10)}</BayesInput>'
    no_, yes_ = 60 * 40 / 60, 40 * 10 / 40
    assert yes_ / (no_ + yes_) == pytest.approx(yes(bayes(text), x=5, w=None))


# NeuralNetwork

ACTIVATIONS = {
    "logistic": lambda z: 1 / (1 + math.exp(-z)), "tanh": math.tanh, "identity": lambda z: z, "exponential": math.exp, "reciprocal": lambda z: 1 / z,
    "square": lambda z: z * z, "Gauss": lambda z: math.exp(-z * z), "sine": math.sin, "cosine": math.cos, "Elliott": lambda z: z / (1 + abs(z)),
    "arctan": lambda z: 2 * math.atan(z) / math.pi, "rectifier": lambda z: max(z, 0), "threshold": lambda z: float(z > 0.3),
    "radialBasis": lambda z: math.exp(2 * math.log(1.5) - ((0.4 - 0.5) ** 2 + (-0.2 + 0.7) ** 2) / (2 * 0.8**2)),
}  # fmt: skip


def network(
    activation: str, more: str = "", outputs: str = "", target: str = NUMBER, function: str = "regression"
) -> PmmlModel:
    inputs = "".join(
        f'<NeuralInput id="{i}"><DerivedField optype="continuous" dataType="double"><FieldRef field="{n}"/></DerivedField></NeuralInput>'
        for i, n in ((1, "x"), (2, "z"))
    )
    hidden = '<Neuron id="3" bias="0.1"><Con from="1" weight="0.5"/><Con from="2" weight="-0.7"/></Neuron>'
    last = '<NeuralLayer activationFunction="identity"><Neuron id="4" bias="1"><Con from="3" weight="2"/></Neuron><Neuron id="5"><Con from="3" weight="1"/></Neuron></NeuralLayer>'
    outputs = (
        outputs
        or '<NeuralOutput outputNeuron="4"><DerivedField optype="continuous" dataType="double"><FieldRef field="y"/></DerivedField></NeuralOutput>'
    )
    text = (
        f'<NeuralNetwork functionName="{function}" activationFunction="{activation}" {more}>{schema("x", "z", target="y")}<NeuralInputs>{inputs}</NeuralInputs>'
        f'<NeuralLayer threshold="0.3" width="0.8" altitude="1.5">{hidden}</NeuralLayer>{last}<NeuralOutputs>{outputs}</NeuralOutputs></NeuralNetwork>'
    )
    return model(fields(x=NUMBER, z=NUMBER, y=target), text)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_a_network_is_its_formula(activation: str) -> None:
    z = 0.1 + 0.5 * 0.4 + 0.7 * 0.2
    assert 1 + 2 * ACTIVATIONS[activation](z) == pytest.approx(
        one(network(activation), "y", {"x": 0.4, "z": -0.2})
    )
    assert one(network(activation), "y", {"x": 0.4, "z": None}) is None


def test_a_scaled_output_is_scaled_back() -> None:
    norm = '<NormContinuous field="y"><LinearNorm orig="100" norm="0"/><LinearNorm orig="200" norm="1"/></NormContinuous>'
    outputs = f'<NeuralOutput outputNeuron="4"><DerivedField optype="continuous" dataType="double">{norm}</DerivedField></NeuralOutput>'
    z = 0.1 + 0.5 * 0.4 + 0.7 * 0.2
    assert 100 + 100 * (1 + 2 * z) == pytest.approx(
        one(network("identity", outputs=outputs), "y", {"x": 0.4, "z": -0.2})
    )


@pytest.mark.parametrize("method", ["softmax", "simplemax"])
def test_classes_share_a_normalised_layer(method: str) -> None:
    outputs = "".join(
        f'<NeuralOutput outputNeuron="{n}"><DerivedField optype="categorical" dataType="string"><NormDiscrete field="y" value="{v}"/></DerivedField></NeuralOutput>'
        for n, v in ((4, "a"), (5, "b"))
    )
    loaded = network("identity", outputs=outputs, target=classes("a", "b"), function="classification")
    text_model = network(
        "identity", f'normalizationMethod="{method}"', outputs, classes("a", "b"), "classification"
    )
    assert loaded is not None
    # The hidden layer of one neuron is normalised, too: it is 1.
    a, b = (math.exp(3), math.exp(1)) if method == "softmax" else (3.0, 1.0)
    found = record(text_model, x=0.4, z=-0.2)
    assert ("a", pytest.approx(a / (a + b))) == (found["y"], found["probability(a)"])


def test_a_connection_from_nowhere_is_refused() -> None:
    with pytest.raises(InvalidModel, match="99"):
        model(
            fields(x=NUMBER, y=NUMBER),
            f'<NeuralNetwork functionName="regression" activationFunction="tanh">{schema("x", target="y")}<NeuralInputs/><NeuralLayer><Neuron id="1"><Con from="99" weight="1"/></Neuron></NeuralLayer><NeuralOutputs/></NeuralNetwork>',
        )


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match="magic"):
        network("magic")


# SupportVectorMachineModel

VECTORS = {"v1": (0.5, 1.0), "v2": (-1.0, 0.0), "v3": (2.0, -1.0)}
KERNELS = {
    "<LinearKernelType/>": lambda x, v: float(x @ v),
    '<PolynomialKernelType gamma="2" coef0="1" degree="3"/>': lambda x, v: float((2 * (x @ v) + 1) ** 3),
    '<RadialBasisKernelType gamma="0.5"/>': lambda x, v: math.exp(-0.5 * float(((x - v) ** 2).sum())),
    '<SigmoidKernelType gamma="0.5" coef0="0.1"/>': lambda x, v: math.tanh(0.5 * float(x @ v) + 0.1),
}


def machine(names: list[str], weights: list[float], bias: float, more: str = "") -> str:
    vectors = "".join(f'<SupportVector vectorId="{n}"/>' for n in names)
    coefficients = "".join(f'<Coefficient value="{w}"/>' for w in weights)
    return f'<SupportVectorMachine {more}><SupportVectors>{vectors}</SupportVectors><Coefficients absoluteValue="{bias}">{coefficients}</Coefficients></SupportVectorMachine>'


def svm(
    kernel: str, machines: str, target: str = NUMBER, more: str = 'functionName="regression"'
) -> PmmlModel:
    rows = "".join(
        f'<VectorInstance id="{n}"><Array n="2" type="real">{a} {b}</Array></VectorInstance>'
        for n, (a, b) in VECTORS.items()
    )
    dictionary = f'<VectorDictionary><VectorFields><FieldRef field="x"/><FieldRef field="z"/></VectorFields>{rows}</VectorDictionary>'
    text = f"<SupportVectorMachineModel {more}>{schema('x', 'z', target='y')}{kernel}{dictionary}{machines}</SupportVectorMachineModel>"
    return model(fields(x=NUMBER, z=NUMBER, y=target), text)


@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_a_machine_is_its_formula(kernel: str) -> None:
    loaded = svm(kernel, machine(["v1", "v3"], [0.7, -0.2], 0.4))
    x = np.array([0.3, -0.6])
    wanted = (
        0.4
        + 0.7 * KERNELS[kernel](x, np.array(VECTORS["v1"]))
        - 0.2 * KERNELS[kernel](x, np.array(VECTORS["v3"]))
    )
    assert wanted == pytest.approx(one(loaded, "y", {"x": 0.3, "z": -0.6}))
    assert one(loaded, "y", {"x": None, "z": 1}) is None


def test_two_classes_need_one_machine() -> None:
    one_machine = machine(["v1"], [1.0], 0.0, 'targetCategory="no" alternateTargetCategory="yes"')
    loaded = svm("<LinearKernelType/>", one_machine, classes("yes", "no"), 'functionName="classification"')
    assert [one(loaded, "y", {"x": x, "z": 0}) for x in (-1, 1)] == ["no", "yes"]


def test_an_older_document_names_the_other_class_once() -> None:
    one_machine = machine(["v1"], [1.0], 0.0, 'targetCategory="no"')
    loaded = svm(
        "<LinearKernelType/>",
        one_machine,
        TEXT,
        'functionName="classification" alternateBinaryTargetCategory="yes"',
    )
    assert [one(loaded, "y", {"x": x, "z": 0}) for x in (-1, 5)] == ["yes", "no"]


def test_one_against_one_needs_both_classes() -> None:
    alone = machine(["v1"], [1.0], 0.0, 'targetCategory="a"')
    more = 'functionName="classification" classificationMethod="OneAgainstOne"'
    with pytest.raises(InvalidModel, match="alternateTargetCategory"):
        svm("<LinearKernelType/>", alone * 2, classes("a", "b", "c"), more)


def three(more: str) -> PmmlModel:
    pairs = [("a", "b", "v1"), ("a", "c", "v2"), ("b", "c", "v3")]
    machines = "".join(
        machine([v], [1.0], 0.0, f'targetCategory="{s}" alternateTargetCategory="{t}"') for s, t, v in pairs
    )
    return svm(
        "<LinearKernelType/>",
        machines,
        classes("a", "b", "c"),
        f'functionName="classification" classificationMethod="OneAgainstOne" {more}',
    )


def test_one_against_one_is_decided_by_votes() -> None:
    # Below the threshold the first class of a pair has the vote.
    votes = {"a": 0, "b": 0, "c": 0}
    for (first, second), value in zip((("a", "b"), ("a", "c"), ("b", "c")), (1.5, -1.0, 1.0), strict=True):
        votes[first if value < 0 else second] += 1
    assert max(votes, key=votes.__getitem__) == one(three(""), "y", {"x": 1, "z": 1})


def test_one_against_all_takes_the_smallest_value_or_the_largest() -> None:
    machines = "".join(
        machine([v], [1.0], 0.0, f'targetCategory="{c}"') for c, v in (("a", "v1"), ("b", "v2"), ("c", "v3"))
    )
    kind = classes("a", "b", "c")
    small = svm(
        "<LinearKernelType/>",
        machines,
        kind,
        'functionName="classification" classificationMethod="OneAgainstAll"',
    )
    large = svm(
        "<LinearKernelType/>",
        machines,
        kind,
        'functionName="classification" classificationMethod="OneAgainstAll" maxWins="true"',
    )
    assert (one(small, "y", {"x": 1, "z": 1}), one(large, "y", {"x": 1, "z": 1})) == ("b", "a")


def test_coefficients_may_belong_to_the_fields() -> None:
    text = '<SupportVectorMachine><Coefficients absoluteValue="0.5"><Coefficient value="2"/><Coefficient value="-1"/></Coefficients></SupportVectorMachine>'
    loaded = svm(
        "<LinearKernelType/>", text, more='functionName="regression" svmRepresentation="Coefficients"'
    )
    assert one(loaded, "y", {"x": 3, "z": 4}) == 0.5 + 2 * 3 - 4


def test_a_vector_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidModel, match="v9"):
        svm("<LinearKernelType/>", machine(["v9"], [1.0], 0.0))
