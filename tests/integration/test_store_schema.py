"""The schema as a real server has it: the same by declaration and by steps, readable by a person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, Table, make_url, text

from foresight.store import Store, count_rows, maintain, migrate, open_store
from foresight.store.tables import curve, metadata, sample
from tests.integration.databases import fresh_database, fresh_store
from tests.unit.store.rows import T0, matrix, persist, sample_columns, write

pytestmark = pytest.mark.mysql
TABLES = metadata.sorted_tables


@pytest.fixture(scope="module", params=["mysql_url", "mariadb_url"])
def url(request: pytest.FixtureRequest) -> str:
    given: str = request.getfixturevalue(request.param)
    return given


@pytest.fixture(scope="module")
def migrated(url: str) -> Iterator[Store]:
    with fresh_store(url) as store:
        yield store


def definitions(store: Store) -> dict[str, str]:
    def one(name: str) -> str:
        query = f"SHOW CREATE TABLE {name}"
        found = str(store.read(lambda connection: connection.exec_driver_sql(query).one()[1]))
        return "\n".join(sorted(found.replace(",\n", "\n").splitlines()))  # indexes in any order

    return {table.name: one(table.name) for table in TABLES}


def test_the_steps_make_the_tables_as_declared(url: str, migrated: Store) -> None:
    with fresh_database(url) as other_url:
        declared = open_store(other_url)
        declared.transact(metadata.create_all)
        assert definitions(declared) == definitions(migrated)
        declared.close()


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_no_name_has_to_be_quoted(migrated: Store, table: Table) -> None:
    query = f"SELECT {', '.join(column.name for column in table.c)} FROM {table.name}"  # noqa: S608 - ours
    migrated.read(lambda connection: connection.exec_driver_sql(query).all())


def test_every_comment_is_in_the_database(migrated: Store) -> None:
    query = text(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND table_name <> 'foresight_schema' AND column_comment = ''"
    )
    assert migrated.read(lambda connection: connection.execute(query).all()) == []


def test_a_person_can_ask_for_labels_and_time_in_sql(migrated: Store) -> None:
    persist(migrated, matrix([[1.5, 2.5], [3.5, 4.5]], metric="asked"))
    query = """
        SELECT JSON_UNQUOTE(JSON_EXTRACT(labels, '$.instance')), MAX(value)
        FROM series JOIN sample USING (series_id)
        WHERE metric = 'asked' AND slot >= '2023-11-14 22:13:00'
        GROUP BY 1 ORDER BY 1
    """
    rows = migrated.read(lambda connection: connection.exec_driver_sql(query).all())
    assert [tuple(row) for row in rows] == [("0", 2.5), ("1", 4.5)]


def test_instants_are_utc_whatever_the_zone_of_the_session_that_reads(migrated: Store) -> None:
    write(migrated, sample, sample_columns(1.0, [99]))

    def work(connection: Connection) -> str:
        connection.exec_driver_sql("SET time_zone = '+05:00'")
        query = "SELECT DATE_FORMAT(slot, '%Y-%m-%d %H:%i:%s') FROM sample WHERE series_id = 99"
        found = connection.exec_driver_sql(query).scalar_one()
        connection.exec_driver_sql("SET time_zone = '+00:00'")
        return str(found)

    assert T0 == 1_700_000_040
    assert migrated.read(work) == "2023-11-14 22:14:00"


def test_a_query_for_one_day_reads_one_partition(migrated: Store) -> None:
    maintain(migrated, T0, {})
    explain = (
        "EXPLAIN PARTITIONS" if migrated.engine.dialect.name == "mariadb" else "EXPLAIN FORMAT=TRADITIONAL"
    )
    hour = "slot > '2023-11-14 22:00' AND slot <= '2023-11-14 23:00'"
    query = f"{explain} SELECT * FROM sample WHERE series_id = 1 AND {hour}"  # noqa: S608 - ours
    row = migrated.read(lambda connection: connection.exec_driver_sql(query).mappings().one())
    assert row["partitions"] == "p20231114"


def test_the_privileges_that_the_reference_asks_for_are_enough(mysql_url: str) -> None:
    text_of = (Path(__file__).parents[2] / "docs" / "tables.md").read_text(encoding="utf-8")
    match = re.search(r"these privileges: `([A-Z,\s]+)`", text_of)
    assert match
    with fresh_database(mysql_url) as empty_url:
        mine = make_url(empty_url)
        admin = open_store(empty_url)
        user = f"u_{mine.database}"
        for statement in (
            f"CREATE USER {user} IDENTIFIED BY 'pässwörd@:/'",
            f"GRANT {match[1]} ON {mine.database}.* TO {user}",
        ):
            admin.transact(lambda c, sql=statement: c.exec_driver_sql(sql))
        store = open_store(mine.set(username=user, password="pässwörd@:/"))  # noqa: S106 - of this test
        migrate(store)
        maintain(store, T0, {"sample": 3})
        persist(store, matrix(np.ones((800, 3))))
        write(store, curve, {"series_id": np.arange(800), "slot": T0, "as_of": T0})
        persist(store, matrix(np.ones((1, 3)), T0 + 9 * 86_400))
        maintain(store, T0 + 9 * 86_400, {"sample": 3}, allow_large_drop=True)
        assert store.read(lambda connection: count_rows(connection, sample)) == 3
        store.close()
        admin.transact(lambda c: c.exec_driver_sql(f"DROP USER {user}"))
        admin.close()
