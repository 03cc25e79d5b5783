"""Whole documents that are odd, hostile or broken by chance: refused when stored, or scored record by record."""

# ruff: noqa: E501 (pieces of documents read better in one line)
from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from foresight.scoring.errors import InvalidModel
from foresight.scoring.pmml import runtime, text_functions
from foresight.scoring.pmml.program import compile_program
from foresight.scoring.pmml.runtime import load
from foresight.scoring.pmml.tree import Tree
from tests.unit.scoring.pmml.documents import NUMBER, TEXT, document, fields, model, one, schema

PLAIN = document(
    fields(x=NUMBER, y=NUMBER),
    f'<RegressionModel functionName="regression">{schema("x", target="y")}<RegressionTable intercept="0.5"><NumericPredictor name="x" coefficient="2"/></RegressionTable></RegressionModel>',
).decode()
BODY = PLAIN.partition("?>")[2]
DATA = Path(__file__).parents[3] / "data"
MODELS = sorted(path for kind in ("iris", "pmml", "scoring") for path in (DATA / kind).rglob("*.pmml"))


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + PLAIN.encode(),
        BODY.encode("utf-16"),
        ('<?xml version="1.0" encoding="UTF-16"?>' + BODY).encode("utf-16"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><!-- \xe9 -->' + BODY).encode("latin-1"),
        ('<?xml-stylesheet href="http://127.0.0.1:9/x.xsl"?>' + BODY).encode(),
        PLAIN.replace("\n", "\r").encode(),
    ],
    ids=["utf-8 mark", "utf-16 mark", "utf-16 declared", "latin-1", "instruction", "cr"],
)
def test_an_encoding_or_an_instruction_changes_nothing(text: bytes) -> None:
    assert one(load(text), "y", {"x": 1}) == 2.5


@pytest.mark.parametrize(
    ("old", "new"),
    [('coefficient="2"', 'coefficient="NaN"'), ('intercept="0.5"', f'intercept="{"9" * 400}"'), ('version="4.4"', 'version="2.1"'),
     ('version="4.4"', ""), ("<RegressionTable", "<Regression"), ('name="x" coefficient', 'name="q" coefficient')],
)  # fmt: skip
def test_a_document_that_cannot_be_meant_is_refused(old: str, new: str) -> None:
    assert old in PLAIN
    with pytest.raises(InvalidModel):
        load(PLAIN.replace(old, new, 1).encode())


def test_nested_predicates_that_double_are_walked_instead_of_written_out() -> None:
    less = '<SimplePredicate field="x" operator="lessThan" value="{}"/>'
    opened = '<CompoundPredicate booleanOperator="xor">' * 28
    closed = (less.format(3) + "</CompoundPredicate>") * 28
    inner = f'<Node score="2">{opened}{less.format(1)}{less.format(2)}{closed}</Node>'
    loaded = model(
        fields(x=NUMBER, y=NUMBER),
        f'<TreeModel functionName="regression">{schema("x", target="y")}<Node score="1"><True/>{inner}</Node></TreeModel>',
    )
    tree = loaded._document.model.algorithm
    assert isinstance(tree, Tree)
    assert compile_program(tree.nodes, "none", keeps_last=False) is None
    assert [one(loaded, "y", {"x": x}) for x in (1.5, 9)] == [2.0, None]


@pytest.mark.parametrize(
    "step",
    [
        '<Apply function="concat">' + '<FieldRef field="{0}"/>' * 10 + "</Apply>",
        '<Apply function="replace"><FieldRef field="{0}"/><Constant dataType="string">(?=(.*))</Constant><Constant dataType="string">$1</Constant></Apply>',
    ],
    ids=["concat", "replace"],
)
def test_a_text_does_not_grow_without_bound(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_functions, "MAX_TEXT", 10_000)
    names = ["w", *(f"t{i}" for i in range(12))]
    derived = "".join(
        f'<DerivedField name="{new}" optype="categorical" dataType="string">{step.replace("{0}", old)}</DerivedField>'
        for old, new in itertools.pairwise(names)
    )
    output = '<Output><OutputField name="o" feature="transformedValue"><FieldRef field="t11"/></OutputField></Output>'
    text = f'<RegressionModel functionName="regression">{schema("w", target="y")}{output}<LocalTransformations>{derived}</LocalTransformations><RegressionTable intercept="0"/></RegressionModel>'
    with pytest.raises(InvalidModel, match="grows beyond"):
        one(model(fields(w=TEXT, y=NUMBER), text), "o", {"w": "a" * 50})


def _mutations(text: str, rng: random.Random) -> Iterator[bytes]:
    """Documents with one attribute emptied, made absurd or dropped, or one element renamed or dropped."""
    places = [*re.finditer(r' [\w-]+="([^"]*)"', text), *re.finditer(r"<\w+[^<>]*/>", text)]
    for place in rng.sample(places, min(len(places), 25)):
        start, end = place.span()
        if place.group().startswith("<"):
            new = rng.choice(["", "<True/>", place.group() * 2])
        else:
            name = place.group().partition("=")[0]
            new = rng.choice(["", *(f'{name}="{v}"' for v in ("", "NaN", "-1", "1e400", "zzz", "string"))])
        yield (text[:start] + new + text[end:]).encode()


@pytest.mark.parametrize("path", [p for p in MODELS if p.stat().st_size < 60_000], ids=lambda p: p.stem)
def test_a_broken_model_is_refused_when_stored_or_scores_every_record(path: Path) -> None:
    rng = random.Random(7)  # noqa: S311 (no secret)
    oddities = [None, 0, -1.5, 1e308, "a", "", True, 10**30, float("inf"), [1], {"a": 1}]
    for text in _mutations(path.read_text(), rng):
        try:
            loaded = load(text)
        except InvalidModel:
            continue
        columns = {}
        for field in loaded.signature.inputs:
            columns[field.name] = np.empty(len(oddities), object)
            columns[field.name][:] = rng.sample(oddities, len(oddities))
        scored = loaded.predict(columns)
        lengths = {len(scored.columns[out.name]) for out in loaded.signature.outputs}
        assert lengths == {len(oddities) if columns else 1}


def of_outputs(outputs: str) -> bytes:
    text = f'<RegressionModel functionName="regression">{schema("x", target="y")}<Output>{outputs}</Output><RegressionTable intercept="1"/></RegressionModel>'
    return document(fields(x=NUMBER, y=NUMBER), text)


def test_predictions_that_are_much_larger_than_records_are_refused() -> None:
    many = "".join(f'<OutputField name="o{i}" feature="predictedValue"/>' for i in range(1001))
    with pytest.raises(InvalidModel, match="1001 outputs, more than the 1000 allowed"):
        load(of_outputs(many))
    long = "".join(f'<OutputField name="{"o" * 700}{i}" feature="predictedValue"/>' for i in range(100))
    with pytest.raises(InvalidModel, match="names of the outputs"):
        load(of_outputs(long))


def test_a_prediction_of_too_many_characters_makes_its_record_bad() -> None:
    text = f'<OutputField name="o" feature="transformedValue" dataType="string"><Apply function="if"><Apply function="greaterThan"><FieldRef field="x"/><Constant dataType="double">0</Constant></Apply><Constant dataType="string">{"a" * 70_000}</Constant><Constant dataType="string">b</Constant></Apply></OutputField>'
    scored = load(of_outputs(text)).predict({"x": np.array([1.0, -1.0])})
    assert scored.errors == {0: "its prediction has more than 65536 characters"}
    assert scored.columns["o"][1] == "b"


def test_a_table_that_a_few_words_ask_for_is_bounded() -> None:
    sources = "".join(
        f'<NeuralInput id="i{i}"><DerivedField><FieldRef field="x"/></DerivedField></NeuralInput>'
        for i in range(5000)
    )
    neurons = "".join(f'<Neuron id="n{i}"><Con from="i{i}" weight="1"/></Neuron>' for i in range(5000))
    out = '<NeuralOutputs><NeuralOutput outputNeuron="n0"><DerivedField><FieldRef field="y"/></DerivedField></NeuralOutput></NeuralOutputs>'
    text = f'<NeuralNetwork functionName="regression" activationFunction="identity">{schema("x", target="y")}<NeuralInputs>{sources}</NeuralInputs><NeuralLayer>{neurons}</NeuralLayer>{out}</NeuralNetwork>'
    with pytest.raises(InvalidModel, match="table of 25000000 numbers"):
        load(document(fields(x=NUMBER, y=NUMBER), text))


def test_many_records_are_scored_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_BLOCK", 30)
    loaded = load(PLAIN.encode())
    values = np.array([*range(40), "odd"], object)
    scored = loaded.predict({"x": values})
    assert scored.columns["y"][:40].tolist() == [0.5 + 2 * i for i in range(40)]
    assert list(scored.errors) == [40]
