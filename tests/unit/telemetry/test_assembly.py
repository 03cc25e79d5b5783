"""Putting replies together: every point in its slot, or counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.errors import BadAnswer
from foresight.grid import Grid
from foresight.series import SeriesKey
from foresight.telemetry.assembly import Assembly
from foresight.telemetry.catalogue import WatchedMetric
from foresight.telemetry.reply import RangeReply
from foresight.telemetry.source import Extraction, Selection, Shard

ENTRY = WatchedMetric(name="a", metric="a")
GRID = Grid(600, 10)
KEYS = tuple(SeriesKey.of("a", {"i": str(i)}) for i in range(3))
SELECTION = Selection(ENTRY, KEYS)
SHARD = Shard(0, GRID, (SELECTION,))

Points = dict[str, list[tuple[float, float]]]


def reply(points: Points, *warnings: str) -> RangeReply:
    flat = [point for one in points.values() for point in one]
    return RangeReply(
        tuple({"i": name} for name in points),
        np.array([len(one) for one in points.values()], dtype=np.int64),
        np.array([epoch for epoch, _ in flat], dtype=np.float64),
        np.array([value for _, value in flat], dtype=np.float64),
        warnings,
    )


def assembled(*parts: tuple[Grid, RangeReply], shard: Shard = SHARD) -> Extraction:
    assembly = Assembly(shard)
    for grid, part in parts:
        assembly.add(shard.selections[0], grid, part, 100)
    return assembly.finished(1.0)


def counted(extraction: Extraction, row: int) -> dict[str, int]:
    return {name: int(counts[row]) for name, counts in extraction.counts.items() if counts[row]}


def test_a_point_lands_in_the_slot_that_it_ends() -> None:
    extraction = assembled((GRID, reply({"0": [(60, 1.0), (600, 2.0)]})))
    row = extraction.matrix.values[0]
    assert (row[0], row[9], int(np.isnan(row).sum())) == (1.0, 2.0, 8)


def test_parts_of_the_grid_join() -> None:
    early, late = Grid(300, 5), Grid(600, 5)
    parts = (
        (late, reply({"1": [(360, 3.0)], "0": [(600, 4.0)]})),
        (early, reply({"0": [(60, 1.0)], "1": [(300, 2.0)]})),
    )
    extraction = assembled(*parts)
    assert extraction.matrix.values[0, [0, 9]].tolist() == [1.0, 4.0]
    assert extraction.matrix.values[1, [4, 5]].tolist() == [2.0, 3.0]
    assert (extraction.n_bytes, extraction.missing) == (200, (KEYS[2],))


def test_what_is_not_finite_is_missing_and_counted() -> None:
    points = [(60, np.nan), (120, np.inf), (180, -np.inf), (240, 5.0)]
    extraction = assembled((GRID, reply({"0": points})))
    assert np.isnan(extraction.matrix.values[0, :3]).all()
    assert counted(extraction, 0) == {"points": 4, "nan": 1, "infinite": 2}


def test_points_off_the_grid_or_after_its_end_are_counted_and_left_out() -> None:
    points = [(0, 1.0), (61, 1.0), (90.5, 1.0), (660, 1.0), (661, 1.0)]
    extraction = assembled((GRID, reply({"0": points})))
    assert np.isnan(extraction.matrix.values[0]).all()
    assert counted(extraction, 0) == {"points": 5, "off_grid": 3, "future": 2}


def test_points_outside_the_part_that_was_asked_for_are_off_the_grid() -> None:
    extraction = assembled((Grid(300, 5), reply({"0": [(360, 1.0)]})))
    assert counted(extraction, 0) == {"points": 1, "off_grid": 1}


def test_points_given_twice_are_counted() -> None:
    extraction = assembled((GRID, reply({"1": [(60, 1.0), (120, 1.0), (60, 2.0), (60, 3.0)]})))
    assert counted(extraction, 1) == {"points": 4, "duplicate": 2}


def test_a_series_given_twice_is_a_bad_answer() -> None:
    twice = reply({"0": [(60, 1.0)], "1": []})
    twice = RangeReply(({"i": "0"}, {"i": "0"}), twice.counts, twice.epochs, twice.values, ())
    with pytest.raises(BadAnswer, match="comes twice"):
        assembled((GRID, twice))


def test_what_nobody_planned_is_named_and_left_out() -> None:
    extraction = assembled((GRID, reply({"0": [(60, 1.0)], "9": [(60, 7.0)], "1": [(60, 2.0)]})))
    assert extraction.unexpected == (SeriesKey.of("a", {"i": "9"}),)
    assert extraction.matrix.values[:, 0].tolist()[:2] == [1.0, 2.0]
    assert 7.0 not in extraction.matrix.values


def test_warnings_make_an_answer_incomplete_and_are_kept_once() -> None:
    full: Points = {str(i): [(60, 1.0)] for i in range(3)}
    assert assembled((GRID, reply(full))).is_complete
    warned = assembled((GRID, reply(full, "half")), (GRID, reply({}, "half", "other")))
    assert (warned.is_complete, warned.warnings) == (False, ("half", "other"))


def test_selections_of_several_entries_share_the_matrix() -> None:
    other = Selection(WatchedMetric(name="b", query="x"), (SeriesKey.of("b", {"i": "0"}),))
    assembly = Assembly(Shard(0, GRID, (SELECTION, other)))
    assembly.add(SELECTION, GRID, reply({"0": [(60, 1.0)]}), 1)
    assembly.add(other, GRID, reply({"0": [(60, 2.0)]}), 1)
    assert assembly.finished(0.0).matrix.values[[0, 3], 0].tolist() == [1.0, 2.0]


epochs = st.one_of(st.integers(-2, 13).map(lambda slot: slot * 60), st.integers(-100, 900))
values = st.one_of(st.floats(-10, 10), st.sampled_from([np.nan, np.inf, -np.inf]))
rows = st.lists(st.tuples(epochs.map(float), values), max_size=12)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from("0123"), rows, max_size=4))
def test_no_point_is_lost_without_being_counted(points: Points) -> None:
    extraction = assembled((GRID, reply(points)))
    for row, key in enumerate(KEYS):
        given_points = points.get(dict(key.labels)["i"], [])
        count = {name: int(counts[row]) for name, counts in extraction.counts.items()}
        assert count["points"] == len(given_points)
        landed = {epoch for epoch, _ in given_points if epoch % 60 == 0 and 0 < epoch <= 600}
        assert len(given_points) == len(landed) + count["duplicate"] + count["off_grid"] + count["future"]
        last = {epoch: value for epoch, value in given_points if epoch in landed}
        for epoch, value in last.items():
            expected = value if np.isfinite(value) else np.nan
            assert np.array_equal(
                extraction.matrix.values[row, int(epoch) // 60 - 1], expected, equal_nan=True
            )
        assert (key in extraction.missing) == (not given_points)
