"""Fixtures that every test may ask for: real servers, started once a session, each skipped with its reason.

A server that runs already is taken from FORESIGHT_TEST_MYSQL, FORESIGHT_TEST_MARIADB,
FORESIGHT_TEST_KAFKA or FORESIGHT_TEST_PROMETHEUS. In CI (CI=true) a server that cannot be had is a failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import pytest

from tests.servers.process import Unavailable


def _server(variable: str, start: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    given = os.environ.get(variable)
    try:
        with nullcontext(given) if given else start() as address:
            yield address
    except Unavailable as reason:
        if os.environ.get("CI"):
            pytest.fail(f"in CI every server must be there: {reason}")
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    """SQLAlchemy URL of an empty database on a real MySQL 9.7."""
    from tests.servers.mysql import mysql_server

    yield from _server("FORESIGHT_TEST_MYSQL", mysql_server)


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """SQLAlchemy URL of an empty database on a real MariaDB 10.11."""
    from tests.servers.mariadb import mariadb_server

    yield from _server("FORESIGHT_TEST_MARIADB", mariadb_server)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """SQLAlchemy URL of an empty database on a real PostgreSQL, for Airflow itself."""
    from tests.servers.postgres import postgres_server

    yield from _server("FORESIGHT_TEST_POSTGRES", postgres_server)


@pytest.fixture(scope="session")
def kafka_servers() -> Iterator[str]:
    """Bootstrap servers of a real Kafka 4."""
    from tests.servers.kafka import kafka_server

    yield from _server("FORESIGHT_TEST_KAFKA", kafka_server)


@pytest.fixture(scope="session")
def prometheus_url() -> Iterator[str]:
    """Base URL of a real Prometheus with generated history (see ``tests.servers.prometheus``)."""
    from tests.servers.prometheus import prometheus_server

    yield from _server("FORESIGHT_TEST_PROMETHEUS", prometheus_server)
