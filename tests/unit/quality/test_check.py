"""The checks: every series gets one outcome and a reason, a bad batch is refused as a whole."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foresight.errors import BadAnswer, InvalidDocument
from foresight.grid import Grid
from foresight.quality.check import check
from foresight.quality.outcomes import Outcome
from foresight.quality.profile import profile
from foresight.quality.suite import Suite, load_suite
from foresight.series import SeriesKey, SeriesMatrix

N_SLOTS = 100
NAMES = ("points", "nan", "infinite", "duplicate", "off_grid", "future")


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite()


def good(n: int = 1) -> np.ndarray:
    return np.arange(n * N_SLOTS, dtype=np.float64).reshape(n, N_SLOTS)


def profiled(
    values: np.ndarray, labels: list[dict[str, str]] | None = None, **given: list[int]
) -> pd.DataFrame:
    labels = labels or [{"i": str(i)} for i in range(len(values))]
    keys = tuple(SeriesKey.of("a", each) for each in labels)
    counts = {name: np.array(given.get(name, [0] * len(keys)), dtype=np.int64) for name in NAMES}
    counts["points"] = np.array(given.get("points", [N_SLOTS] * len(keys)))
    made = SeriesMatrix(keys, Grid(6000, N_SLOTS), values)
    missing = [key for key, points in zip(keys, counts["points"], strict=True) if not points]
    return profile(made, counts, missing=missing, minimum=0.0, min_coverage=0.5, min_slots=30)


def test_values_above_what_is_possible_set_a_series_aside(suite: Suite) -> None:
    frame = profiled(good(2)).assign(n_above_maximum=[0, 3])
    report = check(frame, suite)
    assert report.outcomes == (Outcome.OK, Outcome.EXCESSIVE)
    assert report.reasons[1] == "3 values above what is possible"


def test_each_kind_of_bad_series_has_its_outcome_and_a_reason(suite: Suite) -> None:
    values = good(9)
    values[1] = 5.0
    values[2] = np.nan
    values[3] = np.nan
    values[5, 7] = -1.0
    values[6, :80] = np.nan
    values[7, 1:60] = np.nan
    labels = [{"i": str(i)} for i in range(8)] + [{f"l{i}": "x" for i in range(10_000)}]
    report = check(
        profiled(
            values,
            labels,
            points=[100, 100, 100, 0, 100, 100, 20, 41, 100],
            nan=[0, 0, 100, 0, 0, 0, 0, 0, 0],
            infinite=[0, 0, 0, 0, 3, 0, 0, 0, 0],
        ),
        suite,
    )
    expected = ["ok", "constant", "empty", "missing", "nonfinite", "negative", "short", "gappy", "labels"]
    assert [str(outcome) for outcome in report.outcomes] == expected
    assert report.reasons == (
        "",
        "",
        "none of 100 slots is observed",
        "planned, but the source did not answer for it",
        "3 of 100 points are infinite",
        "1 values below what is possible",
        "began 20 slots ago, 30 are needed",
        "41 of 100 slots observed since it began",
        "10000 labels",
    )
    assert report.kept.tolist() == [True, True] + [False] * 7
    assert sum(report.counts.values()) == 9


def test_the_first_broken_expectation_names_the_outcome(suite: Suite) -> None:
    values = good(2)
    values[0] = -1.0
    report = check(profiled(values, infinite=[1, 0]), suite)
    assert report.outcomes == (Outcome.NONFINITE, Outcome.OK)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ({"points": [0, 0]}, "nothing came back"),
        ({"off_grid": [0, 1]}, "not the one that was asked for"),
        ({"future": [2, 0]}, "after the as-of"),
        ({"duplicate": [0, 1]}, "came twice"),
    ],
)
def test_a_bad_batch_is_refused(suite: Suite, counts: dict[str, list[int]], reason: str) -> None:
    with pytest.raises(BadAnswer, match=reason):
        check(profiled(good(2), **counts), suite)


@pytest.mark.parametrize("value", [1.1e300, -1.1e300])
def test_values_too_large_to_calculate_with_are_set_aside(suite: Suite, value: float) -> None:
    values = good(2)
    values[1, 3:5] = value
    report = check(profiled(values), suite)
    assert report.outcomes == (Outcome.OK, Outcome.HUGE)
    assert report.reasons[1] == "2 values beyond 1e300 are too large to calculate with"


def test_a_series_that_did_not_come_does_not_refuse_the_batch(suite: Suite) -> None:
    values = good(2)
    values[0] = np.nan
    assert check(profiled(values, points=[0, 100]), suite).outcomes == (Outcome.MISSING, Outcome.OK)


def test_a_part_of_a_report_is_the_report_of_that_part(suite: Suite) -> None:
    values = good(6)
    values[[1, 4]] = -1.0
    values[2] = np.nan
    whole, alone = check(profiled(values), suite), check(profiled(values[2:5]), suite)
    part = whole.part(2, 5)
    assert (part.outcomes, part.reasons, part.results) == (alone.outcomes, alone.reasons, alone.results)
    assert [rows.tolist() for rows in part.broken] == [rows.tolist() for rows in alone.broken]


def test_a_batch_without_series_is_fine(suite: Suite) -> None:
    report = check(profiled(good(0)), suite)
    assert (report.outcomes, report.counts, report.kept.shape) == ((), {}, (0,))


def test_what_is_kept_of_the_checks_is_small_and_plain_json(suite: Suite) -> None:
    report = check(profiled(good(300) - 1e9), suite)
    kept = json.dumps(report.results)
    assert len(kept) < 5000
    assert report.results["outcomes"] == {"negative": 300}
    broken = [each for each in report.results["expectations"] if each["unexpected"]]
    assert [(each["kwargs"]["column"], each["unexpected"]) for each in broken] == [("n_below_minimum", 300)]


def test_the_checks_need_no_network(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert check(profiled(good()), suite).outcomes == (Outcome.OK,)


def test_data_docs_are_built_where_asked_for(suite: Suite, tmp_path: Path) -> None:
    check(profiled(good()), suite, docs_folder=tmp_path / "docs")
    assert (tmp_path / "docs" / "index.html").is_file()


OWN = """\
expectations:
  - type: expect_column_values_to_be_between
    kwargs: {column: n_since_last, max_value: 5}
    otherwise: gappy
    reason: "silent for {n_since_last} slots"
"""


def test_a_file_of_ones_own_adds_expectations(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(OWN)
    values = good(2)
    values[1, -6:] = np.nan
    report = check(profiled(values), load_suite(tmp_path))
    assert report.outcomes == (Outcome.OK, Outcome.GAPPY)
    assert report.reasons[1] == "silent for 6 slots"


def test_a_file_of_the_same_name_takes_the_place_of_the_shipped_one(tmp_path: Path, suite: Suite) -> None:
    (tmp_path / "telemetry.yaml").write_text(OWN)
    assert len(load_suite(tmp_path).expectations) == 1
    assert len(load_suite(tmp_path / "absent").expectations) == len(suite.expectations)


@pytest.mark.parametrize(
    ("line", "wrong", "field", "reason"),
    [
        (2, ("expect_column_values_to_be_between", "expect_wonders"), "type", "knows no 'expect_wonders'"),
        (3, ("max_value: 5", "max_value: [5]"), "kwargs", ""),
        (3, ("n_since_last, max", "n_sins, max"), "kwargs", "no column 'n_sins'"),
        (4, ("gappy", "shabby"), "otherwise", "must be 'missing', 'empty'"),
        (4, ("values_to_be", "max_to_be"), "otherwise", "only fail can follow"),
        (5, ("{n_since_last}", "{nonsense}"), "reason", "nonsense"),
        (5, ("{n_since_last}", "{n_since_last.real.x}"), "reason", "x"),
    ],
)
def test_a_mistake_in_a_suite_is_reported_with_its_line(
    tmp_path: Path, line: int, wrong: tuple[str, str], field: str, reason: str
) -> None:
    (tmp_path / "mine.yaml").write_text(OWN.replace(*wrong))
    with pytest.raises(InvalidDocument) as caught:
        load_suite(tmp_path)
    [mistake] = caught.value.mistakes
    assert (mistake.line, mistake.field) == (line, f"expectations[0].{field}")
    assert reason in mistake.reason
