"""Airflow's connections: read from the environment without Airflow, and by Airflow where only it can.

Airflow asks a secrets backend before the environment. So where a backend is configured, or the environment
does not have the connection, Airflow resolves it; it is imported only then.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from configparser import ConfigParser, Error
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from foresight.errors import FinalError, NotFound

_FIELDS: Final = ("conn_type", "host", "login", "password", "schema", "port", "extra", "description")
_BACKEND_VARIABLES: Final = ("AIRFLOW__SECRETS__BACKEND", "AIRFLOW__WORKERS__SECRETS_BACKEND")
_BACKEND_OPTIONS: Final = (("secrets", "backend"), ("workers", "secrets_backend"))
_EXTRA_KEY: Final = "__extra__"
"""The parameter of a URI that holds the whole extra as JSON."""


class InvalidConnection(FinalError):
    """A connection that Foresight cannot use as it is."""


@dataclass(frozen=True, slots=True)
class AirflowConnection:
    """What a connection says. ``extra`` is its text; ``read_extra`` reads it."""

    conn_id: str
    conn_type: str = ""
    host: str = ""
    login: str = ""
    password: str = field(default="", repr=False)
    schema: str = ""
    port: int | None = None
    extra: str = field(default="", repr=False)


def find_connection(name: str) -> AirflowConnection:
    """The connection of that name.

    Raises:
        NotFound: there is none.
        InvalidConnection: its variable in the environment is no connection.
    """
    text = os.environ.get(variable_of(name), "").strip()
    if text and not has_secrets_backend():
        found = parse_connection(name, text)
        _mask(found)
        return found
    return _resolved(name, text)


def variable_of(name: str) -> str:
    """The variable of the environment that holds a connection."""
    return f"AIRFLOW_CONN_{name.upper()}"


def has_secrets_backend() -> bool:
    """Whether Airflow is told to ask a secrets backend, by its environment or its configuration file."""
    given = os.environ
    if any(given.get(name + suffix) for name in _BACKEND_VARIABLES for suffix in ("", "_CMD", "_SECRET")):
        return True
    home = given.get("AIRFLOW_HOME", "~/airflow")
    file = Path(given.get("AIRFLOW_CONFIG", f"{home}/airflow.cfg")).expanduser()
    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(file, encoding="utf-8")
    except (OSError, UnicodeDecodeError, Error):
        return True  # Airflow knows what to make of it, or says why not
    return any(
        parser.get(section, option + suffix, fallback="")
        for section, option in _BACKEND_OPTIONS
        for suffix in ("", "_cmd", "_secret")
    )


def parse_connection(name: str, text: str) -> AirflowConnection:
    """A connection as Airflow writes it: a JSON object or a URI. Raises ``InvalidConnection``."""
    try:
        return _of_json(name, text) if text.startswith("{") else _of_uri(name, text)
    except ValueError as error:
        # The text may hold secrets, so it is not repeated.
        raise InvalidConnection(f"{variable_of(name)} is no connection: {error}") from None


def _of_json(name: str, text: str) -> AirflowConnection:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise ValueError(f"its JSON is broken: {error}") from error
    unknown = sorted(set(given) - set(_FIELDS))
    if unknown:
        known = "conn_type, host, login, password, schema, port (a number) and extra"
        raise ValueError(f"its JSON has the unknown keys {', '.join(unknown)}; it may have {known}")
    extra = given.get("extra") or ""
    port = given.get("port")
    try:
        number = int(port) if port not in {None, ""} else None
    except (TypeError, ValueError) as error:
        raise ValueError("port must be a number") from error
    texts = {key: given.get(key) or "" for key in ("conn_type", "host", "login", "password", "schema")}
    wrong = sorted(key for key, value in texts.items() if not isinstance(value, str))
    if wrong:
        raise ValueError(f"{', '.join(wrong)} must be a string")
    texts["conn_type"] = _type(texts["conn_type"])
    extra = extra if isinstance(extra, str) else json.dumps(extra)
    return AirflowConnection(name, **texts, port=number, extra=extra)


def _of_uri(name: str, text: str) -> AirflowConnection:
    kind, separator, rest = text.partition("://")
    if not separator or rest.count("://") > 1:
        raise ValueError(
            "it is neither a JSON object nor a URI such as mysql://user:password@host:3306/schema"
        )
    protocol, doubled, inner = rest.partition("://")
    try:
        parts = urlsplit(f"//{inner if doubled else rest}")
        port = parts.port
    except ValueError:
        raise ValueError("its host or port cannot be read; an IPv6 address is written in brackets") from None
    host = unquote(parts.hostname or "")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    extra = query[_EXTRA_KEY] if _EXTRA_KEY in query else json.dumps(query) if query else ""
    return AirflowConnection(
        name,
        _type(kind),
        f"{protocol}://{host}" if doubled and host else host,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        unquote(parts.path[1:]),
        port,
        extra,
    )


def _type(given: str) -> str:
    return given.replace("-", "_")


def _mask(found: AirflowConnection) -> None:
    """Tells a running Airflow to keep the secrets out of its logs, as it does when it resolves itself."""
    if "airflow.sdk" not in sys.modules:
        return
    from airflow.sdk.log import mask_secret

    if found.password:
        mask_secret(found.password)
    try:
        extra = json.loads(found.extra or "null")
    except ValueError:
        return
    if extra:
        mask_secret(extra)


def _resolved(name: str, text: str) -> AirflowConnection:
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found: Any = Connection.get(name)
    except AirflowNotFoundException as error:
        if text:  # Airflow passes over a variable that it cannot read, without a word
            parse_connection(name, text)
        raise NotFound(
            f"connection {name!r} is not defined: add it under Admin → Connections or set {variable_of(name)}"
        ) from error
    texts = {
        key: getattr(found, key) or ""
        for key in ("conn_type", "host", "login", "password", "schema", "extra")
    }
    resolved = AirflowConnection(name, port=found.port, **texts)
    _mask(resolved)
    return resolved


def read_extra(given: AirflowConnection) -> Mapping[str, Any]:
    """The extra of a connection. Raises ``InvalidConnection`` where it is no JSON object."""
    try:
        found = json.loads(given.extra or "null")
    except ValueError as error:
        raise InvalidConnection(f"connection {given.conn_id}: extra is not JSON: {error}") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        kind = type(found).__name__
        raise InvalidConnection(f"connection {given.conn_id}: extra must be a JSON object, got {kind}")
    return found
