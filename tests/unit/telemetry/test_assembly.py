"""Putting replies together: every point in its slot, or counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.errors import BadAnswer
from foresight.grid import Grid
from foresight.series import SeriesKey
from foresight.telemetry.assembly import Answer, Assembly, better, joined
from foresight.telemetry.catalogue import WatchedMetric
from foresight.telemetry.reply import RangeReply
from foresight.telemetry.source import EntryUnavailable, Extraction, Selection, Shard

ENTRY = WatchedMetric(name="a", metric="a")
GRID = Grid(600, 10)
KEYS = tuple(SeriesKey.of("a", {"i": str(i)}) for i in range(3))
SELECTION = Selection(ENTRY, KEYS)
SHARD = Shard(0, GRID, (SELECTION,))

Points = dict[str, list[tuple[float, float]]]


def reply(points: Points, *warnings: str, remarks: tuple[str, ...] = ()) -> RangeReply:
    flat = [point for one in points.values() for point in one]
    return RangeReply(
        tuple({"i": name} for name in points),
        np.array([len(one) for one in points.values()], dtype=np.int64),
        np.array([epoch for epoch, _ in flat], dtype=np.float64),
        np.array([value for _, value in flat], dtype=np.float64),
        warnings,
        remarks,
    )


def assembled(*parts: tuple[Grid, RangeReply], shard: Shard = SHARD) -> Extraction:
    return joined(shard, [answer(*parts, selection=shard.selections[0])], 1.0)


def answer(*parts: tuple[Grid, RangeReply], selection: Selection = SELECTION) -> Answer:
    assembly = Assembly(selection, GRID)
    for grid, part in parts:
        assembly.add(grid, part, 100)
    return assembly.finished()


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


FULL: Points = {str(i): [(60, 1.0)] for i in range(3)}


def test_a_warning_makes_an_answer_partial_and_is_kept_once() -> None:
    assert assembled((GRID, reply(FULL))).is_complete
    warned = assembled((GRID, reply(FULL, "half")), (GRID, reply({}, "half", "other")))
    assert (warned.is_complete, warned.partial) == (False, {"a": ("half", "other")})


def test_a_remark_about_the_query_leaves_the_answer_whole_and_is_kept() -> None:
    remarked = assembled((GRID, reply(FULL, remarks=("odd quantile",))))
    assert (remarked.is_complete, remarked.remarks) == (True, {"a": ("odd quantile",)})
    assert remarked.warnings == ("a: odd quantile",)


def test_a_planned_series_that_did_not_come_is_a_reason() -> None:
    extraction = assembled((GRID, reply({"0": [(60, 1.0)]})))
    assert not extraction.is_complete
    [reason] = extraction.partial["a"]
    assert reason == '2 of 3 planned series did not come: a{i="1"}, a{i="2"}'


def test_a_series_that_was_not_planned_is_a_reason_unless_it_is_known_to_come_too() -> None:
    stranger = reply(FULL | {"9": [(60, 7.0)]})
    assert assembled((GRID, stranger)).partial == {"a": ('1 series came that were not planned: a{i="9"}',)}
    known = Selection(ENTRY, KEYS, others=frozenset({SeriesKey.of("a", {"i": "9"}).id}))
    extraction = assembled((GRID, stranger), shard=Shard(0, GRID, (known,)))
    assert (extraction.is_complete, extraction.unexpected) == (True, ())


def test_a_series_of_another_selection_does_not_count_twice() -> None:
    early, late = Selection(ENTRY, KEYS[:1]), Selection(ENTRY, KEYS[1:], others=frozenset({KEYS[0].id}))
    whole = reply(FULL)
    answers = [answer((GRID, whole), selection=selection) for selection in (early, late)]
    extraction = joined(Shard(0, GRID, (early, late)), answers, 0.0)
    assert extraction.counts["points"].tolist() == [1, 1, 1]
    assert not extraction.counts["duplicate"].any()


def test_selections_of_several_entries_share_the_matrix() -> None:
    other = Selection(WatchedMetric(name="b", query="x"), (SeriesKey.of("b", {"i": "0"}),))
    parts = answer((GRID, reply(FULL))), answer((GRID, reply({"0": [(60, 2.0)]})), selection=other)
    extraction = joined(Shard(0, GRID, (SELECTION, other)), parts, 0.0)
    assert extraction.matrix.values[[0, 3], 0].tolist() == [1.0, 2.0]
    assert extraction.is_complete


def test_an_entry_that_failed_is_named_and_its_rows_are_empty() -> None:
    other = Selection(WatchedMetric(name="b", query="x"), (SeriesKey.of("b", {"i": "0"}),))
    parts = [answer((GRID, reply(FULL))), BadAnswer("too many chunks")]
    extraction = joined(Shard(0, GRID, (SELECTION, other)), parts, 0.0)
    assert (extraction.refused, extraction.missing) == ({"b": "too many chunks"}, other.keys)
    assert extraction.matrix.values[0, 0] == 1.0
    assert np.isnan(extraction.matrix.values[3]).all()
    assert not extraction.is_complete


def test_of_two_tries_the_one_that_tells_more_is_taken() -> None:
    whole, half = answer((GRID, reply(FULL))), answer((GRID, reply({"0": [(60, 1.0)]})))
    failed = EntryUnavailable("timed out")
    assert better(half, whole) is whole
    assert better(whole, half) is whole
    assert better(half, failed) is half
    assert better(failed, failed) is failed


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
