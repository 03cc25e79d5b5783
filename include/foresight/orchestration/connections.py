"""Airflow connections become the objects that do the work: here, and nowhere else.

- ``telemetry`` of type ``http`` or ``https``: a Prometheus; extra ``verify``, ``cert``, ``headers``;
- ``telemetry`` of type ``recording``: host is its name, extra ``last_row`` and ``last_slot_at`` anchor it;
- ``results`` of type ``mysql``: MySQL or MariaDB; extra ``ssl_*`` is passed on to the driver;
- ``results`` of type ``sqlite``: host is the path of the file, in a folder that is there; any other
  connection that a table is named with (``table:CONNECTION/NAME``) is read as these two are;
- ``kafka`` of type ``kafka``: extra is the librdkafka configuration, TLS and SASL included;
- ``slice_config`` of type ``http`` or ``https``, where there is one: the configuration service of slices;
  extra ``path``, ``verify``, ``cert``, ``headers``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

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
from foresight.orchestration.connection_extras import (
    ConfigurationExtra,
    DatabaseExtra,
    InvalidConnection,
    PrometheusExtra,
    RecordingExtra,
    checked_extra,
    read_extra,
)

if TYPE_CHECKING:
    from sqlalchemy import URL

    from foresight.orchestration.slices.configuration import ConfigurationService
    from foresight.store import Store
    from foresight.telemetry import TelemetrySource


def connection(name: str) -> Any:
    """The Airflow connection; the error says what to do when there is none, or none that can be read."""
    try:
        return Connection.get(name)
    except AirflowNotFoundException as error:
        variable = f"AIRFLOW_CONN_{name.upper()}"
        if text := os.environ.get(variable, "").strip():
            raise InvalidConnection(f"{variable} is no connection: {_unreadable(text)}") from error
        raise NotFound(
            f"connection {name!r} is not defined: add it under Admin → Connections or set {variable}"
        ) from error


def _unreadable(text: str) -> str:
    """Why Airflow passed over this variable, without a word; the text itself may hold secrets."""
    if not text.startswith("{"):
        return "it is neither a JSON object nor a URI such as mysql://user:password@host:3306/schema"
    try:
        json.loads(text)
    except ValueError as error:
        return f"its JSON is broken: {error}"
    return "its JSON may have the keys conn_type, host, login, password, schema, port (a number) and extra"


def open_telemetry() -> TelemetrySource:
    """The source that the connection ``telemetry`` names."""
    from foresight.telemetry import PrometheusSource, RecordingSource

    given = connection(TELEMETRY_CONNECTION)
    if given.conn_type == "recording":
        if not given.host:
            raise InvalidConnection("connection telemetry: host must be the name of a recording, such as smd")
        return RecordingSource(given.host, **checked_extra(given, RecordingExtra))
    if given.conn_type not in {"http", "https"}:
        raise InvalidConnection(f"connection telemetry is of type {given.conn_type!r}: use http or recording")
    signed_in: dict[str, Any] = {"user": given.login or None, "password": given.password or None}
    return PrometheusSource(_http_url(given), **signed_in, **checked_extra(given, PrometheusExtra))


def _http_url(given: Any) -> str:
    """The base URL: the scheme is the host's own, else the connection's schema, else http."""
    host = given.host or "localhost"
    if "://" not in host:
        scheme = given.schema if given.schema in {"http", "https"} else given.conn_type
        host = f"{scheme}://{host}"
    url = f"{host}:{given.port}" if given.port else host
    try:
        parts = urlsplit(url)
        if parts.hostname and parts.port != 0:
            return url
        reason = "no host or no port is named"
    except ValueError as error:
        reason = str(error)
    address = url.rpartition("@")[2]
    raise InvalidConnection(
        f"connection {given.conn_id}: {address!r} is no address: {reason}; "
        "an IPv6 address stands in brackets, such as [::1]"
    )


def database_url(name: str) -> tuple[URL, dict[str, Any]]:
    """The SQLAlchemy URL of a connection to a database, and what its driver is given besides."""
    from sqlalchemy import URL

    given = connection(name)
    if given.conn_type == "sqlite":
        return URL.create("sqlite", database=_database_file(name, given.host or given.schema or "")), {}
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
    return url, checked_extra(given, DatabaseExtra, only="ssl_")


def _database_file(name: str, path: str) -> str:
    """The path, where SQLite can keep a database that outlasts a task."""
    file = Path(path)
    if not path or path == ":memory:" or file.is_dir():
        raise InvalidConnection(f"connection {name}: host must be the path of a file, got {path!r}")
    if not file.parent.is_dir():
        raise InvalidConnection(f"connection {name}: there is no folder {str(file.parent)!r} for {path!r}")
    return path


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

    return client_config(read_extra(connection(KAFKA_CONNECTION)), KAFKA_CONNECTION)


def open_slice_configuration() -> ConfigurationService | None:
    """The configuration service that the connection ``slice_config`` names; None where there is none."""
    from foresight.orchestration.slices.configuration import ConfigurationService

    try:
        given = connection(SLICE_CONFIG_CONNECTION)
    except NotFound:
        return None
    if given.conn_type not in {"http", "https"}:
        raise InvalidConnection(f"connection slice_config is of type {given.conn_type!r}: use http")
    extra = checked_extra(given, ConfigurationExtra)
    url = f"{_http_url(given)}/{extra.pop('path', '').strip('/')}".rstrip("/")
    return ConfigurationService(url, given.login or None, given.password or None, **extra)
