"""Airflow connections become the objects that do the work: here, and nowhere else.

| connection  | type                | becomes                                                        |
| ----------- | ------------------- | -------------------------------------------------------------- |
| `telemetry` | `http`, `https`     | a Prometheus: host, port, login, password, extra `verify`, `cert`, `headers`, `bearer_token` |
| `telemetry` | `recording`         | a replayed recording: host is its name, extra `last_row` and `last_slot_at` anchor it |
| `results`   | `mysql`             | MySQL or MariaDB through mysql-connector-python; extra `ssl_*` is passed on |
| `results`   | `sqlite`            | a file: host is its path                                        |
| `kafka`     | `kafka`             | extra is the librdkafka configuration, TLS and SASL included    |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from foresight.conventions import KAFKA_CONNECTION, RESULTS_CONNECTION, TELEMETRY_CONNECTION
from foresight.errors import FinalError, NotFound

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

    from foresight.telemetry import TelemetrySource


class InvalidConnection(FinalError):
    """A connection that Foresight cannot use as it is."""


def connection(name: str) -> Any:
    """The Airflow connection; the error says what to do when there is none."""
    try:
        return Connection.get(name)
    except AirflowNotFoundException as error:
        raise NotFound(
            f"connection {name!r} is not defined: add it under Admin → Connections or set "
            f"AIRFLOW_CONN_{name.upper()}"
        ) from error


def open_telemetry() -> TelemetrySource:
    """The source that the connection ``telemetry`` names."""
    from foresight.telemetry import PrometheusSource, RecordingSource

    given = connection(TELEMETRY_CONNECTION)
    extra = given.extra_dejson
    if given.conn_type == "recording":
        return RecordingSource(given.host, **extra)
    if given.conn_type in {"http", "https"}:
        return PrometheusSource(
            _http_url(given), user=given.login or None, password=given.password or None, **extra
        )
    raise InvalidConnection(f"connection telemetry is of type {given.conn_type!r}: use http or recording")


def _http_url(given: Any) -> str:
    """The base URL: the scheme is the host's own, else the connection's schema, else http."""
    host = given.host or "localhost"
    if "://" not in host:
        scheme = given.schema if given.schema in {"http", "https"} else given.conn_type
        host = f"{scheme}://{host}"
    return f"{host}:{given.port}" if given.port else host


def results_url() -> tuple[URL, dict[str, Any]]:
    """The SQLAlchemy URL of the connection ``results``, and what its driver is given besides."""
    from sqlalchemy import URL

    given = connection(RESULTS_CONNECTION)
    if given.conn_type == "sqlite":
        return URL.create("sqlite", database=given.host or given.schema), {}
    if given.conn_type != "mysql":
        raise InvalidConnection(f"connection results is of type {given.conn_type!r}: use mysql or sqlite")
    url = URL.create(
        "mysql+mysqlconnector",
        username=given.login,
        password=given.password,
        host=given.host or "localhost",
        port=int(given.port or 3306),
        database=given.schema,
    )
    return url, {name: value for name, value in given.extra_dejson.items() if name.startswith("ssl_")}


def open_results() -> Engine:
    """An engine on the results database, its tables at the newest version."""
    from foresight.store import migrate, open_store

    url, arguments = results_url()
    engine = open_store(url, connect_args=arguments)
    migrate(engine)
    return engine


def kafka_config() -> dict[str, Any]:
    """The librdkafka configuration of the connection ``kafka``; it holds secrets, so it is never logged."""
    given = connection(KAFKA_CONNECTION)
    config = dict(given.extra_dejson)
    if "bootstrap.servers" not in config:
        raise InvalidConnection("connection kafka has no bootstrap.servers in its extra")
    return config
