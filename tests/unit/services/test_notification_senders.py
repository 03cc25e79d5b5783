"""What receivers get: Alertmanager's form with CloudEvents, mails, chat; user text as it was written."""

from __future__ import annotations

import email
import json
import socket
import threading
from collections.abc import Iterator
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from foresight.services.notification_messages import Notice, html_text, notice_id, plain_text, webhook_body
from foresight.services.notification_senders import (
    HttpEndpoint,
    NotTaken,
    SmtpEndpoint,
    send_http,
    send_mail,
)
from foresight.services.notifications import Delivery
from foresight.wiring.airflow_connections import InvalidConnection
from foresight.wiring.notifications import sender

USER_TEXT = '{{ 7*7 }} {% raw %} <script>alert("x")</script> & <!channel>'


def event(number: int = 0, **changes: Any) -> dict[str, Any]:
    given = {
        "schema_version": 1, "event_id": f"e{number}", "sla": "shop", "sli": "high", "revision": "r",
        "as_of": f"2026-01-01T00:{number:02}:00Z", "state": "violated", "previous_state": "ok",
        "previous_as_of": "2025-12-31T23:50:00Z", "n_series": 1, "worst_series_id": "5", "current_value": 1.5,
        "current_slot": None, "probability": 0.75, "expected_first_slot": None, "owner": "me",
        "description": USER_TEXT, "labels": [["team", USER_TEXT]],
    }  # fmt: skip
    return given | changes


def notice(*events: dict[str, Any]) -> Notice:
    told = events or (event(),)
    return Notice(notice_id("ops", [each["event_id"] for each in told]), "ops", {"sla": "shop"}, told)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append((self.path, dict(self.headers), json.loads(body)))  # type: ignore[attr-defined] # added below
        self.send_response(self.server.status)  # type: ignore[attr-defined] # the same
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Says nothing."""


@pytest.fixture
def receiver() -> Iterator[Any]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.calls, server.status = [], 200  # type: ignore[attr-defined] # what it saw, what it answers
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.loopback
def test_a_webhook_gets_alertmanagers_form_with_the_headers_of_a_cloud_event(
    receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {
        "conn_type": "http", "host": "127.0.0.1", "port": receiver.server_port,
        "extra": {"path": "hooks/1", "headers": {"X-Key": "k"}},
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_HOOK", json.dumps(connection))
    told = notice(event(0), event(1, sli="low", state="ok", previous_state="violated"))
    sender()(Delivery("ops", "webhook", "hook", is_for_all=True), told)
    [(path, headers, body)] = receiver.calls
    assert path == "/hooks/1"
    assert headers["X-Key"] == "k"
    assert headers["Content-Type"] == "application/json"
    assert headers["ce-specversion"] == "1.0"
    assert headers["ce-id"] == told.id
    assert headers["ce-type"] == "dev.foresight.sla.changed"
    assert headers["ce-time"] == "2026-01-01T00:01:00Z"
    assert set(body) == {
        "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
        "commonAnnotations", "externalURL", "alerts",
    }  # fmt: skip
    assert (body["version"], body["status"], body["receiver"]) == ("4", "firing", "ops")
    assert body["groupLabels"] == {"sla": "shop"}
    assert body["commonLabels"]["owner"] == "me"
    assert "sli" not in body["commonLabels"]
    fired, resolved = body["alerts"]
    assert (fired["status"], resolved["status"]) == ("firing", "resolved")
    assert (fired["startsAt"], fired["endsAt"]) == ("2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z")
    assert resolved["endsAt"] == "2026-01-01T00:01:00Z"
    assert fired["fingerprint"] != resolved["fingerprint"]
    assert fired["labels"]["severity"] == "critical"


@pytest.mark.loopback
@pytest.mark.parametrize("status", [301, 400, 404, 500, 503])
def test_anything_but_success_is_not_taken(status: int, receiver: Any) -> None:
    receiver.status = status
    with pytest.raises(NotTaken, match=f"answered {status}"):
        send_http(HttpEndpoint(f"http://127.0.0.1:{receiver.server_port}"), "webhook", notice(), "")


@pytest.mark.loopback
def test_a_receiver_that_is_not_there_or_too_slow_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foresight.services.notification_senders.TIMEOUT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it listens and answers nothing
        port = silent.getsockname()[1]
        with pytest.raises(NotTaken, match="ReadTimeout"):
            send_http(HttpEndpoint(f"http://127.0.0.1:{port}"), "webhook", notice(), "")
        with pytest.raises(NotTaken, match="mail server"):
            send_mail(SmtpEndpoint("127.0.0.1", port, "f@x.y", is_ssl=False), ("a@b.c",), notice())
    with pytest.raises(NotTaken, match="ConnectError"):
        send_http(HttpEndpoint(f"http://127.0.0.1:{port}"), "webhook", notice(), "")


@pytest.mark.loopback
def test_chat_and_apprise_get_their_own_form(receiver: Any) -> None:
    endpoint = HttpEndpoint(f"http://127.0.0.1:{receiver.server_port}")
    send_http(endpoint, "slack", notice(), "")
    send_http(endpoint, "apprise", notice(), "")
    (_, _, chat), (_, _, apprise) = receiver.calls
    assert set(chat) == {"text"}
    assert "{{ 7*7 }}" in chat["text"]
    assert "&lt;!channel&gt;" in chat["text"]
    assert "<" not in chat["text"]
    assert (apprise["type"], apprise["format"]) == ("failure", "text")


class MailServer(threading.Thread):
    """Takes one mail in plain SMTP."""

    def __init__(self) -> None:
        super().__init__()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.lines, self.recipients = self.socket.getsockname()[1], [], []

    def run(self) -> None:
        connection, _ = self.socket.accept()
        with connection, connection.makefile("rwb") as stream:

            def say(text: bytes) -> None:
                stream.write(text + b"\r\n")
                stream.flush()

            say(b"220 ready")
            is_data = False
            for line in stream:
                if is_data:
                    if line == b".\r\n":
                        is_data = False
                        say(b"250 taken")
                    else:
                        self.lines.append(line)
                elif line.upper().startswith(b"QUIT"):
                    say(b"221 bye")
                    return
                else:
                    is_data = line.upper().startswith(b"DATA")
                    if line.upper().startswith(b"RCPT"):
                        self.recipients.append(line)
                    say(b"354 go on" if is_data else b"250 ok")


@pytest.mark.loopback
def test_a_mail_has_text_and_escaped_html_and_user_text_as_it_was_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = MailServer()
    server.start()
    connection = {
        "conn_type": "smtp", "host": "127.0.0.1", "port": server.port,
        "extra": {"from_email": "f@x.y", "disable_ssl": True, "disable_tls": True},
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_POST", json.dumps(connection))
    sender()(Delivery("ops", "email", "post", ("a@b.c", "d@e.f"), is_for_all=True), notice())
    server.join(10)
    server.socket.close()
    assert len(server.recipients) == 2
    message = email.message_from_bytes(b"".join(server.lines), policy=default)
    assert message["Subject"] == "[FIRING] shop/high violated"
    text = message.get_body(("plain",)).get_content()
    html = message.get_body(("html",)).get_content()
    assert USER_TEXT in text
    assert "{{ 7*7 }}" in html
    assert "49" not in text + html
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_no_text_of_users_is_rendered_anywhere() -> None:
    [alert] = webhook_body(notice(), "")["alerts"]
    assert alert["annotations"]["description"] == USER_TEXT
    assert alert["labels"]["label_team"] == USER_TEXT
    assert USER_TEXT in plain_text(notice())
    assert "{{ 7*7 }}" in html_text(notice())


def test_a_subject_is_one_line_however_slas_are_named() -> None:
    told = notice(*(event(number, sla=f"a\r\nBcc: x@y.z {number}" + "x" * 80) for number in range(5)))
    assert told.subject.isprintable()
    assert len(told.subject) <= 200
    assert notice(*(event(n, sli=f"s{n}") for n in range(5))).subject.endswith("and 2 more")


@pytest.mark.parametrize(
    ("kind", "connection"),
    [("webhook", {"conn_type": "smtp", "host": "h"}), ("email", {"conn_type": "http", "host": "h"}),
     ("email", {"conn_type": "smtp", "host": "h"})],
)  # fmt: skip
def test_a_connection_that_does_not_fit_is_named(
    kind: Any, connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HOOK", json.dumps(connection))
    recipients = ("a@b.c",) if kind == "email" else ()
    with pytest.raises(InvalidConnection, match="connection hook"):
        sender()(Delivery("ops", kind, "hook", recipients, is_for_all=True), notice())
