"""Records that end the process of a model: found by halving, set aside, and the rest is scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foresight.scoring import isolation
from foresight.scoring.bundles import BundleRun, Settings
from foresight.scoring.errors import InvalidModel
from foresight.scoring.isolation import IsolatedScorer, Recipe
from foresight.scoring.outcome import ERROR, PREDICTION, BadRecord
from tests.unit.deadly import install
from tests.unit.iris import FLOWER, IRIS

RECIPE = Recipe(IRIS.read_bytes(), "pmml")


@pytest.fixture
def deadly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch)


def test_a_child_answers_as_the_scorer_does() -> None:
    with IsolatedScorer(RECIPE) as scorer:
        found, bad = scorer.score([FLOWER, {"sepal_width": "wide"}, BadRecord({"a": 1}, "line 3 is not CSV")])
    assert bad == [1, 2]
    assert found[0][PREDICTION]["PredictedValue"] == "setosa"
    assert found[2] == {"a": 1, ERROR: "line 3 is not CSV"}


@pytest.mark.usefixtures("deadly")
def test_a_record_that_ends_the_process_is_set_aside_and_the_others_are_scored() -> None:
    records: list[Any] = [{**FLOWER, "place": place} for place in range(9)]
    records[5]["sepal_width"] = 666.0
    good: list[Any] = []
    bad: list[Any] = []
    with IsolatedScorer(RECIPE) as scorer:
        load = BundleRun(
            records, scorer.score, good.extend, bad.extend, Settings(bundle_size=4, workers=2)
        ).run()
    assert (load.good, load.bad) == (8, 1)
    assert [record["place"] for record in good] == [0, 1, 2, 3, 4, 6, 7, 8]
    assert bad[0][ERROR] == "the model ended its process with signal SIGSEGV"


def test_a_model_that_the_child_refuses_is_refused_here() -> None:
    with IsolatedScorer(Recipe(b"<PMML", "pmml")) as scorer, pytest.raises(InvalidModel):
        scorer.score([FLOWER])


def test_no_child_is_left_behind() -> None:
    with IsolatedScorer(RECIPE) as scorer:
        scorer.score([FLOWER])
        child = scorer._child
        assert child is not None
    assert child.poll() is not None
    assert isolation.IsolatedScorer(RECIPE)._child is None
