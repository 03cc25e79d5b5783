"""RegressionModel and GeneralRegressionModel against their formulas."""

# ruff: noqa: E501 (pieces of documents read better in one line)
from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import pytest

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.pmml.runtime import PmmlModel
from tests.unit.scoring.pmml.documents import NUMBER, classes, fields, model, one, schema, score

LINKS = {
    "none": lambda y: y,
    "softmax": lambda y: 1 / (1 + math.exp(-y)),
    "logit": lambda y: 1 / (1 + math.exp(-y)),
    "exp": math.exp,
    "probit": NormalDist().cdf,
    "cloglog": lambda y: 1 - math.exp(-math.exp(y)),
    "loglog": lambda y: math.exp(-math.exp(-y)),
    "cauchit": lambda y: 0.5 + math.atan(y) / math.pi,
}
TABLE = (
    '<RegressionTable intercept="0.5" {}><NumericPredictor name="x" coefficient="2"/>'
    '<NumericPredictor name="z" exponent="2" coefficient="-1"/>'
    '<CategoricalPredictor name="w" value="a" coefficient="0.25"/><CategoricalPredictor name="w" value="b" coefficient="-0.25"/>'
    '<PredictorTerm coefficient="3"><FieldRef field="x"/><FieldRef field="z"/></PredictorTerm></RegressionTable>'
)


def regression(tables: str, attributes: str, target: str = NUMBER) -> PmmlModel:
    dictionary = fields(x=NUMBER, z=NUMBER, w=classes("a", "b"), y=target)
    names = schema("x", "z", "w", target="y")
    return model(dictionary, f"<RegressionModel {attributes}>{names}{tables}</RegressionModel>")


def linear(x: float, z: float, w: str | None) -> float:
    return 0.5 + 2 * x - z * z + {"a": 0.25, "b": -0.25, None: 0.0}[w] + 3 * x * z


@pytest.mark.parametrize("method", sorted(LINKS))
def test_a_regression_is_its_formula(method: str) -> None:
    loaded = regression(TABLE.format(""), f'functionName="regression" normalizationMethod="{method}"')
    for x, z, w in [(0.1, 0.2, "a"), (-0.3, 0.4, "b"), (0.5, 0.0, None)]:
        assert LINKS[method](linear(x, z, w)) == pytest.approx(one(loaded, "y", {"x": x, "z": z, "w": w}))


def test_a_missing_number_leaves_no_prediction_and_a_missing_category_does_not() -> None:
    loaded = regression(TABLE.format(""), 'functionName="regression"')
    assert one(loaded, "y", {"x": None, "z": 1, "w": "a"}) is None
    assert one(loaded, "y", {"x": 1, "z": 0, "w": None}) + 1.0 == 3.5


def two(method: str, target: str = classes("no", "yes")) -> PmmlModel:
    tables = TABLE.format('targetCategory="no"') + '<RegressionTable targetCategory="yes" intercept="0"/>'
    return regression(tables, f'functionName="classification" normalizationMethod="{method}"', target)


@pytest.mark.parametrize("method", sorted(LINKS.keys() - {"exp"}))
def test_two_classes_share_one_probability(method: str) -> None:
    loaded = two(method)
    scored = score(loaded, x=[0.1], z=[0.2], w=["a"])
    p = LINKS[method](linear(0.1, 0.2, "a"))
    assert [p, 1 - p] == pytest.approx([scored.columns[f"probability({c})"][0] for c in ("no", "yes")])
    assert ("no" if p >= 0.5 else "yes") == scored.columns["y"][0]


@pytest.mark.parametrize(("x", "wanted"), [(0.0, [0.5, 0.5]), (9.0, [1.0, 0.0]), (-9.0, [0.0, 1.0])])
def test_a_share_that_is_not_normalised_stays_between_nothing_and_all(x: float, wanted: list[float]) -> None:
    scored = score(two("none"), x=[x], z=[0.0], w=[None])
    assert wanted == [scored.columns[f"probability({c})"][0] for c in ("no", "yes")]


@pytest.mark.parametrize("method", ["probit", "cloglog", "loglog", "cauchit"])
def test_links_for_two_classes_are_refused_for_three(method: str) -> None:
    with pytest.raises(UnsupportedModel, match=f"{method}.*two classes"):
        three(method)


def three(method: str, optype: str = "categorical") -> PmmlModel:
    intercepts = {"low": 0.1, "mid": 0.7, "high": 1.3}
    tables = "".join(
        f'<RegressionTable targetCategory="{c}" intercept="{i}"/>' for c, i in intercepts.items()
    )
    kind = classes(*intercepts, kind=f'optype="{optype}" dataType="string"')
    return regression(tables, f'functionName="classification" normalizationMethod="{method}"', kind)


def shares(loaded: PmmlModel) -> list[float]:
    scored = score(loaded, x=[0.0])
    return [scored.columns[f"probability({c})"][0] for c in ("low", "mid", "high")]


def test_softmax_and_simplemax_divide_by_the_sum() -> None:
    weights = [math.exp(0.1), math.exp(0.7), math.exp(1.3)]
    assert [w / sum(weights) for w in weights] == pytest.approx(shares(three("softmax")))
    assert [w / 2.1 for w in (0.1, 0.7, 1.3)] == pytest.approx(shares(three("simplemax")))


def test_without_normalisation_the_last_class_has_the_rest() -> None:
    assert pytest.approx(shares(three("none"))) == [0.1, 0.7, 0.2]


@pytest.mark.parametrize("method", ["logit", "probit", "cloglog", "loglog", "cauchit"])
def test_ordered_classes_have_differences_of_cumulative_probabilities(method: str) -> None:
    low, mid = LINKS[method](0.1), LINKS[method](0.7)
    assert [low, mid - low, 1 - mid] == pytest.approx(shares(three(method, "ordinal")))


def test_prior_probabilities_stand_in_for_a_missing_prediction() -> None:
    tables = TABLE.format('targetCategory="no"') + '<RegressionTable targetCategory="yes" intercept="0"/>'
    priors = (
        '<Targets><Target field="y"><TargetValue value="no" priorProbability="0.1"/>'
        '<TargetValue value="yes" priorProbability="0.9"/></Target></Targets>'
    )
    loaded = regression(
        priors + tables, 'functionName="classification" normalizationMethod="softmax"', classes("no", "yes")
    )
    scored = score(loaded, x=[None], z=[1], w=["a"])
    assert (scored.columns["y"][0], scored.columns["probability(yes)"][0]) == ("yes", 0.9)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('functionName="regression" normalizationMethod="magic"', UnsupportedModel),
        ('functionName="classification" normalizationMethod="exp"', UnsupportedModel),
        ('functionName="classification"', InvalidModel),
    ],
)
def test_a_regression_that_cannot_be_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        regression(TABLE.format(""), text)


@pytest.mark.parametrize("coefficient", ["NaN", "INF", "1e400", "x"])
def test_a_coefficient_must_be_finite(coefficient: str) -> None:
    with pytest.raises(InvalidModel, match="number"):
        regression(TABLE.format("").replace('"2"', f'"{coefficient}"', 1), 'functionName="regression"')


# GeneralRegressionModel

PARAMETERS = (
    '<ParameterList><Parameter name="b0" label="Intercept"/><Parameter name="b1" referencePoint="2"/><Parameter name="b2" referencePoint="0"/></ParameterList>'
    '<FactorList><Predictor name="w"/></FactorList><CovariateList><Predictor name="x"/></CovariateList>'
    '<PPMatrix><PPCell value="2" predictorName="x" parameterName="b1"/><PPCell value="a" predictorName="w" parameterName="b2"/>'
    '<PPCell value="1" predictorName="x" parameterName="b2"/></PPMatrix>'
)
SHARED = '<PCell parameterName="b0" beta="0.5"/><PCell parameterName="b1" beta="0.25"/><PCell parameterName="b2" beta="-1"/>'


def general(
    attributes: str, cells: str, target: str = NUMBER, more: str = "", parameters: str = PARAMETERS
) -> PmmlModel:
    dictionary = fields(x=NUMBER, z=NUMBER, w=classes("a", "b", "c"), y=target)
    names = schema("x", "z", "w", target="y")
    text = f"<GeneralRegressionModel {attributes}>{names}{parameters}<ParamMatrix>{cells}</ParamMatrix>{more}</GeneralRegressionModel>"
    return model(dictionary, text)


def eta(x: float, w: str) -> float:
    return 0.5 + 0.25 * x**2 - (x if w == "a" else 0.0)


@pytest.mark.parametrize("kind", ["regression", "generalLinear"])
def test_a_general_linear_model_is_its_formula(kind: str) -> None:
    loaded = general(f'functionName="regression" modelType="{kind}"', SHARED)
    for x, w in [(2.0, "a"), (2.0, "b"), (-1.5, "a")]:
        assert eta(x, w) == pytest.approx(one(loaded, "y", {"x": x, "w": w}))
    assert one(loaded, "y", {"x": None, "w": "a"}) is None
    assert one(loaded, "y", {"x": 1, "w": None}) is None


GENERAL_LINKS = {
    **{name: LINKS[name] for name in ("logit", "probit", "cloglog", "loglog")},
    "identity": lambda y: y,
    "log": math.exp,
    "logc": lambda y: 1 - math.exp(y),
    "power": lambda y: y ** (1 / 2),
    "oddspower": lambda y: 1 / (1 + (1 + 2 * y) ** (-1 / 2)),
    "negbin": lambda y: 1 / (2 * (math.exp(-y) - 1)),
}


@pytest.mark.parametrize("link", sorted(GENERAL_LINKS))
def test_a_generalised_linear_model_turns_its_link_round(link: str) -> None:
    extra = {
        "power": 'linkParameter="2"',
        "oddspower": 'linkParameter="2"',
        "negbin": 'distParameter="2"',
    }.get(link, "")
    attributes = f'functionName="regression" modelType="generalizedLinear" linkFunction="{link}" offsetVariable="z" trialsValue="4" {extra}'
    loaded = general(attributes, SHARED)
    wanted = 4 * GENERAL_LINKS[link](eta(1.0, "b") + 0.1)
    assert wanted == pytest.approx(one(loaded, "y", {"x": 1, "w": "b", "z": 0.1}))


def chances(loaded: PmmlModel, *names: str, **record: Any) -> list[float]:
    scored = score(loaded, **{key: [value] for key, value in record.items()})
    return [scored.columns[f"probability({name})"][0] for name in names]


def test_a_binomial_model_gives_two_probabilities() -> None:
    attributes = 'functionName="classification" modelType="generalizedLinear" linkFunction="logit" targetReferenceCategory="no"'
    loaded = general(attributes, SHARED, classes("no", "yes"))
    p = LINKS["logit"](eta(1.0, "b"))
    assert [1 - p, p] == pytest.approx(chances(loaded, "no", "yes", x=1.0, w="b"))


def test_a_multinomial_model_has_a_reference_class() -> None:
    cells = "".join(
        f'<PCell targetCategory="{c}" parameterName="b0" beta="{b}"/>'
        for c, b in (("one", 0.3), ("two", -0.2))
    )
    loaded = general(
        'functionName="classification" modelType="multinomialLogistic"', cells, classes("one", "two", "three")
    )
    weights = [math.exp(0.3), math.exp(-0.2), 1.0]
    assert [w / sum(weights) for w in weights] == pytest.approx(
        chances(loaded, "one", "two", "three", x=1.0, w="b")
    )


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "loglog", "cauchit"])
def test_an_ordinal_model_has_a_threshold_for_each_class_but_the_last(link: str) -> None:
    cells = '<PCell targetCategory="1" parameterName="b0" beta="-0.5"/><PCell targetCategory="2" parameterName="b0" beta="0.6"/>'
    cells += '<PCell parameterName="b1" beta="0.25"/>'
    target = classes("1", "2", "3", kind='optype="ordinal" dataType="integer"')
    loaded = general(
        f'functionName="classification" modelType="ordinalMultinomial" cumulativeLink="{link}"', cells, target
    )
    low, mid = LINKS[link](-0.5 + 0.25), LINKS[link](0.6 + 0.25)
    assert [low, mid - low, 1 - mid] == pytest.approx(chances(loaded, "1", "2", "3", x=1.0, w="b"))


def test_a_multinomial_model_may_leave_no_class_out() -> None:
    betas = {"a": 0.5, "b": -0.25, "c": 1.0}
    cells = "".join(f'<PCell parameterName="p" targetCategory="{c}" beta="{b}"/>' for c, b in betas.items())
    loaded = model(
        fields(x=NUMBER, y=classes(*betas)),
        f'<GeneralRegressionModel functionName="classification" modelType="multinomialLogistic">{schema("x", target="y")}'
        f'<ParameterList><Parameter name="p"/></ParameterList><ParamMatrix>{cells}</ParamMatrix></GeneralRegressionModel>',
    )
    total = sum(math.exp(b) for b in betas.values())
    found = [one(loaded, f"probability({c})", {"x": 0}) for c in betas]
    assert [math.exp(b) / total for b in betas.values()] == pytest.approx(found)


def test_a_contrast_matrix_stands_for_the_categories_of_a_factor() -> None:
    matrix = '<Categories><Category value="a"/><Category value="b"/><Category value="c"/></Categories><Matrix><Array>1 0</Array><Array>0 1</Array><Array>-1 -1</Array></Matrix>'
    parameters = PARAMETERS.replace(
        '<Predictor name="w"/>', f'<Predictor name="w">{matrix}</Predictor>'
    ).replace('<PPCell value="1" predictorName="x" parameterName="b2"/>', "")
    loaded = general('functionName="regression" modelType="generalLinear"', SHARED, parameters=parameters)
    assert pytest.approx([one(loaded, "y", {"x": 1, "w": w}) for w in "abc"]) == [
        -0.5 + 0.25,
        0.5 + 0.25,
        1.5 + 0.25,
    ]


COX = '<BaseCumHazardTables maxTime="10"><BaselineCell time="1" cumHazard="0.1"/><BaselineCell time="5" cumHazard="0.4"/></BaseCumHazardTables>'


def test_a_cox_model_gives_the_cumulative_hazard() -> None:
    loaded = general(
        'functionName="regression" modelType="CoxRegression" endTimeVariable="z"',
        SHARED.replace("b2", "b1"),
        more=COX,
    )
    risk = math.exp((0.25 - 1) * (9 - 2) + 0.5)
    found = [one(loaded, "y", {"x": 3, "w": "b", "z": z}) for z in (0.5, 1, 4.9, 7, 11)]
    assert [0.0, 0.1 * risk, 0.1 * risk, 0.4 * risk] == pytest.approx(found[:4])
    assert found[4] is None


def test_a_cox_model_has_a_baseline_for_each_stratum() -> None:
    tables = COX.replace("<BaselineCell", '<BaselineStratum value="a" maxTime="10"><BaselineCell', 1).replace(
        "</BaseCum", "</BaselineStratum></BaseCum"
    )
    loaded = general(
        'functionName="regression" modelType="CoxRegression" endTimeVariable="z" baselineStrataVariable="w"',
        '<PCell parameterName="b1" beta="0"/>',
        more=tables,
    )
    assert pytest.approx(one(loaded, "y", {"x": 3, "w": "a", "z": 6})) == 0.4
    assert one(loaded, "y", {"x": 3, "w": "b", "z": 6}) is None


@pytest.mark.parametrize(
    "attributes", ['modelType="magic"', 'modelType="generalizedLinear" linkFunction="magic"']
)
def test_a_general_regression_that_is_not_known_is_refused(attributes: str) -> None:
    with pytest.raises(UnsupportedModel, match="magic"):
        general(f'functionName="regression" {attributes}', SHARED)
