"""Opening a store, and transactions that are whole or not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)

from foresight.errors import FinalError, ForesightError, StoreUnavailable
from foresight.store import Store, count_rows, migrate, open_store, upsert
from foresight.store.engine import to_json
from foresight.store.failures import TryAgain, translated
from foresight.store.tables import sample
from tests.unit.store.rows import all_rows, sample_columns, write


class DriverError(Exception):
    """As a driver raises it."""

    def __init__(self, errno: int | None, text: str = "x") -> None:
        super().__init__(text)
        self.errno = errno


def meaning(
    errno: int | None, text: str = "x", *, is_lost: bool = False, kind: type[DBAPIError] = OperationalError
) -> ForesightError:
    with pytest.raises(ForesightError) as raised, translated("db"):
        raise kind("SELECT secret", {}, DriverError(errno, text), connection_invalidated=is_lost)
    return raised.value


@pytest.mark.parametrize(
    "errno",
    [
        *(1205, 1213, 2006, 2013, 1412, 3100, 3101, 1792, 2026, 2012, 3058, 1615, 1041, 1135, 1290, 1836),
        *(1047, 1478, 2027, 3572, 9999, -1, None),
    ],
)
def test_what_is_not_known_to_be_final_is_tried_again(errno: int | None) -> None:
    assert isinstance(meaning(errno), TryAgain)


@pytest.mark.parametrize("errno", [3, 20, 1021, 1026, 1030, 1114, 1180, 1040, 1129, 2003])
def test_a_full_or_absent_server_is_unavailable_at_once(errno: int) -> None:
    error = meaning(errno)
    assert isinstance(error, StoreUnavailable)
    assert not isinstance(error, TryAgain)


@pytest.mark.parametrize("errno", [1045, 1049, 1062, 1064, 1142, 1146, 1406, 2068, 3140, 3819, 4025])
def test_what_no_retry_can_mend_is_final(errno: int) -> None:
    assert isinstance(meaning(errno), FinalError)


@pytest.mark.parametrize("kind", [DataError, IntegrityError, NotSupportedError, ProgrammingError])
def test_what_a_driver_refuses_by_itself_is_final(kind: type[DBAPIError]) -> None:
    assert isinstance(meaning(None, kind=kind), FinalError)


@pytest.mark.parametrize("error", [TypeError("x"), ConnectionError("Kafka"), EOFError(), KeyError("x")])
def test_an_error_of_python_passes_as_it_is(store: Store, error: Exception) -> None:
    attempts = []

    def work(_: Connection) -> None:
        attempts.append(1)
        raise error

    for run in (store.transact, store.read):
        with pytest.raises(type(error)) as raised:
            run(work)
        assert error is raised.value
    assert len(attempts) == 2


def test_a_value_that_no_column_takes_is_an_error_of_python_too(store: Store) -> None:
    query = select(sample).where(sample.c.series_id == object())
    with pytest.raises(ForesightError, match="object"):  # SQLite says it itself
        store.read(lambda connection: connection.execute(query).all())


def test_a_row_too_large_is_final_although_the_server_closes_the_connection() -> None:
    assert isinstance(meaning(1153, is_lost=True), FinalError)
    assert isinstance(meaning(None, is_lost=True), TryAgain)


def test_a_locked_sqlite_file_is_tried_again_and_a_full_disk_is_not() -> None:
    assert isinstance(meaning(None, "database is locked"), TryAgain)
    assert not isinstance(meaning(None, "database or disk is full"), TryAgain | FinalError)


def test_a_statement_is_no_part_of_a_message() -> None:
    assert "secret" not in str(meaning(1064))


def test_an_error_of_ours_passes_as_it_is(store: Store) -> None:
    def work(_: Connection) -> None:
        raise FinalError("mine")

    with pytest.raises(FinalError, match="mine"):
        store.transact(work)


def test_work_that_fails_leaves_nothing(store: Store) -> None:
    def work(connection: Connection) -> None:
        upsert(connection, sample, sample_columns([1.0]))
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        store.transact(work)
    assert all_rows(store, sample) == []


def test_the_whole_of_the_work_is_tried_again(store: Store) -> None:
    seen = []

    def work(connection: Connection) -> None:
        seen.append(count_rows(connection, sample))
        upsert(connection, sample, sample_columns([1.0]))
        if len(seen) < 3:
            raise TryAgain("deadlock")

    store.transact(work)
    assert seen == [0, 0, 0]
    assert len(all_rows(store, sample)) == 1


def test_after_the_last_attempt_the_store_is_unavailable(store: Store) -> None:
    attempts = []

    def work(_: Connection) -> None:
        attempts.append(1)
        raise TryAgain("deadlock")

    with pytest.raises(StoreUnavailable, match="deadlock"):
        store.transact(work)
    assert len(attempts) == store.attempts


def test_a_file_that_another_writer_holds_is_waited_for(store: Store) -> None:
    other = open_store(store.engine.url, connect_args={"timeout": 0.01}, attempts=2, wait_seconds=0.01)
    with pytest.raises(StoreUnavailable, match="locked"):
        store.transact(lambda _: write(other, sample, sample_columns([1.0])))
    assert write(other, sample, sample_columns([1.0])) == 1
    other.close()


def test_a_reader_does_not_wait_for_a_writer(store: Store) -> None:
    def work(connection: Connection) -> int:
        upsert(connection, sample, sample_columns([1.0]))
        return len(all_rows(store, sample))

    assert store.transact(work) == 0


def test_a_full_disk_is_a_store_that_is_unavailable_and_nothing_is_half_there(store: Store) -> None:
    def work(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 4}")
        upsert(connection, sample, sample_columns(1.0, np.arange(20_000)))

    with pytest.raises(StoreUnavailable, match="full"):
        store.transact(work)
    store.close()
    assert all_rows(store, sample) == []


def test_a_writer_killed_in_the_middle_leaves_nothing(store: Store) -> None:
    url = store.engine.url.render_as_string(hide_password=False)
    done = subprocess.run([sys.executable, "-m", "tests.integration.write_and_die", url], check=False)
    assert done.returncode == -signal.SIGKILL
    assert all_rows(store, sample) == []
    assert write(store, sample, sample_columns([1.0])) == 1


def test_processes_may_migrate_a_new_file_at_once(tmp_path: Path) -> None:
    code = "import sys; from foresight.store import *; migrate(open_store(sys.argv[1]))"
    command = [sys.executable, "-c", code, f"sqlite:///{tmp_path}/new.db"]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]


def test_many_threads_leave_every_row(store: Store) -> None:
    threads = [
        threading.Thread(target=write, args=(store, sample, sample_columns(1.0, [i, i + 1])))
        for i in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(all_rows(store, sample)) == 13


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/a/b/results.db")
    migrate(store)
    store.close()
    assert (tmp_path / "a/b/results.db").exists()


@pytest.mark.parametrize("url", ["postgresql://x/y", "no url at all", "sqlite"])
def test_an_address_that_is_no_store_is_refused(url: str) -> None:
    with pytest.raises(FinalError):
        open_store(url)


def test_a_mysql_address_without_a_driver_gets_the_one_that_carries_many_rows() -> None:
    assert open_store("mysql://u:p@h/d").engine.driver == "mysqlconnector"


def test_a_store_is_named_without_its_password() -> None:
    store = open_store("mysql://u:s3cret@h/d")
    assert "s3cret" not in store.name + repr(store)


def test_a_document_has_one_spelling() -> None:
    assert to_json({"b": float("nan"), "a": [1, 0.1]}) == '{"a":[1,0.1],"b":null}'


def test_files_to_load_are_kept_where_nobody_else_can_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    open_store("mysql://u:p@h/d")
    open_store("mysql://u:p@h/d")
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_can_read_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / f"foresight-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(FinalError, match="of this user alone"):
        open_store("mysql://u:p@h/d")
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(FinalError, match="of this user alone"):
        open_store("mysql://u:p@h/d")
