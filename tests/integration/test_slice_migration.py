"""Old rows of slices on real servers: new keys, rounded starts, one row of two, days of their own again."""
# ruff: noqa: S608 - statements of this file

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import make_url

from foresight.store import Store, maintain, migrate, open_store
from tests.integration.databases import fresh_database

pytestmark = pytest.mark.mysql
START = 1_764_540_000
"""2025-11-30 22:00 UTC."""
LONG = "ManagedElement=" + "x" * 240


@pytest.fixture(params=["mysql_url", "mariadb_url"])
def old(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store as the step before left it, with rows of every table that gets another key."""
    with fresh_database(request.getfixturevalue(request.param)) as url:
        store = open_store(make_url(url), wait_seconds=0.1)
        migrate(store, "0008")
        for slice_id, cell, at in (
            ("01-b989bd", "101", "2025-11-30 22:00:07"),
            ("01-b989bd", "101", "2025-11-30 22:00:08"),  # the same period, sent again
            ("01-B989BD", "101", "2025-11-30 22:14:59"),
            ("0010-1110", LONG, "2025-11-30 22:00:00"),
        ):
            key = f"'{slice_id}', 'cü1', '{cell}', '{at}'"
            for statement in (
                f"slice_measurement VALUES ({key}, 900, 400, 280, 110, 'measured', 1, 'ems')",
                f"slice_configuration VALUES ({key}, 120, '{at}', 'service')",
                f"slice_prediction VALUES ({key}, '{at}', 'ready', 0, 'v1', 120, NULL, 125.5, 125.5, 126, "
                "'nearest', 1, NULL)",
            ):
                store.transact(lambda c, sql=statement: c.exec_driver_sql(f"INSERT INTO {sql}"))
        yield store
        store.close()


def found(store: Store, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in store.read(lambda c: c.exec_driver_sql(query).all())]


def test_old_rows_are_carried_over_on_a_real_server(old: Store) -> None:
    migrate(old)
    start = "DATE_FORMAT(period_start, '%H:%i:%s')"
    names = f"snssai, cu, cell, granularity_seconds, {start}"
    both = [
        ("0010-1110", "cü1", LONG, 900, "22:00:00"),
        ("01-B989BD", "cü1", "101", 900, "22:00:00"),
        ("01-B989BD", "cü1", "101", 900, "22:15:00"),
    ]
    for table in ("slice_measurement", "slice_prediction"):
        assert found(old, f"SELECT {names} FROM {table} ORDER BY 1, 2, 3, 5") == both
    assert found(old, "SELECT DISTINCT requests, suspicion FROM slice_measurement") == [
        (400.0, "marked by its sender")
    ]
    assert found(old, "SELECT DISTINCT final, model_version FROM slice_prediction") == [(126.0, "v1")]
    assert found(old, "SELECT COUNT(*), COUNT(DISTINCT snssai) FROM slice_configuration") == [(4, 2)]
    before = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE '%before'"  # noqa: E501
    assert found(old, before) == [(0,)]


def test_a_step_that_was_cut_off_while_it_filled_a_table_goes_on(old: Store) -> None:
    for statement in (
        "RENAME TABLE slice_prediction TO slice_prediction_before",
        "CREATE TABLE slice_measurement_before LIKE slice_measurement",
        "INSERT INTO slice_measurement_before SELECT * FROM slice_measurement",
        "DROP TABLE slice_measurement",
    ):
        old.transact(lambda c, sql=statement: c.exec_driver_sql(sql))  # type: ignore[misc]
    migrate(old)
    for table in ("slice_measurement", "slice_prediction"):
        assert found(old, f"SELECT COUNT(*) FROM {table}") == [(3,)]


def test_days_get_partitions_again(old: Store) -> None:
    migrate(old)
    maintain(old, START, {})
    query = (
        "SELECT partition_name FROM information_schema.partitions WHERE table_schema = DATABASE() "
        "AND table_name = 'slice_measurement'"
    )
    assert ("p20251130",) in found(old, query)
    assert found(old, "SELECT COUNT(*) FROM slice_measurement") == [(3,)]
