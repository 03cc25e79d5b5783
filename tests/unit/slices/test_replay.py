"""Recordings from files and from the simulator, and the events they turn into."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foresight.errors import InvalidDocument
from foresight.slices.events import read_message
from foresight.slices.recording import PERIODS_A_DAY, Recording, messages, simulate
from foresight.slices.replay import LONG, WRITTEN, read_messages, read_recording, write_recording
from foresight.slices.targets import failure_share
from tests.unit.slices.reference import FOLDER, recording


def rebuilt(given: Recording) -> np.ndarray:
    """The counters of a recording after a trip through its events."""
    rows = {(key.snssai, key.cu, key.cell): i for i, key in enumerate(given.keys)}
    counters = np.full(given.counters.shape, np.nan)
    for period, cu, message in messages(given):
        reading = read_message(message)
        assert not reading.rejected
        for record in reading.records:
            assert (record.cu, record.period_start) == (cu, given.starts[period])
            values = record.requests, record.successes, record.failures
            counters[rows[record.snssai, record.cu, record.cell], period] = np.array(values, float)
    return counters


def test_a_recording_survives_the_trip_through_its_events() -> None:
    simulated = simulate(23, 7, seed=1, start=1_800_000_000)
    counters = simulated.counters.copy()
    counters[3, 2] = counters[0:10, 4] = np.nan
    counters[5, 1, 2] = np.nan
    given = Recording(simulated.keys, simulated.start, counters, simulated.configured)
    np.testing.assert_array_equal(counters, rebuilt(given))


def test_the_simulator_keeps_its_law() -> None:
    found = simulate(40, 300, seed=2)
    requests, successes, failures = np.moveaxis(found.counters, -1, 0)
    share = requests / found.configured
    assert ((share > 2.1) & (share < 4.5) | (share > 6.9) & (share < 9.9)).all()
    assert (np.abs(successes / requests - 0.675) < 0.077).all()
    assert (np.abs(failures / (requests - successes) - 0.925) < 0.032).all()


def test_a_seed_gives_the_same_recording_and_another_seed_another() -> None:
    one, same, other = (simulate(3, 50, seed=seed, daily=True).counters for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.parametrize("daily", [False, True])
def test_only_the_daily_variant_has_structure_in_time(daily: bool) -> None:
    found = simulate(20, 20 * PERIODS_A_DAY, seed=3, daily=daily)
    share = failure_share(found.counters)
    share -= share.mean(axis=1, keepdims=True)
    lag_one = (share[:, 1:] * share[:, :-1]).mean() / (share**2).mean()
    assert (lag_one > 0.6) if daily else (abs(lag_one) < 0.02)


@pytest.mark.parametrize("suffix", [".xlsx", ".csv", ".parquet"])
def test_a_wide_table_gives_the_same_recording_in_every_format(tmp_path: Path, suffix: str) -> None:
    frame = pd.read_parquet(FOLDER / "train_s1.parquet").iloc[:30]
    path = tmp_path / f"pm{suffix}"
    {".xlsx": frame.to_excel, ".csv": frame.to_csv, ".parquet": frame.to_parquet}[suffix](path, index=False)
    found = read_recording(path, snssai="1-A", cu="cu9", start=900)
    counters, configured = recording()
    np.testing.assert_array_equal(counters[:, :30], found.counters)
    np.testing.assert_array_equal(configured[:, :30], found.configured)
    assert (found.keys[0].snssai, found.keys[0].cu, found.keys[0].cell) == ("1-A", "cu9", "13999")


def test_a_long_table_in_any_order_gives_the_recording_it_came_from(tmp_path: Path) -> None:
    given = simulate(12, 5, seed=4, start=9_000)
    rows = [
        [key.snssai, key.cu, key.cell, start, *given.counters[i, j], given.configured[i, j]]
        for i, key in enumerate(given.keys)
        for j, start in enumerate(given.starts)
    ]
    frame = pd.DataFrame(rows, columns=[*LONG, "configured"]).sample(frac=1, random_state=1)
    frame.to_csv(tmp_path / "pm.csv", index=False)
    found = read_recording(tmp_path / "pm.csv")
    assert set(found.keys) == set(given.keys)
    order = [found.keys.index(key) for key in given.keys]
    np.testing.assert_array_equal(given.counters, found.counters[order])
    np.testing.assert_array_equal(given.configured, found.configured[order])
    assert found.start == 9_000


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a,b\n1,2\n", "a: neither"),
        ("7_SM.PDUSessionSetupReq.01\n1\n", "lacks its column"),
        ("7_SM.PDUSessionSetupReq.01,7_SM.PDUSessionSetupSucc.01\n1,x\n", "row 2.*'x'"),
        ("7_SM.PDUSessionSetupReq.01,7_SM.PDUSessionSetupSucc.01\n1,-1\n", "row 2"),
        ("snssai,cu,cell,period_start,requests,successes,failures\n1,c,7,,1,1,0\n", "period_start: row 2"),
        ("snssai,cu,cell,period_start,requests,successes,failures\n1,c,,0,1,1,0\n", "row 2 lacks"),
        (
            "snssai,cu,cell,period_start,requests,successes,failures\n1,c,7,0,1,1,0\n1,c,7,9e15,1,1,0\n",
            "too many",
        ),
        ("", "cannot be read"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_by_column_or_row(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "pm.csv").write_text(text)
    with pytest.raises(InvalidDocument, match=complaint):
        read_recording(tmp_path / "pm.csv")


@pytest.mark.parametrize("name", ["pm.xlsx", "pm.parquet", "pm.pickle", "pm.json"])
def test_a_file_of_another_kind_than_its_name_says_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04 no table")
    with pytest.raises(InvalidDocument):
        read_messages(tmp_path / name) if name.endswith("json") else read_recording(tmp_path / name)
    with pytest.raises(InvalidDocument, match=r"no such file|expected one of"):
        read_recording(tmp_path / f"absent-{name}")


def test_messages_of_a_json_file_read_as_they_would_from_the_topic(tmp_path: Path) -> None:
    events = [message for _, _, message in messages(simulate(3, 4, start=1_800_000_000))]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(events) + b"\n")
    (tmp_path / "b.json").write_text(json.dumps([event.decode() for event in events]))
    (tmp_path / "c.json").write_text(json.dumps([json.loads(event) for event in events]))
    expected = [read_message(event).records for event in events]
    for name in ("a.jsonl", "b.json", "c.json"):
        assert [read_message(message).records for message in read_messages(tmp_path / name)] == expected
    assert len(read_message(read_messages(FOLDER / "sample.json")[0]).records) == 11


@pytest.mark.parametrize("suffix", WRITTEN)
def test_a_recording_comes_back_as_it_was_written(tmp_path: Path, suffix: str) -> None:
    given = simulate(3, 4, seed=5, start=1_800_000_000)
    given.counters[1, 2, 2] = np.nan
    file = tmp_path / f"pm{suffix}"
    write_recording(given, file)
    if suffix == ".jsonl":
        expected = [message for _, _, message in messages(given)]
        assert read_messages(file) == expected
        return
    found = read_recording(file)
    assert (found.keys, found.start) == (given.keys, given.start)
    np.testing.assert_array_equal(found.counters, given.counters)
    np.testing.assert_array_equal(found.configured, given.configured)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    for name in ("pm.txt", "absent/pm.csv"):
        with pytest.raises(InvalidDocument, match=name):
            write_recording(simulate(1, 1, start=1_800_000_000), tmp_path / name)


def test_a_recording_can_be_moved_so_that_it_ends_at_a_whole_period() -> None:
    moved = simulate(1, 5, start=1_800_000_000).ending(1_763_798_400 + 899)
    assert moved.starts[-1] + moved.granularity_seconds == 1_763_798_400
