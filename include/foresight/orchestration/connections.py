"""Airflow connections become the objects that do the work: here, and nowhere else.

- ``telemetry`` of type ``http`` or ``https``: a Prometheus; extra ``verify``, ``cert``, ``headers``;
- ``telemetry`` of type ``recording``: host is its name, extra ``last_row`` and ``last_slot_at`` anchor it;
- ``results`` of type ``mysql``: MySQL or MariaDB; extra ``ssl_*`` is passed on to the driver;
- ``results`` of type ``sqlite``: host is the path of the file; any other connection that a table is named
  with (``table:CONNECTION/NAME``) is read as these two are;
- ``kafka`` of type ``kafka``: extra is the librdkafka configuration, TLS and SASL included;
- ``slice_config`` of type ``http`` or ``https``, where there is one: the configuration service of slices;
  extra ``path``, ``verify``, ``cert``, ``headers``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from foresight import __version__
from foresight.conventions import (
    KAFKA_CONNECTION,
    RESULTS_CONNECTION,
    SLICE_CONFIG_CONNECTION,
    TELEMETRY_CONNECTION,
)
from foresight.errors import FinalError, NotFound

if TYPE_CHECKING:
    from sqlalchemy import URL

    from foresight.orchestration.slice_configuration import ConfigurationService
    from foresight.store import Store
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
    try:
        if given.conn_type == "recording":
            return RecordingSource(given.host, **extra)
        if given.conn_type in {"http", "https"}:
            signed_in: dict[str, Any] = {"user": given.login or None, "password": given.password or None}
            return PrometheusSource(_http_url(given), **signed_in, **extra)
    except TypeError as error:
        raise InvalidConnection(f"the extra of connection telemetry: {error}") from error
    raise InvalidConnection(f"connection telemetry is of type {given.conn_type!r}: use http or recording")


def _http_url(given: Any) -> str:
    """The base URL: the scheme is the host's own, else the connection's schema, else http."""
    host = given.host or "localhost"
    if "://" not in host:
        scheme = given.schema if given.schema in {"http", "https"} else given.conn_type
        host = f"{scheme}://{host}"
    return f"{host}:{given.port}" if given.port else host


def database_url(name: str) -> tuple[URL, dict[str, Any]]:
    """The SQLAlchemy URL of a connection to a database, and what its driver is given besides."""
    from sqlalchemy import URL

    given = connection(name)
    if given.conn_type == "sqlite":
        return URL.create("sqlite", database=given.host or given.schema), {}
    if given.conn_type != "mysql":
        raise InvalidConnection(f"connection {name} is of type {given.conn_type!r}: use mysql or sqlite")
    url = URL.create(
        "mysql+mysqlconnector",
        username=given.login,
        password=given.password,
        host=given.host or "localhost",
        port=int(given.port or 3306),
        database=given.schema,
    )
    return url, {name: value for name, value in given.extra_dejson.items() if name.startswith("ssl_")}


def open_database(name: str) -> Store:
    """The database that a connection names."""
    from foresight.store import open_store

    url, arguments = database_url(name)
    return open_store(url, connect_args=arguments)


def open_results() -> Store:
    """The results store that the connection ``results`` names; its tables are ``prepare_results``' work."""
    return open_database(RESULTS_CONNECTION)


def prepare_results() -> Store:
    """The same with its tables at the newest version: the first step of every DAG calls it."""
    from foresight.store import migrate

    store = open_results()
    migrate(store)
    return store


def read_results() -> Store:
    """The same for whoever only asks: nothing is brought up to date.

    Raises ``NotFound`` where there are no tables yet, and ``FinalError`` where they are of another version.
    """
    from foresight.store import expected_revision, stored_revision

    store = open_results()
    stored, expected = store.read(stored_revision), expected_revision()
    if stored is None:
        raise NotFound(
            f"nothing is stored yet: {store.name} has no tables; "
            "the first run or `foresight sla apply` makes them"
        )
    if stored != expected:
        raise FinalError(
            f"the tables of {store.name} are at revision {stored}, Foresight {__version__} needs {expected}: "
            "the next run or `foresight sla apply` brings older ones up to date; "
            "newer ones need the version that made them"
        )
    return store


def kafka_config() -> dict[str, Any]:
    """The librdkafka settings of the connection ``kafka``; they hold secrets, so they are never logged."""
    from foresight.messaging import client_config

    return client_config(connection(KAFKA_CONNECTION).extra_dejson, KAFKA_CONNECTION)


def open_slice_configuration() -> ConfigurationService | None:
    """The configuration service that the connection ``slice_config`` names; None where there is none."""
    from foresight.orchestration.slice_configuration import ConfigurationService

    try:
        given = connection(SLICE_CONFIG_CONNECTION)
    except NotFound:
        return None
    if given.conn_type not in {"http", "https"}:
        raise InvalidConnection(f"connection slice_config is of type {given.conn_type!r}: use http")
    extra = dict(given.extra_dejson)
    url = f"{_http_url(given)}/{extra.pop('path', '').strip('/')}".rstrip("/")
    if unknown := set(extra) - {"verify", "cert", "headers"}:
        raise InvalidConnection(f"connection slice_config: extra {', '.join(sorted(unknown))} is not known")
    return ConfigurationService(url, given.login or None, given.password or None, **extra)
