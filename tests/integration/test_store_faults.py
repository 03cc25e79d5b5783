"""A real MySQL that is killed, deadlocked, full or shared: a transaction is whole or not there."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, select, update

from foresight.errors import FinalError, ForesightError, StoreUnavailable
from foresight.grid import Grid
from foresight.store import (
    Store,
    bulk,
    checksum,
    count_rows,
    load_matrix,
    maintain,
    migrate,
    open_store,
    stored_revision,
    upsert,
)
from foresight.store.columns import to_arrow
from foresight.store.engine import INFILE_FOLDER
from foresight.store.reading import read_columns
from foresight.store.tables import commit_marker, curve, metadata, sample, sli_status
from tests.integration.databases import fresh_database, fresh_store
from tests.servers.mysql import mysql_server
from tests.unit.store.rows import (
    T0,
    all_rows,
    clear,
    evaluate,
    keys,
    matrix,
    persist,
    sample_columns,
    sli_columns,
    write,
)

pytestmark = pytest.mark.mysql


@pytest.fixture(scope="module")
def shared(mysql_url: str) -> Iterator[Store]:
    with fresh_store(mysql_url, pool_size=10) as store:
        yield store


@pytest.fixture
def store(shared: Store) -> Store:
    clear(shared)
    return shared


def together(*works: Callable[[], Any]) -> list[Any]:
    """Runs all at once, each in its thread; the first error of any is raised."""
    barrier = threading.Barrier(len(works))

    def started(work: Callable[[], Any]) -> Any:
        barrier.wait(30)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(120) for future in [pool.submit(started, work) for work in works]]


def set_globally(store: Store, setting: str) -> None:
    with store.engine.connect() as connection:  # no transaction of ours: it would write its marker
        connection.exec_driver_sql(f"SET GLOBAL {setting}")


def kill(store: Store, connection_id: int) -> None:
    store.transact(lambda other: other.exec_driver_sql(f"KILL CONNECTION {connection_id}"))


def connection_id(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one())


def test_a_connection_killed_half_way_leaves_nothing_and_the_whole_is_tried_again(store: Store) -> None:
    attempts: list[int] = []
    seen: list[int] = []

    def work(connection: Connection) -> None:
        attempts.append(connection_id(connection))
        seen.append(count_rows(connection, sample))
        upsert(connection, sample, sample_columns(1.0, np.arange(2000)))
        if len(attempts) == 1:
            kill(store, attempts[0])
        upsert(connection, sample, sample_columns(2.0, np.arange(2000, 4000)))

    store.transact(work)
    assert len(attempts) == 2
    assert seen == [0, 0]
    assert store.read(lambda connection: count_rows(connection, sample)) == 4000


def test_a_connection_killed_each_time_is_a_store_that_is_unavailable(store: Store) -> None:
    def work(connection: Connection) -> None:
        upsert(connection, sample, sample_columns(1.0, np.arange(10)))
        kill(store, connection_id(connection))
        upsert(connection, sample, sample_columns(2.0, np.arange(10)))

    with pytest.raises(StoreUnavailable, match=r"lost|gone|killed"):
        store.transact(work)
    assert all_rows(store, sample) == []


def test_a_deadlock_is_tried_again_until_both_are_through(store: Store) -> None:
    write(store, sample, sample_columns(0.0, [1, 2]))
    met = threading.Barrier(2)
    attempts: list[int] = []

    def crossing(first: int, second: int) -> None:
        def work(connection: Connection) -> None:
            attempts.append(first)
            for series_id in (first, second):
                more = update(sample).where(sample.c.series_id == series_id).values(value=sample.c.value + 1)
                connection.execute(more)
                if series_id == first and attempts.count(first) == 1:
                    met.wait(30)

        store.transact(work)

    together(lambda: crossing(1, 2), lambda: crossing(2, 1))
    assert len(attempts) == 3
    assert [row[2] for row in all_rows(store, sample)] == [2.0, 2.0]


def test_the_same_shard_written_by_many_at_once_is_the_shard_written_once(store: Store) -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(300, 60))
    values[rng.random(values.shape) < 0.1] = np.nan

    def shard(late: int) -> None:
        persist(store, matrix(values[:, 10 * late : 10 * late + 30], T0 + 600 * late))
        columns = {"slot": T0, "as_of": T0 + late, "trend": float(late)}
        write(store, curve, {"series_id": np.arange(2000)} | columns)
        evaluate(store, T0 + 600 * late, {"x": ("ok", "violated")[late % 2], "y": "ok"})

    def sums() -> list[str]:
        tables = [table for table in metadata.sorted_tables if table is not commit_marker]
        return store.read(lambda connection: [checksum(connection, table) for table in tables])

    for late in range(4):
        shard(late)
    one_by_one = sums()
    clear(store)
    together(*[lambda late=run % 4: shard(late) for run in range(8)])
    assert sums() == one_by_one


def test_a_full_table_is_a_store_that_is_unavailable(store: Store) -> None:
    def work(connection: Connection) -> None:
        upsert(connection, sample, sample_columns(1.0, [1]))
        connection.exec_driver_sql("SET SESSION max_heap_table_size = 16384")
        connection.exec_driver_sql("CREATE TEMPORARY TABLE small (x CHAR(250)) ENGINE=MEMORY")
        try:
            for _ in range(1000):
                connection.exec_driver_sql("INSERT INTO small VALUES ('x')")
        finally:
            connection.exec_driver_sql("DROP TEMPORARY TABLE small")

    with pytest.raises(StoreUnavailable, match="full"):
        store.transact(work)
    assert all_rows(store, sample) == []


@pytest.mark.parametrize("duplicates", ["REPLACE", "IGNORE"])
def test_values_that_load_data_would_bend_are_refused(store: Store, duplicates: str) -> None:
    rows = to_arrow(sample, sample_columns(1e10, np.arange(9)))

    def work(connection: Connection) -> None:
        columns = "series_id BIGINT PRIMARY KEY, slot DATETIME, value TINYINT"
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE small ({columns})")
        bulk._load_file(connection, "small", rows, duplicates, connection.info[INFILE_FOLDER])

    with pytest.raises(FinalError, match="Out of range value"):
        store.transact(work)


def test_a_server_that_forbids_local_files_is_written_by_statements(mysql_url: str) -> None:
    values = np.random.default_rng(1).normal(size=2000)
    with fresh_store(mysql_url) as allowed, fresh_database(mysql_url) as other_url:
        set_globally(allowed, "local_infile = OFF")
        forbidden = open_store(other_url)
        migrate(forbidden)
        set_globally(allowed, "local_infile = ON")
        folders = {
            one.transact(lambda connection: connection.info[INFILE_FOLDER]) is None
            for one in (allowed, forbidden)
        }
        for one in (allowed, forbidden):
            write(one, sample, sample_columns(values, np.arange(2000)))
        assert folders == {True, False}
        assert all_rows(allowed, sample) == all_rows(forbidden, sample)
        forbidden.close()


@pytest.mark.parametrize("fixture", ["mysql_url", "mariadb_url"])
def test_a_small_packet_size_makes_reading_slower_and_not_wrong(
    request: pytest.FixtureRequest, fixture: str
) -> None:
    truth = np.random.default_rng(6).normal(size=(2, 60_000)) * 1e10
    with fresh_store(request.getfixturevalue(fixture)) as store:
        query = "SELECT @@max_allowed_packet"
        usual = store.read(lambda connection: connection.exec_driver_sql(query).scalar())
        persist(store, matrix(truth))
        set_globally(store, f"max_allowed_packet = {2**20}")
        store.close()
        try:
            assert store.read(lambda connection: connection.exec_driver_sql(query).scalar()) == 2**20
            loaded = store.read(lambda c: load_matrix(c, keys(2), Grid(T0, 60_000)))
            every = store.read(lambda c: read_columns(c, select(sample.c.value)))
        finally:
            set_globally(store, f"max_allowed_packet = {usual}")
    np.testing.assert_array_equal(truth, loaded.values)
    assert sorted(truth.ravel().tolist()) == sorted(every[0])


@pytest.mark.parametrize("load_from_rows", [1, 10**9])
@pytest.mark.parametrize("fixture", ["mysql_url", "mariadb_url"])
def test_a_row_larger_than_a_packet_is_refused_at_once_and_many_wide_rows_are_not(
    request: pytest.FixtureRequest, fixture: str, load_from_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "LOAD_FROM_ROWS", load_from_rows)
    names = [f"i{at:02d}" for at in range(60)]
    wide, huge = [{"x": 'a"' * size} for size in (50_000, 400_000)]
    narrow = sli_columns(dict.fromkeys(names, "ok"), T0) | {"details": [None] * 30 + [wide] * 30}
    with fresh_store(request.getfixturevalue(fixture)) as store:
        usual = store.read(lambda c: c.exec_driver_sql("SELECT @@max_allowed_packet").scalar())
        set_globally(store, f"max_allowed_packet = {2**20}")
        store.close()
        try:
            with pytest.raises(FinalError, match=r"sli_status.*i01.*max_allowed_packet"):
                write(
                    store, sli_status, sli_columns({"i00": "ok", "i01": "ok"}, T0) | {"details": [wide, huge]}
                )
            assert all_rows(store, sli_status) == []
            write(store, sli_status, narrow)
        finally:
            set_globally(store, f"max_allowed_packet = {usual}")
        assert len(all_rows(store, sli_status)) == 60


def test_a_server_that_wants_a_key_in_every_table_gets_one(store: Store) -> None:
    def work(connection: Connection) -> int:
        connection.exec_driver_sql("SET SESSION sql_require_primary_key = ON")
        return upsert(connection, curve, {"series_id": np.arange(900), "slot": T0, "as_of": T0})

    assert store.transact(work) == 900


def test_a_server_gets_no_file_but_ours(store: Store, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("1\t2023-11-14 22:14:00\t1\n")
    load = f"LOAD DATA LOCAL INFILE '{secret}' INTO TABLE sample"
    with pytest.raises(ForesightError):
        store.transact(lambda connection: connection.exec_driver_sql(load))
    assert all_rows(store, sample) == []


def test_a_writer_killed_in_the_middle_leaves_nothing(store: Store) -> None:
    url = store.engine.url.render_as_string(hide_password=False)
    done = subprocess.run([sys.executable, "-m", "tests.integration.write_and_die", url], check=False)
    assert done.returncode == -signal.SIGKILL
    assert all_rows(store, sample) == []


def test_many_processes_may_migrate_at_once(mysql_url: str) -> None:
    with fresh_database(mysql_url) as url:
        stores = [open_store(url) for _ in range(4)]
        together(*[lambda store=store: migrate(store) for store in stores])
        assert stores[0].read(stored_revision) is not None
        for store in stores:
            store.close()


def test_a_table_that_changes_under_a_reader_is_read_again(store: Store) -> None:
    maintain(store, T0, {})
    write(store, sample, sample_columns(1.0, [1, 2]))
    moved: list[int] = []

    def work(connection: Connection) -> int:
        count_rows(connection, commit_marker)  # the moment that all is read at
        if not moved:
            moved.append(1)
            maintain(store, T0 + 86_400, {"sample": 30})  # gives the table a new partition
        return count_rows(connection, sample)

    assert store.read(work) == 2
    assert moved == [1]


def test_maintenance_does_not_hold_up_writers_behind_a_reader(store: Store) -> None:
    maintain(store, T0, {})
    write(store, sample, sample_columns(1.0, [1], T0 - 5 * 86_400))
    write(store, sample, sample_columns(1.0, [1, 2], T0))
    reading, tried, written = threading.Event(), threading.Event(), threading.Event()

    def read() -> bool:
        def work(connection: Connection) -> bool:
            count_rows(connection, sample)
            reading.set()
            return written.wait(100)

        return store.read(work)

    def upkeep() -> None:
        reading.wait(100)
        tried.set()
        maintain(store, T0, {"sample": 3}, pause_seconds=0.5)

    def writer() -> None:
        tried.wait(100)
        for number in range(10):
            write(store, sample, sample_columns(1.0, [10 + number], T0))
        written.set()

    assert together(read, upkeep, writer)[0]  # all was written while the reader was still reading
    assert len(all_rows(store, sample)) == 12


def test_tables_that_stay_in_use_are_left_for_later_and_the_others_are_done(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foresight.store.retention._ROUNDS", 2)
    maintain(store, T0, {})
    for table in (sample, curve):
        write(
            store,
            table,
            {"series_id": [1], "slot": T0 - 5 * 86_400} | ({"as_of": T0} if table is curve else {}),
        )
    write(store, sample, sample_columns(1.0, [1], T0))

    def work(connection: Connection) -> None:
        count_rows(connection, sample)
        with pytest.raises(StoreUnavailable, match=r"in use.*: sample$"):
            maintain(store, T0, {"sample": 3, "curve": 3}, pause_seconds=0.1)

    store.read(work)
    assert (len(all_rows(store, sample)), len(all_rows(store, curve))) == (2, 0)
    maintain(store, T0, {"sample": 3})
    assert len(all_rows(store, sample)) == 1


def test_a_server_that_became_a_replica_keeps_no_connection_of_ours(store: Store) -> None:
    ids: list[int] = []

    def work(connection: Connection) -> None:
        ids.append(connection_id(connection))
        upsert(connection, sample, sample_columns([1.0]))

    other = open_store(store.engine.url)
    other.transact(work)
    set_globally(store, "super_read_only = ON")
    try:
        with pytest.raises(StoreUnavailable, match="read-only"):
            other.transact(work)
    finally:
        set_globally(store, "super_read_only = OFF")
        set_globally(store, "read_only = OFF")
    other.transact(work)
    assert len(set(ids)) == len(ids) - 1  # the first two are one: the pool's, until the server refused
    other.close()


def test_a_server_that_becomes_the_first_again_is_written_to_in_the_same_call(store: Store) -> None:
    attempts: list[int] = []

    def work(connection: Connection) -> None:
        attempts.append(1)
        if len(attempts) == 2:
            set_globally(store, "super_read_only = OFF")
            set_globally(store, "read_only = OFF")
        upsert(connection, sample, sample_columns([1.0]))

    set_globally(store, "super_read_only = ON")
    other = open_store(store.engine.url)
    try:
        other.transact(work)
    finally:
        set_globally(store, "super_read_only = OFF")
        set_globally(store, "read_only = OFF")
    assert len(attempts) == 2
    other.close()


def test_a_stopped_server_is_a_store_that_is_unavailable() -> None:
    with mysql_server() as url:
        store = open_store(url, attempts=2, wait_seconds=0.1)
        migrate(store)
    with pytest.raises(StoreUnavailable):
        write(store, sample, sample_columns([1.0]))
    with pytest.raises(StoreUnavailable):
        store.read(lambda connection: count_rows(connection, sample))
    store.close()


def test_a_wrong_password_is_final_and_not_shown(mysql_url: str) -> None:
    store = open_store(mysql_url.replace("root@", "nobody_here:s3cret@"))
    with pytest.raises(FinalError, match="denied") as raised:
        migrate(store)
    assert "s3cret" not in str(raised.value)
