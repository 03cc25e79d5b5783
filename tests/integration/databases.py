"""A database of its own on a running server, for tests that must not see each other's tables."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import create_engine, make_url

from foresight.store import Store, migrate, open_store


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """URL of an empty database next to the one of ``server_url``; dropped afterwards."""
    name = f"foresight_{uuid.uuid4().hex[:12]}"
    connect_args = {"collation": "utf8mb4_bin"}  # MariaDB does not know the driver's own default
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT", connect_args=connect_args)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}")
        engine.dispose()


@contextmanager
def fresh_store(server_url: str, **options: Any) -> Iterator[Store]:
    """A migrated store in a database of its own."""
    with fresh_database(server_url) as url:
        store = open_store(url, wait_seconds=0.1, **options)
        migrate(store)
        try:
            yield store
        finally:
            store.close()
