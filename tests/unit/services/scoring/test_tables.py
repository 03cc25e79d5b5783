"""Tables as sources and sinks: progress by key, rows once, and names that are nothing but names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from foresight.errors import FinalError, NotFound, StoreUnavailable
from foresight.messaging import Received
from foresight.scoring.errors import InvalidMapping
from foresight.services.scoring import streams as scoring_streams
from foresight.services.scoring import tables as scoring_tables
from foresight.services.scoring.tables import TableSource, table_of, write_part
from foresight.store import Store
from foresight.store.models import Change
from foresight.store.outside import InvalidTable
from foresight.wiring.connections import open_database
from tests.unit import registry as models
from tests.unit.iris import FLOWER, IRIS
from tests.unit.table_scenario import check_table_to_table, make_flowers, rows, run

ME = Change("me", 1_700_000_040)


@pytest.fixture(autouse=True)
def _deployed(home: Path) -> None:
    models.add("iris", str(IRIS), ME)
    models.deploy("iris", ME)


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    opened = open_database("results")
    yield opened
    opened.close()


def do(store: Store, *statements: str) -> None:
    store.transact(lambda connection: [connection.exec_driver_sql(one) for one in statements])


def test_a_table_is_scored_into_two_and_the_next_run_goes_on() -> None:
    check_table_to_table()


def test_one_table_takes_all_where_there_is_none_for_bad_records(store: Store) -> None:
    make_flowers(store, 0, 30)
    assert run(bad=None)["bad"] == 3
    found = rows(store, "scored")
    assert [row["error"] is None for row in found] == [number % 10 > 0 for number in range(30)]


@pytest.mark.parametrize("broken", ["half of the rows are written", "before the batch is closed"])
def test_a_run_that_breaks_is_gone_on_with_and_no_row_is_doubled(
    store: Store, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    make_flowers(store, 0, 50)

    def fail(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable(broken)

    real = scoring_tables.merge_rows

    def half(connection: Any, table: Any, given: Any) -> None:
        real(connection, table, given[: len(given) // 2])
        connection.commit()
        fail()

    with monkeypatch.context() as patch:
        if broken.startswith("half"):
            patch.setattr(scoring_tables, "merge_rows", half)
        else:
            patch.setattr(scoring_streams, "close_batch", fail)
        with pytest.raises(StoreUnavailable, match=r"half|before"):
            run()
    assert rows(store, "scored")
    assert run()["read"] == 50
    assert (len(rows(store, "scored")), len(rows(store, "rejected"))) == (45, 5)


def test_a_table_goes_into_files_and_a_file_into_a_table(store: Store, tmp_path: Path) -> None:
    make_flowers(store, 0, 50)
    run(good=str(tmp_path / "good.jsonl"), bad=str(tmp_path / "bad.jsonl"))
    files = sorted(tmp_path.glob("good.*"))
    lines = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    assert [line["id"] for line in lines] == [3 * n for n in range(50) if n % 10]
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"".join(orjson.dumps({**FLOWER, "n": n}) + b"\n" for n in range(90)) + b"{\n")
    for _ in range(2):
        assert run(2, source=str(source))["read"] == 91
    assert len(rows(store, "scored")) == 90
    assert "not JSON" in rows(store, "rejected")[0]["error"]
    run(3, source=str(source))
    assert len(rows(store, "scored")) == 180


def test_another_connection_names_another_database(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"conn_type": "sqlite", "host": str(tmp_path / "other.db")}
    monkeypatch.setenv("AIRFLOW_CONN_PLANT", json.dumps(other))
    monkeypatch.setenv("FORESIGHT_CONNECTIONS", "results, plant")
    make_flowers(store, 0, 10)
    run(good="table:plant/scored", bad="table:plant/rejected")
    plant = open_database("plant")
    assert len(rows(plant, "scored")) == 9
    plant.close()


def test_columns_of_a_table_of_your_own_take_fields_of_prediction_and_record(store: Store) -> None:
    make_flowers(store, 1, 4)
    do(store,
       "CREATE TABLE scored (stream VARCHAR(512), position VARCHAR(64), PredictedValue VARCHAR(20), "
       "id INTEGER, seen DATETIME, made INTEGER DEFAULT 7, PRIMARY KEY (stream, position))")  # fmt: skip
    run()
    found = rows(store, "scored")
    assert [(row["id"], row["made"]) for row in found] == [(3, 7), (6, 7), (9, 7)]
    assert {row["PredictedValue"] for row in found} == {"setosa", "virginica"}
    assert found[0]["seen"].year == 2026


def test_values_that_json_cannot_hold_are_texts(store: Store) -> None:
    scoring_tables.prepare_sink(open_database, "table:scored")
    huge = {"n": 10**30, "m": [1 << 70, float("inf")], "t": "\ud800", "deep": {"a": {"b": [None, True]}}}
    item = Received("t", 3, 17, None, None, b"")
    write_part(open_database, "table:scored", [(item, {**huge, "PredictionError": "bad"}, b"")], 1, "s")
    (row,) = rows(store, "scored")
    assert (row["position"], row["record"]["n"], row["record"]["t"]) == ("3:17", str(10**30), "?")
    assert row["record"]["m"] == [str(1 << 70), None]
    assert row["record"]["deep"] == huge["deep"]


@pytest.mark.parametrize(
    "place",
    ["table:", "table:a b", "table:a;DROP TABLE x", 'table:"a"', "table:a.b", "table:ä", "table:" + "a" * 65,
     "table:1a", "table:a`", "table:/a", "table:a/b/c", "table:x y/a"],
)  # fmt: skip
def test_a_name_that_is_no_identifier_is_refused(place: str) -> None:
    with pytest.raises(FinalError, match=r"no name of a table|use table:NAME"):
        run(good=place)


@pytest.mark.parametrize(
    ("params", "error", "complaint"),
    [
        ({"source": "table:nowhere"}, NotFound, "no table 'nowhere'"),
        ({"source": "table:pairs"}, InvalidTable, "primary key; it has a INTEGER, b INTEGER"),
        ({"source": "table:texts"}, InvalidTable, "primary key; it has a VARCHAR"),
        ({"source": "table:keyless"}, InvalidTable, "it has none"),
        ({"source": "table:below"}, InvalidTable, "keys below 0, such as -5"),
        ({"good": "table:pairs"}, InvalidTable, "must have the primary key stream, position; it has a, b"),
        ({"good": "table:model"}, InvalidMapping, "Foresight's own"),
        ({"bad": "table:results/ALEMBIC_VERSION"}, InvalidMapping, "Foresight's own"),
        ({"bad": "table:scored"}, InvalidMapping, "different places"),
        ({"good": "table:nowhere/scored"}, InvalidMapping, "may not use the connection 'nowhere'"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_before_anything_is_read(
    store: Store, params: dict[str, str], error: type[Exception], complaint: str
) -> None:
    make_flowers(store, 0, 3)
    do(store, "CREATE TABLE pairs (a INTEGER, b INTEGER, PRIMARY KEY (a, b))",
       "CREATE TABLE texts (a VARCHAR(9) PRIMARY KEY)", "CREATE TABLE keyless (a INTEGER)",
       "CREATE TABLE below (a INTEGER PRIMARY KEY)", "INSERT INTO below VALUES (-5)")  # fmt: skip
    with pytest.raises(error, match=complaint):
        run(**params)


def test_an_empty_table_has_no_records_and_no_error(store: Store) -> None:
    make_flowers(store, 0, 0)
    assert run()["read"] == 0
    assert TableSource(open_database, "table:flowers").ends() == {0: 0}


def test_a_part_of_a_table_can_be_read_again(store: Store) -> None:
    make_flowers(store, 0, 20)
    source = TableSource(open_database, "table:flowers")
    assert source.ends() == {0: 58}
    items, until = source.take({0: 4}, {0: 58}, 3)
    assert ([key for key, _ in items], until) == ([6, 9, 12], {0: 13})
    assert source.take({0: 4}, until, None) == (items, until)
    assert source.take({0: 50}, {0: 58}, 100)[1] == {0: 58}
    (message,) = source.messages([(items[0], None, b"x")])
    assert (message.id, message.key, message.value) == ("6", b"6", b"x")


def test_a_place_is_a_table_only_where_it_says_so() -> None:
    assert table_of("table:a") == ("results", "a")
    assert table_of("table:plant/a") == ("plant", "a")
    assert table_of("kafka:a") is None
    assert table_of("/a/table:b.csv") is None
