"""Brings notifications to their receivers: HTTP and SMTP, each within some seconds."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, Final

import httpx
import orjson

from foresight.errors import TransientError
from foresight.services.notification_messages import (
    CONTENT_TYPE,
    Notice,
    apprise_body,
    chat_body,
    cloud_event_headers,
    html_text,
    plain_text,
    webhook_body,
)

TIMEOUT_SECONDS: Final = 10.0


class NotTaken(TransientError):
    """The receiver did not take a message."""


@dataclass(frozen=True, slots=True)
class HttpEndpoint:
    """Where HTTP receivers are; ``verify`` and ``cert`` as httpx has them."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    verify: bool | str = True
    cert: str | None = None

    def post(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """Raises ``NotTaken`` for anything but 2xx. The answer's body is not read."""
        auth = (self.user, self.password) if self.user else None
        try:
            with (
                httpx.Client(
                    timeout=TIMEOUT_SECONDS, verify=self.verify, cert=self.cert, auth=auth, trust_env=False
                ) as client,
                client.stream(
                    "POST", self.url, content=orjson.dumps(body), headers={**self.headers, **headers}
                ) as answer,
            ):
                status = answer.status_code
        except httpx.HTTPError as error:
            raise NotTaken(f"the receiver did not answer: {type(error).__name__}") from error
        if not 200 <= status < 300:
            raise NotTaken(f"the receiver answered {status}")


@dataclass(frozen=True, slots=True)
class SmtpEndpoint:
    """A mail server. ``is_ssl``: TLS from the start; else STARTTLS where ``is_starttls``."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    is_ssl: bool = True
    is_starttls: bool = True

    def send(self, message: EmailMessage) -> None:
        """Raises ``NotTaken``."""
        context = ssl.create_default_context()
        try:
            with (
                smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_SECONDS, context=context)
                if self.is_ssl
                else smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS)
            ) as server:
                if not self.is_ssl and self.is_starttls:
                    server.starttls(context=context)
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotTaken(f"the mail server did not take it: {type(error).__name__}") from error


def send_http(endpoint: HttpEndpoint, kind: str, notice: Notice, external_url: str) -> None:
    """Posts a message to a webhook, Slack or Apprise. Raises ``NotTaken``."""
    if kind == "webhook":
        endpoint.post(webhook_body(notice, external_url), cloud_event_headers(notice))
    else:
        body = chat_body(notice) if kind == "slack" else apprise_body(notice)
        endpoint.post(body, {"Content-Type": CONTENT_TYPE})


def send_mail(endpoint: SmtpEndpoint, recipients: tuple[str, ...], notice: Notice) -> None:
    """Mails a message as text and HTML; its id is the same at each attempt. Raises ``NotTaken``."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = (
        notice.subject,
        endpoint.sender,
        ", ".join(recipients),
    )
    message["Message-ID"] = f"<{notice.id}@foresight>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(plain_text(notice))
    message.add_alternative(html_text(notice), subtype="html")
    endpoint.send(message)
