"""Messages of topic prometheusdata: whole, valid, and the same whatever the order of the rows."""

from __future__ import annotations

import json
import math
from importlib import resources
from typing import Any

import jsonschema
import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.messaging import Message, telemetry_messages
from foresight.series import SeriesKey

AS_OF = 1_795_353_600
SCHEMA = json.loads(
    (resources.files("foresight.messaging") / "schemas" / "prometheusdata.v1.json").read_text()
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
ADF = ("adf_statistic", "adf_critical_1", "adf_critical_5", "adf_critical_10")
SUMMARY = ("mase", "forecast_maximum", "forecast_minimum", "forecast_mean")
STEP = ("mean", "q05", "q25", "q50", "q75", "q95", "joint_low", "joint_high")
Tables = dict[str, dict[str, Any]]

unhurried = settings(deadline=None, max_examples=50)
doubles = st.floats(allow_nan=True, allow_infinity=True, width=64)


@st.composite
def tables(draw: st.DrawFn) -> Tables:
    """Columns of the four tables for a few series; the last of them has no forecast and no aggregates."""
    names = draw(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4, unique=True))
    keys = [SeriesKey.of("metric", {"host": name}) for name in names]
    ids = np.array([key.id for key in keys], dtype=np.int64)
    n, some = len(keys), ids[:-1]

    def column(size: int) -> np.ndarray[Any, Any]:
        return np.array(draw(st.lists(doubles, min_size=size, max_size=size)), dtype=float)

    return {
        "series": {
            "series_id": ids,
            "metric": ["metric"] * n,
            "labels": [orjson.dumps(dict(key.labels)).decode() for key in keys],
            "partition_name": ["default"] * n,
        },
        "analysis": {
            "series_id": ids,
            "outcome": ["ok"] * n,
            "reason": draw(st.lists(st.none() | st.text(), min_size=n, max_size=n)),
            "n_observed": np.full(n, 720),
            "n_missing": np.full(n, 0),
            "n_nonfinite": np.full(n, 0),
            **{name: column(n) for name in (*ADF, *SUMMARY)},
            "adf_p": np.linspace(0, 1, n),
            "adf_lags": np.where(np.arange(n) % 2, np.nan, 1.0),
            "adf_n_observations": [716] * n,
            "is_stationary": [None, *[True] * (n - 1)],
            "model": ["theta"] * n,
        },
        "aggregates": {
            "series_id": np.repeat(some, 2),
            "window_minutes": np.tile([60, 180], n - 1),
            "n_observed": np.full(2 * (n - 1), 60),
            **{name: column(2 * (n - 1)) for name in ("maximum", "minimum", "mean", "std")},
        },
        "forecasts": {
            "series_id": np.repeat(some, 3),
            "step": np.tile([1, 2, 3], n - 1),
            **{name: column(3 * (n - 1)) for name in STEP},
        },
    }


def messages(given_tables: Tables) -> list[Message]:
    return list(telemetry_messages(AS_OF, 600, **given_tables))


def reordered(columns: dict[str, Any], order: list[int]) -> dict[str, Any]:
    return {name: [list(values)[index] for index in order] for name, values in columns.items()}


@unhurried
@given(tables())
def test_every_series_gets_one_message_that_the_schema_accepts(given_tables: Tables) -> None:
    made = messages(given_tables)
    assert [message.id for message in made] == [f"{i}:{AS_OF}" for i in given_tables["analysis"]["series_id"]]
    for message in made:
        VALIDATOR.validate(orjson.loads(message.value or b""))


@unhurried
@given(tables(), st.randoms())
def test_the_order_of_rows_does_not_show(given_tables: Tables, random: Any) -> None:
    shuffled = {}
    for name, columns in given_tables.items():
        order = list(range(len(columns["series_id"])))
        random.shuffle(order)
        shuffled[name] = reordered(columns, order)
    assert sorted(messages(shuffled), key=lambda m: m.id) == sorted(
        messages(given_tables), key=lambda m: m.id
    )


@unhurried
@given(tables())
def test_many_series_at_once_are_the_same_as_one_by_one(given_tables: Tables) -> None:
    rows = range(len(given_tables["analysis"]["series_id"]))
    one_by_one = [
        messages({**given_tables, "analysis": reordered(given_tables["analysis"], [row])})[0] for row in rows
    ]
    assert one_by_one == messages(given_tables)


@unhurried
@given(tables())
def test_values_arrive_to_the_last_bit_and_what_is_not_finite_is_null(given_tables: Tables) -> None:
    steps = given_tables["forecasts"]
    for row, message in enumerate(messages(given_tables)[:-1]):
        for index, step in enumerate(orjson.loads(message.value or b"")["forecast"]["steps"]):
            for name in STEP:
                value = float(steps[name][3 * row + index])
                assert step[name] == (value if math.isfinite(value) else None)


def table_columns(given_tables: Tables) -> Tables:
    return {
        name: {
            column: pa.chunked_array([pa.array(values, from_pandas=True)])
            for column, values in columns.items()
        }
        for name, columns in given_tables.items()
    }


@unhurried
@given(tables())
def test_arrow_columns_give_the_same_messages(given_tables: Tables) -> None:
    assert messages(table_columns(given_tables)) == messages(given_tables)


@pytest.fixture
def one() -> dict[str, Any]:
    key = SeriesKey.of("disk_free", {"mountpoint": 'a "b"\\', "device": "sda"})
    columns: Tables = {
        "series": {
            "series_id": [key.id],
            "metric": ["disk_free"],
            "labels": ['{"device":"sda","mountpoint":"a \\"b\\"\\\\"}'],
            "partition_name": ["device=sda"],
        },
        "analysis": {
            "series_id": [key.id],
            "outcome": ["constant"],
            "reason": [None],
            "n_observed": [700],
            "n_missing": [20],
            "n_nonfinite": [0],
        },
        "aggregates": {"series_id": [], "window_minutes": [], "n_observed": []},
        "forecasts": {"series_id": [], "step": []},
    }
    (message,) = messages(columns)
    return {"key": message.key, "id": key.id, "body": orjson.loads(message.value or b"")}


def test_the_key_is_the_series_as_prometheus_spells_it(one: dict[str, Any]) -> None:
    assert one["key"] == rb'disk_free{device="sda",mountpoint="a \"b\"\\"}'


def test_the_interval_ends_at_the_as_of(one: dict[str, Any]) -> None:
    assert one["body"]["as_of"] == "2026-11-22T13:20:00Z"
    assert one["body"]["interval"] == {"start": "2026-11-22T13:10:00Z", "end": "2026-11-22T13:20:00Z"}


def test_what_is_not_there_is_null_and_never_zero(one: dict[str, Any]) -> None:
    assert one["body"]["forecast"] is None
    assert one["body"]["aggregates"] == []
    assert set(one["body"]["stationarity"].values()) == {None}


def test_the_id_is_text_so_that_no_reader_rounds_it(one: dict[str, Any]) -> None:
    assert one["body"]["series"]["id"] == str(one["id"])


def test_the_slot_of_a_step_is_its_end() -> None:
    columns: Tables = {
        "series": {"series_id": [1], "metric": ["m"], "labels": ["{}"], "partition_name": ["default"]},
        "analysis": {
            "series_id": [1],
            "outcome": ["ok"],
            "n_observed": [1],
            "n_missing": [0],
            "n_nonfinite": [0],
        },
        "aggregates": {"series_id": [], "window_minutes": []},
        "forecasts": {"series_id": [1, 1], "step": [2, 1], "mean": [2.0, 1.0]},
    }
    (message,) = messages(columns)
    steps = orjson.loads(message.value or b"")["forecast"]["steps"]
    assert [(s["step"], s["slot"], s["mean"]) for s in steps] == [
        (1, "2026-11-22T13:21:00Z", 1.0),
        (2, "2026-11-22T13:22:00Z", 2.0),
    ]
