"""Models that others published, with the answers that others expect: every row, every expected column."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

from foresight.scoring.kinds import load_model
from tests.unit.scoring.pmml.documents import column

ROOT = Path(__file__).parents[3] / "data" / "pmml"
TRIPLES: list[dict[str, Any]] = json.loads((ROOT / "manifest.json").read_text())
MISSING = {"", "NA", "N/A"}
TOLERANCE = {"IrisLinearReg": 2e-7, "NeuralNetworkOzone": 1e-8, "HousingGBTRegressor": 1e-10}
"""Expected values that were written with fewer digits."""


def test_all_triples_are_there() -> None:
    assert len(TRIPLES) == 23


def _table(path: Path) -> tuple[list[str], list[list[str | None]]]:
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    return header, [[None if cell in MISSING else cell for cell in row] for row in rows]


def _split(triple: dict[str, Any]) -> tuple[dict[str, Any], dict[str, list[str | None]]]:
    header, rows = _table(ROOT / triple["input"])
    if triple["source"] == "cpmml":
        first = header.index("prediction")
        wanted = {name: [row[first + i] for row in rows] for i, name in enumerate(header[first:])}
        header = header[:first]
    else:
        names, expected = _table(ROOT / triple["expected"])
        wanted = {name: [row[i] for row in expected] for i, name in enumerate(names)}
    return {name: column([row[i] for row in rows]) for i, name in enumerate(header)}, wanted


def _agrees(expected: str | None, got: Any, tolerance: float) -> bool:
    if expected is None:
        return got is None or got != got
    try:
        return math.isclose(float(expected), float(got), rel_tol=tolerance, abs_tol=tolerance)
    except ValueError:
        return expected == str(got).lower() if isinstance(got, bool) else expected == str(got)


@pytest.mark.parametrize("triple", TRIPLES, ids=lambda t: f"{t['source']}-{t['name']}")
def test_a_published_model_gives_the_published_answers(triple: dict[str, Any]) -> None:
    loaded = load_model(ROOT / triple["pmml"])
    inputs, wanted = _split(triple)
    scored = loaded.predict(inputs)
    assert scored.errors == {}
    tolerance = TOLERANCE.get(triple["name"], 1e-12)
    predicted = loaded.signature.outputs[0].name
    for name, expected in wanted.items():
        found = scored.columns.get(
            name, scored.columns.get(f"probability({name.removeprefix('Probability_')})")
        )
        got = (scored.columns[predicted] if found is None else found).tolist()
        wrong = [(e, g) for e, g in zip(expected, got, strict=True) if not _agrees(e, g, tolerance)]
        assert not wrong, f"{name}: {len(wrong)} of {len(got)} differ, first (expected, got) {wrong[:3]}"
        assert len(got) == triple["rows"]
