"""One store in a process, one for each address; a child has its own; the schema is only compared."""

from __future__ import annotations

import json
import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from foresight.conventions import UPKEEP_CONNECTION
from foresight.store import SchemaMismatch, expected_revision, migrate, open_store, stored_revision
from foresight.wiring import stores
from foresight.wiring.connections import open_database, open_results, results, upkeep_results
from foresight.wiring.stores import MAX_OPEN


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results connection to a database without tables."""
    given = {"conn_type": "sqlite", "host": str(tmp_path / "empty.db")}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(given))
    return tmp_path


def test_a_process_has_one_store_for_each_address(home: Path) -> None:
    assert results() is open_results() is open_database("results")


def test_another_address_has_another_store(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_results()
    given = {"conn_type": "sqlite", "host": str(tmp_path / "other.db")}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(given))
    assert open_results() is not first


def test_the_stores_that_stay_open_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2 * MAX_OPEN):
        given = {"conn_type": "sqlite", "host": str(tmp_path / f"{number}.db")}
        monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(given))
        open_results()
    assert len(stores.STORES._open) == MAX_OPEN


def _tell_store(pipe: Connection) -> None:
    pipe.send((id(open_results()), results().read(stored_revision)))


def test_a_forked_child_opens_a_store_of_its_own_and_leaves_the_one_of_its_parent_open(home: Path) -> None:
    mine = open_results()
    assert mine.read(stored_revision) == expected_revision()
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_tell_store, args=(there,))
    child.start()
    other, revision = here.recv()
    child.join()
    assert other != id(mine)
    assert revision == expected_revision()
    assert mine.read(stored_revision) == expected_revision()


def test_results_without_tables_are_refused_with_the_command_that_makes_them(empty: Path) -> None:
    with pytest.raises(SchemaMismatch, match="has no tables yet: `foresight migrate` makes them"):
        results()
    assert open_results().read(stored_revision) is None


def test_older_tables_are_left_as_they_are_and_named_with_what_to_do(empty: Path) -> None:
    migrate(open_results(), "0003")
    with pytest.raises(SchemaMismatch, match=f"0003.* needs {expected_revision()}: `foresight migr"):
        results()
    assert open_results().read(stored_revision) == "0003"


def test_newer_tables_ask_for_the_code_that_made_them(empty: Path) -> None:
    migrate(open_results())
    open_results().transact(lambda c: c.exec_driver_sql("UPDATE foresight_schema SET version_num = '9999'"))
    with pytest.raises(SchemaMismatch, match=r"at revision 9999.*use the version that made them"):
        results()


def test_upkeep_has_a_connection_of_its_own_where_there_is_one(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert upkeep_results() is open_results()
    given = {"conn_type": "sqlite", "host": str(tmp_path / "owner.db")}
    monkeypatch.setenv(f"AIRFLOW_CONN_{UPKEEP_CONNECTION.upper()}", json.dumps(given))
    assert upkeep_results().name.endswith("owner.db")


def test_an_address_with_another_password_is_another_store(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for password in ("one", "two"):
        given = {"conn_type": "mysql", "host": "127.0.0.1", "schema": "s", "login": "u", "password": password}
        monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(given))
        found.append(open_results())
    assert found[0] is not found[1]
    assert open_store(found[0].engine.url).name == found[0].name
