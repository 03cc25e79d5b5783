"""The table of elements and attributes: complete, and kept by every document."""

# ruff: noqa: E501 (pieces of documents read better in one line)
from __future__ import annotations

from pathlib import Path

import pytest

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.compiler import READERS
from foresight.scoring.pmml.runtime import load
from foresight.scoring.pmml.vocabulary import HARMLESS, REFUSED, table, verdict
from tests.unit.scoring.pmml.documents import NUMBER, document, fields, schema

SCHEMA = Path(__file__).parents[3] / "data" / "pmml" / "schema-4.4.txt"
"""Each element of PMML 4.4 with its attributes, read out of the schema."""
ELEMENTS = {line.split()[0]: line.split()[1:] for line in SCHEMA.read_text().splitlines()}
PLAIN = document(
    fields(x=NUMBER, y=NUMBER),
    f'<RegressionModel functionName="regression">{schema("x", target="y")}<RegressionTable intercept="1">'
    '<NumericPredictor name="x" coefficient="2"/></RegressionTable></RegressionModel>',
).decode()


def test_the_schema_is_whole() -> None:
    assert len(ELEMENTS) == 305
    assert sum(map(len, ELEMENTS.values())) > 700


@pytest.mark.parametrize("element", ELEMENTS)
def test_every_element_and_attribute_has_its_verdict(element: str) -> None:
    found = [verdict(element), *(verdict(element, attribute) for attribute in ELEMENTS[element])]
    assert set(found) <= {"done", "harmless", "refused"}


def test_no_element_has_two_verdicts() -> None:
    assert not HARMLESS & REFUSED
    assert not table().keys() & (HARMLESS | REFUSED)


def test_the_models_that_are_done_are_those_with_a_reader() -> None:
    models = {name for name in table() if name.endswith("Model")} | {"NeuralNetwork", "Scorecard"}
    assert models == READERS.keys()


@pytest.mark.parametrize("element", sorted(REFUSED))
def test_an_element_that_is_not_done_is_refused_by_its_name(element: str) -> None:
    text = PLAIN.replace("<RegressionTable", f"<{element}/><RegressionTable", 1)
    with pytest.raises(UnsupportedModel) as caught:
        load(text.encode())
    assert caught.value.element.split()[0] == element


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("coefficient=", 'x-power="2" coefficient=', "NumericPredictor x-power"),
        ("coefficient=", 'colour="red" coefficient=', "NumericPredictor colour"),
        ("<RegressionTable", "<Magic/><RegressionTable", "Magic"),
        ('<DataField name="x"', '<DataField isCyclic="1" name="x"', "DataField isCyclic"),
        ("<RegressionModel ", '<RegressionModel x-mathContext="half" ', "RegressionModel x-mathContext"),
    ],
)
def test_what_the_table_does_not_have_is_refused_by_its_name(old: str, new: str, named: str) -> None:
    with pytest.raises(UnsupportedModel, match=named):
        load(PLAIN.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<Header/>", '<Header copyright="me"><Application name="a"/><Extension x="1"><Any/></Extension></Header>'),
        ('<DataField name="x"', '<DataField isCyclic="0" displayName="X" name="x"'),
        ("<RegressionTable", '<ModelStats><UnivariateStats field="x"/></ModelStats><RegressionTable'),
        ('version="4.4"', 'version="4.4" x-baseVersion="4.3"'),
        ("</PMML>", '<TreeModel functionName="regression" colour="red"/></PMML>'),
    ],
)  # fmt: skip
def test_what_changes_nothing_is_passed_over(old: str, new: str) -> None:
    load(PLAIN.replace(old, new, 1).encode())


def test_the_documentation_counts_what_is_done() -> None:
    page = (Path(__file__).parents[4] / "docs" / "scoring.md").read_text()
    attributes = [verdict(e, a) for e, names in ELEMENTS.items() if verdict(e) == "done" for a in names]
    for kind in ("done", "harmless", "refused"):
        elements = sum(verdict(element) == kind for element in ELEMENTS)
        assert f"| {kind} | {elements} | {attributes.count(kind)} |" in page
