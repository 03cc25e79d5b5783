"""What used to be accepted at load and passed over when scoring."""

# ruff: noqa: E501 (pieces of documents read better in one line)
from __future__ import annotations

import numpy as np
import pytest

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.pmml.sas_functions import best_number, first_characters, normalized
from tests.unit.scoring.pmml.documents import NUMBER, TEXT, WHOLE, classes, fields, model, one, schema

DOUBLE = 'dataType="double" optype="continuous"'


def segment(expected: float, *, of: str = "x", more: str = "") -> str:
    """A segment that doubles a field and says what it expects for 2, 3 or a missing value."""
    return (
        f'<Segment id="1"><True/><RegressionModel functionName="regression">{schema(of, target="y")}'
        f'{more}<RegressionTable intercept="1"><NumericPredictor name="{of}" coefficient="2"/></RegressionTable>'
        f'<ModelVerification><VerificationFields><VerificationField field="{of}"/><VerificationField field="y"/>'
        f"</VerificationFields><InlineTable><row><{of}>2</{of}><y>{expected}</y></row></InlineTable>"
        "</ModelVerification></RegressionModel></Segment>"
    )


def mining(segments: str, before: str = "") -> str:
    return (
        f'<MiningModel functionName="regression">{schema("x", target="y")}'
        f'<Segmentation multipleModelMethod="average">{before}{segments}</Segmentation></MiningModel>'
    )


def test_the_verification_of_a_segment_is_held() -> None:
    loaded = model(fields(x=NUMBER, y=NUMBER), mining(segment(5)))
    assert one(loaded, "y", {"x": 4}) == 9
    with pytest.raises(InvalidModel, match=r"its own verification fails: record 0: y is 5\.0, expected 99"):
        model(fields(x=NUMBER, y=NUMBER), mining(segment(99)))


def test_the_verification_of_a_segment_may_give_what_is_derived_around_it() -> None:
    derived = f'<TransformationDictionary><DerivedField name="d" {DOUBLE}><Apply function="+"><FieldRef field="x"/><Constant dataType="double">100</Constant></Apply></DerivedField></TransformationDictionary>'
    loaded = model(fields(x=NUMBER, y=NUMBER), mining(segment(5, of="d")), derived)
    assert one(loaded, "y", {"x": 1}) == 203
    with pytest.raises(InvalidModel, match="its own verification fails"):
        model(fields(x=NUMBER, y=NUMBER), mining(segment(6, of="d")), derived)


def test_the_transformations_of_a_segmentation_are_there_for_its_segments() -> None:
    local = f'<LocalTransformations><DerivedField name="d" {DOUBLE}><Apply function="*"><FieldRef field="x"/><Constant dataType="double">3</Constant></Apply></DerivedField></LocalTransformations>'
    assert one(model(fields(x=NUMBER, y=NUMBER), mining(segment(5, of="d"), local)), "y", {"x": 2}) == 13


NEIGHBORS = (
    '<NearestNeighborModel functionName="regression" numberOfNeighbors="1">{schema}'
    '<LocalTransformations><DerivedField name="d" {kind}><Apply function="*"><FieldRef field="x"/><Constant dataType="double">10</Constant></Apply></DerivedField></LocalTransformations>'
    '<TrainingInstances isTransformed="{done}"><InstanceFields><InstanceField field="{held}" column="x"/><InstanceField field="y" column="y"/></InstanceFields>'
    "<InlineTable><row><x>1</x><y>7</y></row><row><x>20</x><y>8</y></row></InlineTable></TrainingInstances>"
    '<ComparisonMeasure kind="{measure}"><euclidean/></ComparisonMeasure><KNNInputs><KNNInput field="d"/></KNNInputs></NearestNeighborModel>'
)


@pytest.mark.parametrize(("done", "held", "answers"), [("false", "x", [7, 8]), ("true", "d", [8, 8])])
def test_training_records_are_transformed_where_they_were_not(
    done: str, held: str, answers: list[float]
) -> None:
    text = NEIGHBORS.format(
        schema=schema("x", target="y"), kind=DOUBLE, done=done, held=held, measure="distance"
    )
    loaded = model(fields(x=NUMBER, y=NUMBER), text)
    # As 10 x: 20 and 150 lie near 10 and 200, or, taken as they are, near 20 both.
    assert [one(loaded, "y", {"x": x}) for x in (2, 15)] == answers


def test_neighbors_by_similarity_are_refused() -> None:
    text = NEIGHBORS.format(
        schema=schema("x", target="y"), kind=DOUBLE, done="false", held="x", measure="similarity"
    )
    with pytest.raises(
        UnsupportedModel, match="ComparisonMeasure kind='similarity' in a NearestNeighborModel"
    ):
        model(fields(x=NUMBER, y=NUMBER), text)


def test_the_input_of_a_network_has_its_data_type() -> None:
    text = (
        f'<NeuralNetwork functionName="regression" activationFunction="identity">{schema("x", target="y")}<NeuralInputs>'
        '<NeuralInput id="0"><DerivedField optype="continuous" dataType="float"><FieldRef field="x"/></DerivedField></NeuralInput></NeuralInputs>'
        '<NeuralLayer><Neuron id="1"><Con from="0" weight="1"/></Neuron></NeuralLayer>'
        f'<NeuralOutputs><NeuralOutput outputNeuron="1"><DerivedField {DOUBLE}><FieldRef field="y"/></DerivedField></NeuralOutput></NeuralOutputs></NeuralNetwork>'
    )
    loaded = model(fields(x=NUMBER, y=NUMBER), text)
    assert loaded.predict_one is not None
    assert one(loaded, "y", {"x": 0.1}) == loaded.predict_one([0.1])["y"] == float(np.float32(0.1))


@pytest.mark.parametrize(("written", "fired"), [("1", True), ("true", True), ("0", False), ("false", False)])
def test_a_truth_value_may_be_written_as_a_digit(written: str, fired: bool) -> None:
    text = (
        f'<SupportVectorMachineModel functionName="classification" maxWins="{written}">{schema("x", target="y")}<LinearKernelType/>'
        '<VectorDictionary><VectorFields><FieldRef field="x"/></VectorFields><VectorInstance id="v"><Array type="real" n="1">1</Array></VectorInstance></VectorDictionary>'
        + "".join(
            f'<SupportVectorMachine targetCategory="{name}"><SupportVectors><SupportVector vectorId="v"/></SupportVectors><Coefficients absoluteValue="0"><Coefficient value="{w}"/></Coefficients></SupportVectorMachine>'
            for name, w in (("high", 1), ("low", -1))
        )
        + "</SupportVectorMachineModel>"
    )
    loaded = model(fields(x=NUMBER, y=classes("high", "low")), text)
    assert one(loaded, "y", {"x": 5}) == ("high" if fired else "low")


def general(kind: str, function: str, more: str = "", category: str = "") -> str:
    return (
        f'<GeneralRegressionModel functionName="{function}" modelType="{kind}" {more}>{schema("x", "w", target="y")}'
        '<ParameterList><Parameter name="p0"/><Parameter name="p1"/></ParameterList><CovariateList><Predictor name="x"/></CovariateList>'
        '<PPMatrix><PPCell value="1" predictorName="x" parameterName="p1"/></PPMatrix>'
        f'<ParamMatrix><PCell parameterName="p0" beta="1" {category}/><PCell parameterName="p1" beta="2" {category}/></ParamMatrix></GeneralRegressionModel>'
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            general("multinomialLogistic", "regression"),
            "multinomialLogistic.* with functionName='regression'",
        ),
        (general("generalLinear", "classification"), "generalLinear.* with functionName='classification'"),
        (
            general("generalLinear", "regression", 'offsetVariable="w"'),
            "offset with modelType='generalLinear'",
        ),
        (general("generalLinear", "regression", 'trialsValue="3"'), "trials with modelType='generalLinear'"),
        (general("generalLinear", "regression", category='targetCategory="a"'), "PCell targetCategory='a'"),
    ],
)
def test_a_general_regression_refuses_what_its_type_does_not_use(text: str, named: str) -> None:
    kind = classes("a", "b") if "classification" in text else NUMBER
    with pytest.raises(UnsupportedModel, match=named):
        model(fields(x=NUMBER, w=NUMBER, y=kind), text)


SAS = (
    '<TransformationDictionary><DefineFunction name="SAS-EM-String-Normalize" optype="categorical" dataType="string"><ParameterField name="FMTWIDTH" optype="continuous"/>'
    '<ParameterField name="AnyCInput" optype="categorical"/><Apply function="trimBlanks"><Apply function="uppercase"><Apply function="substring"><FieldRef field="AnyCInput"/>'
    '<Constant>1</Constant><Constant>FMTWIDTH</Constant></Apply></Apply></Apply></DefineFunction><DefineFunction name="SAS-FORMAT-BESTw" optype="categorical" dataType="string">'
    '<ParameterField name="FMTWIDTH" optype="continuous"/><ParameterField name="AnyNInput" optype="continuous"/><Apply function="formatNumber"><FieldRef field="AnyNInput"/><Constant>FMTWIDTH</Constant></Apply></DefineFunction></TransformationDictionary>'
)


def sas(argument: str) -> str:
    return (
        f'<RegressionModel functionName="regression">{schema("c", "k", target="y")}<LocalTransformations><DerivedField name="d" optype="categorical" dataType="string">'
        f'<Apply function="SAS-EM-String-Normalize"><Constant dataType="integer">4</Constant>{argument}</Apply></DerivedField></LocalTransformations>'
        '<RegressionTable intercept="0"><CategoricalPredictor name="d" value="WAGO" coefficient="1"/><CategoricalPredictor name="d" value="12" coefficient="5"/></RegressionTable></RegressionModel>'
    )


def test_the_functions_of_sas_enterprise_miner_are_done() -> None:
    dictionary = fields(c=TEXT, k=WHOLE, y=NUMBER)
    loaded = model(dictionary, sas('<FieldRef field="c"/>'), SAS)
    assert [one(loaded, "y", {"c": c, "k": 0}) for c in ("  wagon", "Wago", "wag", "12 ")] == [1, 1, 0, 5]
    best = '<Apply function="SAS-FORMAT-BESTw"><Constant dataType="integer">12</Constant><FieldRef field="k"/></Apply>'
    loaded = model(dictionary, sas(best), SAS)
    assert [one(loaded, "y", {"c": "a", "k": k}) for k in (12, 13)] == [5, 0]


@pytest.mark.parametrize(
    ("width", "value", "text"),
    [(12, 3.0, "3"), (12, -0.5, "-0.5"), (6, 1234.5678, "1234.6"), (4, 1234.5678, "1235"), (5, 123456789, "1.2E8"),
     (6, 0.0000012, "1.2E-6"), (2, 123456, "**"), (12, 0.1 + 0.2, "0.3"), (12, 1e300, "1E300")],
)  # fmt: skip
def test_a_number_is_written_as_exactly_as_the_width_allows(width: int, value: float, text: str) -> None:
    assert best_number(width, value) == text


def test_texts_are_cut_and_written_in_capitals() -> None:
    assert normalized(3, "  abcd") == "ABC"
    assert first_characters(3, " abcd") == " ab"


@pytest.mark.parametrize(
    "table",
    [
        '<RegressionTable intercept="1"><NumericPredictor name="x" exponent="0" coefficient="2"/></RegressionTable>',
        '<RegressionTable intercept="1"><NumericPredictor name="d" coefficient="2"/></RegressionTable>',
    ],
)
def test_a_power_of_a_missing_number_is_missing_also_the_0th(table: str) -> None:
    derived = f'<LocalTransformations><DerivedField name="d" {DOUBLE}><Apply function="pow"><FieldRef field="x"/><Constant dataType="double">0</Constant></Apply></DerivedField></LocalTransformations>'
    text = f'<RegressionModel functionName="regression">{schema("x", target="y")}{derived}{table}</RegressionModel>'
    loaded = model(fields(x=NUMBER, y=NUMBER), text)
    assert [one(loaded, "y", {"x": x}) for x in (5, None)] == [3, None]
