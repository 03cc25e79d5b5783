"""The replayed recording: exact, without end, the same for the same instant."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from foresight.errors import FinalError, NotFound
from foresight.grid import Grid
from foresight.series import SeriesKey
from foresight.telemetry.catalogue import Catalogue, WatchedMetric
from foresight.telemetry.planning import plan
from foresight.telemetry.recording import RecordingSource
from foresight.telemetry.source import Selection, Shard

LENGTH = 23_689
FIRST_OF_1_6 = [0.185185, 0.160494]
"""The first two values of d00 in the published file of machine-1-6."""
KEY = SeriesKey.of("smd_d00", {"job": "smd", "instance": "machine-1-6"})
ENTRY = WatchedMetric(name="a", metric="smd_d00")


@pytest.fixture(scope="module")
def recording() -> RecordingSource:
    return RecordingSource()


def shown(source: RecordingSource, grid: Grid, *keys: SeriesKey) -> np.ndarray:
    return source.extract(Shard(0, grid, (Selection(ENTRY, keys or (KEY,)),))).matrix.values


def test_the_published_decimals_are_shown_to_the_last_bit(recording: RecordingSource) -> None:
    assert shown(recording, Grid(60, 2))[0].tolist() == FIRST_OF_1_6


def test_the_anchor_row_is_shown_at_the_anchor() -> None:
    instant = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    source = RecordingSource("smd", last_row=1, last_slot_at=instant.isoformat())
    assert shown(source, Grid.ending_at(instant, 2))[0].tolist() == FIRST_OF_1_6
    same = RecordingSource("smd", last_row=1, last_slot_at=int(instant.timestamp()))
    assert shown(same, Grid.ending_at(instant, 2))[0].tolist() == FIRST_OF_1_6


def test_the_recording_repeats_for_ever(recording: RecordingSource) -> None:
    once, again = Grid(60 * 100, 720), Grid(60 * (100 + 1_000 * LENGTH), 720)
    assert np.array_equal(shown(recording, once), shown(recording, again))


def test_overlapping_grids_agree(recording: RecordingSource) -> None:
    long, late = shown(recording, Grid(60 * 10_000, 720)), shown(recording, Grid(60 * 10_010, 720))
    assert np.array_equal(long[:, 10:], late[:, :-10])


def test_a_longer_step_shows_means(recording: RecordingSource) -> None:
    minutes, hours = shown(recording, Grid(36_000, 120)), shown(recording, Grid(36_000, 2, 3600))
    assert np.allclose(hours, minutes.reshape(1, 2, 60).mean(axis=2), rtol=1e-14)


def test_every_series_is_complete_and_finite(recording: RecordingSource) -> None:
    entries = [WatchedMetric(name=f"d{i:02d}", metric=f"smd_d{i:02d}") for i in range(38)]
    [shard] = plan(Catalogue(metrics=tuple(entries)), recording, 1_700_000_040).shards
    extraction = recording.extract(shard)
    assert len(shard) == 76
    assert extraction.is_complete
    assert np.isfinite(extraction.matrix.values).all()
    assert (extraction.counts["points"] == 720).all()


def test_matchers_choose_among_the_machines(recording: RecordingSource) -> None:
    def found(matcher: object) -> int:
        entry = WatchedMetric.model_validate(
            {"name": "a", "metric": "smd_d00", "matchers": {"instance": matcher}}
        )
        return len(recording.discover(entry, Grid(60, 1)))

    one, prefix = "machine-1-6", {"regex": "machine"}
    counts = [found(one), found({"not_equals": one}), found({"regex": "m.*[61]"}), found(prefix)]
    assert counts == [1, 1, 2, 0]
    assert found({"not_regex": "m.*6"}) == 1


def test_regexes_are_those_of_prometheus(recording: RecordingSource) -> None:
    # Python 3.11 knows no \z.
    matchers = {"instance": {"regex": r"machine-1-6\z"}}
    entry = WatchedMetric.model_validate({"name": "a", "metric": "smd_d00", "matchers": matchers})
    assert len(recording.discover(entry, Grid(60, 1))) == 1


def test_what_is_not_recorded_is_missing(recording: RecordingSource) -> None:
    stranger = SeriesKey.of("smd_d99")
    extraction = recording.extract(Shard(0, Grid(600, 3), (Selection(ENTRY, (stranger, KEY)),)))
    assert extraction.missing == (stranger,)
    assert np.isnan(extraction.matrix.values[0]).all()
    assert np.isfinite(extraction.matrix.values[1]).all()


def test_what_a_recording_cannot_do_is_refused(recording: RecordingSource) -> None:
    with pytest.raises(FinalError, match="PromQL"):
        recording.discover(WatchedMetric(name="a", query="up"), Grid(60, 1))
    with pytest.raises(FinalError, match="step of 30 s"):
        recording.discover(ENTRY, Grid(60, 1, 30))
    with pytest.raises(NotFound, match="nothing"):
        RecordingSource("nothing").discover(ENTRY, Grid(60, 1))
    with pytest.raises(FinalError, match="time zone"):
        RecordingSource("smd", 0, "2026-03-01T12:00:00")
    with pytest.raises(FinalError, match="whole minute"):
        RecordingSource("smd", 0, 61)


def test_a_recording_describes_itself(recording: RecordingSource) -> None:
    described = recording.describe()
    assert (described.kind, described.address) == ("recording", "smd")
    assert "76 series of 23689 minutes" in described.notes[0]
