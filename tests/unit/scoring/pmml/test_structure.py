"""Which element may stand in which, and how often: complete, and kept by every document."""

# ruff: noqa: E501 (pieces of documents read better in one line)
from __future__ import annotations

from pathlib import Path

import pytest

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.pmml.runtime import load
from foresight.scoring.pmml.structure import children
from foresight.scoring.pmml.vocabulary import HARMLESS, REFUSED, table
from tests.unit.scoring.pmml.documents import NUMBER, document, fields, schema

SCHEMA = Path(__file__).parents[3] / "data" / "pmml" / "children-4.4.txt"
"""Each element of PMML 4.4 with its children, read out of the schema; a star follows those that repeat."""
CHILDREN = {line.split()[0]: line.split()[1:] for line in SCHEMA.read_text().splitlines()}
MORE = {("ClusteringModel", "Targets")}
"""What the schema leaves out and is done all the same."""
INNER = (
    f'<RegressionModel functionName="regression">{schema("x", target="y")}<RegressionTable intercept="1">'
    '<NumericPredictor name="x" coefficient="2"/></RegressionTable></RegressionModel>'
)
PLAIN = document(fields(x=NUMBER, y=NUMBER), INNER).decode()


def test_the_schema_is_whole() -> None:
    assert len(CHILDREN) == 305
    assert sum(map(len, CHILDREN.values())) > 700


@pytest.mark.parametrize("element", sorted(table()))
def test_every_child_of_the_schema_is_known_refused_or_harmless(element: str) -> None:
    wanted = {name.rstrip("*"): name.endswith("*") for name in CHILDREN.get(element, [])}
    wanted = {name: many for name, many in wanted.items() if name not in HARMLESS | REFUSED}
    known = {name: not group for name, group in children().get(element, {}).items()}
    known = {name: many for name, many in known.items() if (element, name) not in MORE}
    assert known == wanted


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("<NumericPredictor", '<Target field="y"/><NumericPredictor', "Target in RegressionTable"),
        ("</MiningSchema>", '<OutputField name="o"/></MiningSchema>', "OutputField in MiningSchema"),
        ("</RegressionModel>", '<OutputField name="o"/></RegressionModel>', "OutputField in RegressionModel"),
        ("</RegressionModel>", "<Output/><Output/></RegressionModel>", "a second Output in RegressionModel"),
        ("</RegressionModel>", "<MiningSchema/></RegressionModel>", "a second MiningSchema in RegressionModel"),
        ("<RegressionModel ", "<TransformationDictionary/><TransformationDictionary/><RegressionModel ", "a second TransformationDictionary in PMML"),
        ("<Header/>", '<DefineFunction name="f"/>', "DefineFunction in PMML"),
        ("</PMML>", '<DerivedField name="d"/></PMML>', "DerivedField in PMML"),
        ("</RegressionModel>", '<LocalTransformations><DerivedField name="d" dataType="double" optype="continuous"><Constant>1</Constant><Constant>2</Constant></DerivedField></LocalTransformations></RegressionModel>', "a second Constant in DerivedField"),
    ],
)  # fmt: skip
def test_an_element_in_the_wrong_place_is_refused_by_its_name(old: str, new: str, named: str) -> None:
    with pytest.raises(UnsupportedModel, match=named):
        load(PLAIN.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("</RegressionTable>", '</RegressionTable><RegressionTable intercept="5"/>', "a regression has one RegressionTable"),
        ('functionName="regression"', 'functionName="regression" isScorable="maybe"', "isScorable 'maybe' is neither true nor false"),
    ],
)  # fmt: skip
def test_what_would_be_passed_over_is_refused(old: str, new: str, named: str) -> None:
    with pytest.raises(InvalidModel, match=named):
        load(PLAIN.replace(old, new, 1).encode())
