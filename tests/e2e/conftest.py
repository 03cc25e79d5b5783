"""A live Airflow on real PostgreSQL, MySQL and Kafka, with the demo's recording as its telemetry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import make_url

from foresight.local.embedded import CONFIG
from foresight.local.standalone import Standalone, connection_variables
from foresight.services import slas
from foresight.store import Store, migrate, open_store
from foresight.store.checks import checksum
from foresight.store.tables import metadata
from foresight.wiring.connections import open_results, results
from foresight.wiring.settings import catalogue

TRACES = {"run", "publication", "sla", "sli", "sla_revision", "commit_marker", "retention_mark"}
"""Tables that say who did what when; all others say what is so."""
CLOCKS = {"sli_risk": ("computed_at",)}
"""Columns that say when a row was computed: verification tells by them what was predicted too late."""


@pytest.fixture(scope="session")
def airflow(
    tmp_path_factory: pytest.TempPathFactory, mysql_url: str, kafka_servers: str, postgres_url: str
) -> Iterator[Standalone]:
    """The Airflow, its DAGs parsed and still switched off."""
    url = make_url(mysql_url)
    connections = {
        "telemetry": {
            "conn_type": "recording",
            "host": "smd",
            "extra": {"last_row": 18_510, "last_slot_at": _boundary().isoformat()},
        },
        "results": {
            "conn_type": "mysql",
            "host": url.host,
            "port": url.port,
            "login": url.username,
            "password": url.password,
            "schema": url.database,
        },
        "kafka": {"conn_type": "kafka", "extra": {"bootstrap.servers": kafka_servers}},
    }
    settings = {"FORESIGHT_CONFIG": str(CONFIG), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres_url}
    os.environ |= settings | connection_variables(connections)
    migrate(open_results())
    applied = slas.apply(results(), catalogue(), [CONFIG / "slas.yaml"], by="test", at=0)
    assert len(applied.differences) == 2
    with Standalone(tmp_path_factory.mktemp("airflow"), connections, settings) as running:
        yield running


@pytest.fixture(scope="session")
def store(mysql_url: str) -> Iterator[Store]:
    """The results store that the Airflow writes to."""
    opened = open_store(mysql_url)
    yield opened
    opened.close()


def _boundary() -> datetime:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    return now - timedelta(minutes=now.minute % 10)


def checksums(store: Store) -> dict[str, str]:
    """A checksum of every table of results, whatever the order of its rows."""
    return {
        name: store.read(lambda c, table=table, name=name: checksum(c, table, CLOCKS.get(name, ())))  # type: ignore[misc]
        for name, table in metadata.tables.items()
        if name not in TRACES
    }


def empty(store: Store) -> None:
    """Takes every result and trace away, as if nothing had run."""
    for name, table in metadata.tables.items():
        if name not in TRACES - {"run", "publication"}:
            store.transact(lambda connection, table=table: connection.execute(table.delete()))  # type: ignore[misc]
