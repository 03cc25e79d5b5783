"""Airflow connections become the objects that services work on: here, and nowhere else.

- ``telemetry`` of type ``http`` or ``https``: a Prometheus; extra as ``PrometheusExtra`` says;
- ``telemetry`` of type ``recording``: host is its name, extra ``last_row`` and ``last_slot_at`` anchor it;
- ``results`` of type ``mysql``: MySQL or MariaDB; extra ``ssl_*`` is passed on to the driver;
- ``results`` of type ``sqlite``: host is the path of the file, in a folder that is there; any other
  connection that a table is named with (``table:CONNECTION/NAME``) is read as these two are;
- ``results_upkeep``, where there is one: the same database for whoever may change its tables;
- ``kafka`` of type ``kafka``: extra is the librdkafka configuration, TLS and SASL included;
- ``slice_config`` of type ``http`` or ``https``, where there is one: the configuration service of slices;
  extra ``path``, ``verify``, ``cert``, ``headers``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from foresight.conventions import (
    KAFKA_CONNECTION,
    RESULTS_CONNECTION,
    SLICE_CONFIG_CONNECTION,
    TELEMETRY_CONNECTION,
    UPKEEP_CONNECTION,
)
from foresight.errors import NotFound
from foresight.wiring.airflow_connections import (
    AirflowConnection,
    InvalidConnection,
    find_connection,
    read_extra,
)
from foresight.wiring.extras import (
    ConfigurationExtra,
    DatabaseExtra,
    PrometheusExtra,
    RecordingExtra,
    checked_extra,
)
from foresight.wiring.settings import installation
from foresight.wiring.stores import STORES

if TYPE_CHECKING:
    from sqlalchemy import URL

    from foresight.slices.service import ConfigurationService
    from foresight.store import Store
    from foresight.telemetry.source import TelemetrySource


def open_telemetry(*, is_quick: bool = False) -> TelemetrySource:
    """The source that the connection ``telemetry`` names; ``is_quick`` asks once, for somebody who waits."""
    from foresight.telemetry.prometheus import PrometheusSource
    from foresight.telemetry.recording import RecordingSource

    given = find_connection(TELEMETRY_CONNECTION)
    if given.conn_type == "recording":
        if not given.host:
            raise InvalidConnection("connection telemetry: host must be the name of a recording, such as smd")
        return RecordingSource(given.host, **checked_extra(given, RecordingExtra))
    if given.conn_type not in {"http", "https"}:
        raise InvalidConnection(f"connection telemetry is of type {given.conn_type!r}: use http or recording")
    signed_in: dict[str, Any] = {"user": given.login or None, "password": given.password or None}
    extra = checked_extra(given, PrometheusExtra)
    if is_quick:
        extra |= {"attempts": 1, "timeout_seconds": 5.0, "deadline_seconds": 5.0}
    return PrometheusSource(http_url(given), **signed_in, **extra)


def http_url(given: AirflowConnection) -> str:
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
        "an IPv6 address is written in brackets, such as [::1]"
    )


def database_url(name: str) -> tuple[URL, dict[str, Any]]:
    """The SQLAlchemy URL of a connection to a database, and what its driver is given besides."""
    from sqlalchemy import URL

    given = find_connection(name)
    if given.conn_type == "sqlite":
        return URL.create("sqlite", database=_database_file(name, given.host or given.schema)), {}
    if given.conn_type != "mysql":
        raise InvalidConnection(f"connection {name} is of type {given.conn_type!r}: use mysql or sqlite")
    url = URL.create(
        "mysql+mysqlconnector",
        username=given.login or None,
        password=given.password or None,
        host=given.host or "localhost",
        port=given.port or 3306,
        database=given.schema or None,
    )
    return url, checked_extra(given, DatabaseExtra, only="ssl_")


def database_of(name: str) -> tuple[str, int, str]:
    """What connections that lead to one database have in common: where it is, and its name there.

    Two names of one server are not seen to be one, but for those of this machine.
    """
    url, _ = database_url(name)
    if url.drivername == "sqlite":
        return "", 0, str(Path(url.database or "").resolve())
    host = (url.host or "").lower()
    return "localhost" if host in {"127.0.0.1", "::1"} else host, url.port or 0, (url.database or "").lower()


def _database_file(name: str, path: str) -> str:
    """The path, where SQLite can keep a database that outlasts a task."""
    file = Path(path)
    if not path or path == ":memory:" or file.is_dir():
        raise InvalidConnection(f"connection {name}: host must be the path of a file, got {path!r}")
    if not file.parent.is_dir():
        raise InvalidConnection(f"connection {name}: there is no folder {str(file.parent)!r} for {path!r}")
    return path


def open_database(name: str) -> Store:
    """The database that a connection names: one store in a process."""
    return STORES.get(*database_url(name))


def open_results() -> Store:
    """The results store that the connection ``results`` names, whatever its tables are."""
    return open_database(RESULTS_CONNECTION)


def results() -> Store:
    """The results store, with the tables that this version needs.

    Raises ``SchemaMismatch`` where they are of another version or not there: then run ``foresight migrate``.
    """
    return STORES.get(*database_url(RESULTS_CONNECTION), is_checked=True)


def upkeep_results() -> Store:
    """The results store for whoever may change tables: connection ``results_upkeep``, else ``results``."""
    try:
        url, arguments = database_url(UPKEEP_CONNECTION)
    except NotFound:
        return open_results()
    return STORES.get(url, arguments)


def kafka_config() -> dict[str, Any]:
    """The librdkafka settings of the connection ``kafka``; they hold secrets, so they are never logged."""
    from foresight.messaging import INSTALLATION, client_config

    config = client_config(dict(read_extra(find_connection(KAFKA_CONNECTION))), KAFKA_CONNECTION)
    name = installation()
    return config | {INSTALLATION: name} if name else config


def open_slice_configuration() -> ConfigurationService | None:
    """The configuration service that the connection ``slice_config`` names; None where there is none."""
    from foresight.slices.service import ConfigurationService

    try:
        given = find_connection(SLICE_CONFIG_CONNECTION)
    except NotFound:
        return None
    if given.conn_type not in {"http", "https"}:
        raise InvalidConnection(f"connection slice_config is of type {given.conn_type!r}: use http")
    extra = checked_extra(given, ConfigurationExtra)
    url = f"{http_url(given)}/{extra.pop('path', '').strip('/')}".rstrip("/")
    return ConfigurationService(url, given.login or None, given.password or None, **extra)
