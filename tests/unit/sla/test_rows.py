"""Statuses and definitions as rows of the store."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import given, settings

from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.sla.definition_rows import definition_rows
from foresight.sla.definitions import Sla, Sli
from foresight.sla.evaluation import Figures
from foresight.sla.json_form import sla_document, sla_from_document
from foresight.sla.rows import status_rows
from foresight.sla.states import State
from foresight.sla.statuses import figures_of, statuses
from foresight.store import tables
from foresight.store.columns import to_arrow
from tests.unit.sla.samples import Sample, sample
from tests.unit.sla.strategies import AS_OF
from tests.unit.sla.test_openslo import slas


@pytest.fixture(scope="module")
def given_sample() -> Sample:
    return sample()


def test_the_columns_are_those_of_the_tables(given_sample: Sample) -> None:
    rows = status_rows(given_sample.figures)
    assert {name: to_arrow(getattr(tables, name), columns).num_rows for name, columns in rows.items()} == {
        "sla_status": 2,
        "sli_status": 3,
        "sli_window": 9,
    }
    for name, columns in rows.items():
        assert set(getattr(tables, name).c.keys()) == set(columns)


def test_definitions_have_the_columns_of_their_table(given_sample: Sample) -> None:
    [first, second] = definition_rows(given_sample.slas[0])
    assert {"sla_name", "position", *first} == set(tables.sli.c.keys())
    assert first["matchers"] == [["host", "=~", "a|b"]]
    assert (second["lower_bound"], second["upper_bound"]) == (0.0, None)


def test_states_of_indicators_are_counted(given_sample: Sample) -> None:
    rows = status_rows(given_sample.figures)["sla_status"]
    assert rows["state"] == ["violated", "no_data"]
    for state in State:
        assert [sum(sli.state is state for sli in status.slis) for status in given_sample.statuses] == rows[
            f"n_{state}"
        ]


def test_an_indicator_shows_its_worst_series_and_details_of_all(given_sample: Sample) -> None:
    rows = status_rows(given_sample.figures)["sli_status"]
    worst = given_sample.statuses[0].slis[0].worst
    assert worst is not None
    assert worst.current is not None
    assert worst.risk is not None
    assert (worst.key.id, worst.current.value) == (rows["worst_series_id"][0], rows["current_value"][0])
    assert worst.risk.probability == rows["probability"][0]
    assert worst.risk.calibrator == rows["calibrator"][0]
    assert 2 == len(rows["details"][0]["series"]) == rows["n_series"][0]


def test_an_indicator_without_series_has_rows_that_say_so(given_sample: Sample) -> None:
    rows = status_rows(given_sample.figures)
    none = rows["sli_status"]["sli_name"].index("none")
    assert tuple(
        rows["sli_status"][name][none] for name in ("n_series", "state", "current_value", "model")
    ) == (0, "no_data", None, None)
    windows = rows["sli_window"]
    mine = [at for at, name in enumerate(windows["sli_name"]) if name == "none"]
    assert [(windows["n_observed"][at], windows["n_missing"][at]) for at in mine] == [
        (0, 60),
        (0, 360),
        (0, 720),
    ]


def test_violations_of_every_series_are_listed_by_window(given_sample: Sample) -> None:
    windows = status_rows(given_sample.figures)["sli_window"]
    series = {str(one.key.id) for one in given_sample.statuses[0].slis[0].series}
    assert series == {violation["series"] for violation in windows["violations"][2]}
    minutes = {
        series_id: sum(
            1 + (_minute(v["end"]) - _minute(v["start"])) % 1440
            for v in windows["violations"][2]
            if v["series"] == series_id
        )
        for series_id in series
    }
    assert {str(s.key.id): s.windows[2].violated for s in given_sample.statuses[0].slis[0].series} == minutes


def flapping(n_series: int) -> Figures:
    """Every series but the last is outside every other minute; the last one in all of the newest ten."""
    values = np.tile(np.arange(720) % 2 * 9.0, (n_series, 1))
    values[-1] = np.where(np.arange(720) < 300, 0.0, 9.0)
    keys = tuple(SeriesKey.of("m", {"host": f"host-{at:05d}"}) for at in range(n_series))
    sla = Sla("s", (Sli("i", "m", None, 5.0, 0.9),))
    return figures_of([sla], SeriesMatrix(keys, Grid(AS_OF, 720), values))


def test_a_row_stays_small_however_many_series_flap_and_its_counts_are_of_all() -> None:
    rows = status_rows(flapping(1200))
    windows, details = rows["sli_window"], rows["sli_status"]["details"][0]
    assert windows["n_violations"] == [1199 * minutes // 2 + 1 for minutes in (60, 180, 720)]
    assert windows["is_list_cut"] == [True] * 3
    assert [len(listed) for listed in windows["violations"]] == [360, 360, 360]
    assert windows["n_violated"] == [60, 180, 420]
    assert rows["sli_status"]["n_series"] == [1200]
    assert details["states"] == {"violated": 1200}
    assert len(details["series"]) == 1000
    for columns in rows.values():
        assert all(len(orjson.dumps(column)) < 1024 * 1024 for column in columns.values())


def test_a_list_that_is_cut_begins_with_the_whole_of_the_worst_series() -> None:
    figures = flapping(3)
    listed = status_rows(figures)["sli_window"]["violations"][2]
    first, second, _ = statuses(figures)[0].slis[0].series
    assert [str(first.key.id)] + [str(second.key.id)] * 359 == [violation["series"] for violation in listed]


def test_a_list_that_holds_every_violation_does_not_say_that_it_is_cut(given_sample: Sample) -> None:
    windows = status_rows(given_sample.figures)["sli_window"]
    assert windows["is_list_cut"] == [False] * 9
    assert windows["n_violations"] == [len(listed) for listed in windows["violations"]]


def test_an_alert_stands_with_the_window_that_is_its_long_one(given_sample: Sample) -> None:
    windows = status_rows(given_sample.figures)["sli_window"]
    assert windows["alert_factor"][:3] == [14.4, None, None]
    assert windows["alert_short_minutes"][:3] == [5, None, None]


@settings(max_examples=50, deadline=None)
@given(slas)
def test_a_definition_comes_back_from_its_json(sla: Sla) -> None:
    back = sla_from_document(orjson.loads(orjson.dumps(sla_document(sla))))
    assert sla == back
    assert sla.revision == back.revision


def _minute(text: str) -> int:
    return int(text[11:13]) * 60 + int(text[14:16])
