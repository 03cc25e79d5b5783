"""What a load test measures, makes and recommends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import foresight.scoring
from foresight.scoring.errors import InvalidMapping
from foresight.scoring.kinds import load_model
from foresight.scoring.load_test import Cell, Grid, generate, measure, plot, recommend, spoil
from foresight.scoring.mapping import read_mapping
from foresight.scoring.model import Bounds, InputField, OutputField, Signature
from foresight.scoring.records import RecordScorer

IRIS = load_model(Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml")
MIXED = Signature(
    (
        InputField("number", "double", bounds=(Bounds(-2.0, float("inf"), low_open=True),)),
        InputField("small", "double", bounds=(Bounds(0.0, 0.001, low_open=True, high_open=True),)),
        InputField("whole", "integer"),
        InputField("word", "string", values=("red", "blue")),
        InputField("text", "string", is_mandatory=False),
        InputField("flag", "boolean"),
    ),
    (OutputField("y", "double"),),
)


def iris_scorer(mapping: Any = None) -> RecordScorer:
    return RecordScorer(IRIS, read_mapping(mapping, IRIS.signature))


def cell(size: int, workers: int, load: float, p99: float) -> Cell:
    return Cell(size, workers, 100, 100, 0, 1.0, load, p99 / 2, p99)


@pytest.mark.parametrize("mapping", [None, [{"model_field": "__array__", "tuple_field": "a"}]])
def test_made_records_are_good_and_spoilt_ones_bad(mapping: Any) -> None:
    fields = read_mapping(mapping, MIXED)
    made = generate(fields, 400, seed=4)
    assert [fields.values(record)[1] for record in made] == [[]] * 400
    assert made == generate(fields, 400, seed=4)
    spoilt = spoil(made, fields, 0.25)
    assert sum(bool(fields.values(record)[1]) for record in spoilt) == 100
    assert [fields.values(record)[1] for record in made] == [[]] * 400


def test_every_cell_is_measured_and_its_counts_add_up() -> None:
    grid = Grid((1, 50), (1, 3), 0.05, 0.2)
    scorer = iris_scorer()
    cells = list(measure(scorer, spoil(generate(scorer.mapping, 1000), scorer.mapping, 0.2), grid))
    assert [(one.bundle_size, one.workers) for one in cells] == [(1, 1), (1, 3), (50, 1), (50, 3)]
    for one in cells:
        assert one.n_good + one.n_bad == one.n_records > 0
        assert one.n_records % one.bundle_size == 0
        assert one.n_bad
        assert 0 < one.latency_p50_ms <= one.latency_p99_ms
        assert one.records_per_second == pytest.approx(one.n_records / one.seconds)


def test_fewer_records_than_a_bundle_go_round_and_none_are_refused() -> None:
    scorer = iris_scorer()
    (one,) = measure(scorer, generate(scorer.mapping, 3), Grid((7,), (2,), 0.05))
    assert (one.n_records % 7, one.n_bad) == (0, 0)
    with pytest.raises(InvalidMapping, match="no records"):
        next(measure(scorer, [], Grid()))


def test_of_loads_that_are_alike_the_shortest_latency_is_recommended() -> None:
    cells = [cell(1, 1, 500, 0.1), cell(100, 1, 970, 2.0), cell(1000, 1, 1000, 9.0), cell(1000, 5, 940, 1.0)]
    assert recommend(cells) == cells[1]
    assert recommend(cells[:1]) == cells[0]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"bundle_sizes": ()}, "bundle_sizes must be"),
        ({"bundle_sizes": (0, 1)}, "bundle_size must be from 1"),
        ({"workers": (1, 1)}, "workers must be different"),
        ({"workers": (257,)}, "workers must be from 1 to 256"),
        ({"bundle_sizes": tuple(range(1, 20)), "workers": (1, 2, 3, 4)}, "76 cells, at most 64"),
        ({"seconds": 100.0}, "seconds must be from"),
        ({"seconds": 0.0}, "seconds must be from"),
        ({"seconds": float("nan")}, "seconds must be from"),
        ({"error_share": 1.0}, "error_share must be"),
    ],
)
def test_a_grid_that_cannot_be_is_refused_by_name(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidMapping, match=complaint):
        Grid(**values)


def test_the_plot_has_a_line_for_each_number_of_workers() -> None:
    cells = [cell(size, workers, 100.0 * size, 1.0) for size in (1, 10) for workers in (1, 4)]
    picture = plot(cells, "iris@champion <1> $x")
    assert b"<svg" in picture
    assert b"<script" not in picture
    assert picture.count(b'id="legend_1"') == 1
    assert plot(cells[:1], "one")
