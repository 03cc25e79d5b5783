"""The tables as declared and as the steps of the schema make them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Double, Float, inspect, select, text

from foresight.store import Store, expected_revision, migrate, migrations, open_store, stored_revision
from foresight.store.column_types import Instant
from foresight.store.tables import metadata, series

TABLES = metadata.sorted_tables


def test_the_steps_make_the_tables_as_declared(store: Store, tmp_path: Path) -> None:
    declared = open_store(f"sqlite:///{tmp_path}/declared.db")
    declared.transact(metadata.create_all)

    def statements(one: Store) -> dict[str, list[str]]:
        query = text(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'foresight_schema'"
        )
        return {row.name: _parts(row.sql) for row in one.read(lambda c: c.execute(query).all())}

    assert statements(declared) == statements(store)
    declared.close()


def _parts(statement: str) -> list[str]:
    """What a table or an index is made of: SQLite puts a column that was added later behind the rest."""
    head, _, inner = statement.partition("(")
    inner, _, tail = inner.rpartition(")")
    parts = re.split(r",(?![^(]*\))", inner)
    return [head.strip(), *sorted(" ".join(part.split()) for part in parts), tail.strip()]


def test_migrating_twice_changes_nothing(store: Store) -> None:
    migrate(store)
    assert expected_revision() == store.read(stored_revision)


def test_the_step_that_is_expected_is_the_last_of_the_chain() -> None:
    folder = Path(migrations.__file__).parent
    assert ScriptDirectory(str(folder)).get_current_head() == expected_revision()


def test_a_new_database_has_reached_no_step(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/new.db")
    assert store.read(stored_revision) is None
    store.close()


def test_a_step_that_was_cut_off_is_run_again(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/half.db")
    store.transact(series.create)
    migrate(store)
    assert {table.name for table in TABLES} <= set(store.read(lambda c: inspect(c).get_table_names()))
    store.close()


def test_tables_of_others_are_left_alone(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/shared.db")
    store.transact(lambda c: c.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)"))
    store.transact(lambda c: c.exec_driver_sql("INSERT INTO alembic_version VALUES ('of Airflow')"))
    migrate(store)
    assert store.read(lambda c: c.exec_driver_sql("SELECT * FROM alembic_version").scalar()) == "of Airflow"
    store.close()


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_every_table_and_column_says_what_it_is(table: object) -> None:
    assert table.comment  # type: ignore[attr-defined]
    assert all(column.comment for column in table.c)  # type: ignore[attr-defined]


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_every_table_has_a_natural_key_and_singular_snake_case_names(table: object) -> None:
    names = [table.name, *table.c.keys()]  # type: ignore[attr-defined]
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    keys = list(table.primary_key)  # type: ignore[attr-defined]
    assert keys
    assert not any(column.autoincrement is True for column in keys)


def test_no_value_is_a_32_bit_float() -> None:
    floats = [c for table in TABLES for c in table.c if isinstance(c.type, Float)]
    assert floats
    assert all(isinstance(column.type, Double) for column in floats)


def test_what_retention_goes_by_is_an_instant_and_a_day_partition_is_part_of_the_key() -> None:
    for table in TABLES:
        name = table.info["kept_by"]
        assert name is None or isinstance(table.c[name].type, Instant)
        assert not table.info["by_day"] or table.c[name].primary_key


def test_an_instant_without_zone_cannot_be_asked_for(store: Store) -> None:
    from datetime import datetime

    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - that is the point
    with pytest.raises(Exception, match="time zone"):
        store.read(lambda c: c.execute(select(series).where(series.c.first_seen > naive)).all())
