"""Documents that a converter wrote say what the library that trained the model said."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from foresight.scoring.kinds import load_model
from foresight.scoring.outcome import PREDICTION
from tests.unit.scoring.agreement import check, optional

ROOT = Path(__file__).parents[3] / "data" / "converted"
NAMES = sorted(path.stem for path in ROOT.glob("*.pmml"))


def test_the_documents_are_there() -> None:
    assert len(NAMES) >= 10


def _agrees(got: Any, wanted: Any) -> bool:
    if isinstance(got, str) or isinstance(wanted, str):
        return str(got) == str(wanted)
    return math.isclose(got, wanted, rel_tol=1e-5, abs_tol=1e-5)  # some of the libraries compute in float32


@pytest.mark.parametrize("name", NAMES)
def test_a_converted_model_says_what_its_library_said(name: str) -> None:
    given = json.loads((ROOT / f"{name}.json").read_text())
    scorer = optional(load_model(ROOT / f"{name}.pmml"))
    found, bad = scorer.score(given["records"])
    assert bad == []
    for place, record in enumerate(found):
        prediction, wanted = record[PREDICTION], given["predict"][place]
        if isinstance(wanted, list):
            assert all(_agrees(prediction[f"y{i}"], value) for i, value in enumerate(wanted, start=1))
            continue
        assert _agrees(next(iter(prediction.values())), wanted), record
        for label, share in zip(given.get("classes", ()), given.get("proba", [()] * 99)[place], strict=False):
            assert _agrees(prediction.get(f"probability({label})", share), share), record


@pytest.mark.parametrize("name", NAMES)
def test_a_converted_model_has_one_answer(name: str) -> None:
    given = json.loads((ROOT / f"{name}.json").read_text())
    check(optional(load_model(ROOT / f"{name}.pmml")), given["records"], 1e-9)
