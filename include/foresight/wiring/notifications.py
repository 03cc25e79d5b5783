"""Connections become receivers of notifications.

- ``http`` or ``https``: where the receiver is; extra ``path``, ``headers``, ``verify``, ``cert``;
- ``smtp``: host, port, login and password; extra ``from_email``, ``disable_ssl``, ``disable_tls`` as Airflow
  has them.
"""

from __future__ import annotations

import os

from foresight.services.notification_messages import Notice
from foresight.services.notification_outbox import Sender
from foresight.services.notification_senders import HttpEndpoint, SmtpEndpoint, send_http, send_mail
from foresight.services.notifications import Delivery
from foresight.wiring.airflow_connections import (
    AirflowConnection,
    InvalidConnection,
    find_connection,
    read_extra,
)
from foresight.wiring.connections import http_url
from foresight.wiring.extras import ConfigurationExtra, checked_extra

_SSL_PORT, _PLAIN_PORT = 465, 587


def sender() -> Sender:
    """Sends each message where the connection of its target says."""
    external_url = os.environ.get("AIRFLOW__API__BASE_URL", "")

    def send(delivery: Delivery, notice: Notice) -> None:
        given = find_connection(delivery.connection)
        if delivery.kind == "email":
            send_mail(smtp_endpoint(given), delivery.recipients, notice)
        else:
            send_http(http_endpoint(given), delivery.kind, notice, external_url)

    return send


def http_endpoint(given: AirflowConnection) -> HttpEndpoint:
    """Raises ``InvalidConnection``."""
    if given.conn_type not in {"http", "https"}:
        raise InvalidConnection(f"connection {given.conn_id} is of type {given.conn_type!r}: use http")
    extra = checked_extra(given, ConfigurationExtra)
    url = f"{http_url(given)}/{extra.get('path', '').strip('/')}".rstrip("/")
    return HttpEndpoint(
        url,
        extra.get("headers", {}),
        given.login,
        given.password,
        extra.get("verify", True),
        extra.get("cert"),
    )


def smtp_endpoint(given: AirflowConnection) -> SmtpEndpoint:
    """Raises ``InvalidConnection``."""
    if given.conn_type != "smtp":
        raise InvalidConnection(f"connection {given.conn_id} is of type {given.conn_type!r}: use smtp")
    extra = read_extra(given)
    is_ssl = not extra.get("disable_ssl", False)
    sender_address = extra.get("from_email") or given.login
    if not given.host or not sender_address:
        raise InvalidConnection(f"connection {given.conn_id}: host and extra from_email are wanted")
    return SmtpEndpoint(
        given.host, given.port or (_SSL_PORT if is_ssl else _PLAIN_PORT), str(sender_address), given.login,
        given.password, is_ssl, not extra.get("disable_tls", False),
    )  # fmt: skip
