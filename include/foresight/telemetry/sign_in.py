"""Ways to sign in at a telemetry source. Each signs one request, and renews what it signs with."""

from __future__ import annotations

import configparser
import hashlib
import hmac
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth

from foresight.errors import BadAnswer, SourceUnavailable

_RENEWED_BEFORE_SECONDS: Final = 30.0


class SignIn(AuthBase):
    """Puts credentials into a request."""

    @abstractmethod
    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """The same request, signed."""

    @abstractmethod
    def renew(self) -> bool:
        """Fetches the credentials anew after a refusal; whether a second try has others to show."""


@dataclass
class Password(SignIn):
    """Basic authentication."""

    user: str
    password: str = field(repr=False)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Adds user and password in UTF-8."""
        basic = HTTPBasicAuth(self.user.encode(), self.password.encode())
        signed: PreparedRequest = basic(request)
        return signed

    def renew(self) -> bool:
        """A password does not change."""
        return False


@dataclass
class BearerToken(SignIn):
    """A token that does not change."""

    token: str = field(repr=False)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Adds the token."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def renew(self) -> bool:
        """This token is the only one."""
        return False


@dataclass
class TokenFile(SignIn):
    """A token in a file that somebody else rotates: read for every request."""

    path: str
    _sent: str = field(default="", repr=False)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Adds the token that the file holds now."""
        self._sent = _secret(self.path)
        request.headers["Authorization"] = f"Bearer {self._sent}"
        return request

    def renew(self) -> bool:
        """Whether the file holds another token by now."""
        return _secret(self.path) != self._sent


@dataclass
class ClientCredentials(SignIn):
    """OAuth2 client credentials (RFC 6749, section 4.4): a token from a token service, until it expires.

    ``post`` sends a form to an address, with user and password where they are given, and returns the JSON
    object of the answer. It raises ``BadAnswer`` where the service refuses.
    """

    token_url: str
    client_id: str
    post: Callable[[str, Mapping[str, str], tuple[str, str] | None], Mapping[str, Any]]
    client_secret: str = field(default="", repr=False)
    client_secret_file: str = ""
    scopes: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Further fields of the form, such as ``audience``."""
    clock: Callable[[], float] = time.monotonic
    _token: str = field(default="", repr=False)
    _expires_at: float = 0.0

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Adds the token; fetches one where there is none or it is about to expire."""
        if not self._token or self.clock() >= self._expires_at:
            self._fetch()
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def renew(self) -> bool:
        """The next request fetches a token."""
        self._token = ""
        return True

    def _fetch(self) -> None:
        secret = _secret(self.client_secret_file) if self.client_secret_file else self.client_secret
        form = {"grant_type": "client_credentials"} | dict(self.parameters)
        if self.scopes:
            form["scope"] = " ".join(self.scopes)
        basic = quote(self.client_id, safe=""), quote(secret, safe="")
        try:
            given = self.post(self.token_url, form, basic)
        except BadAnswer:
            # RFC 6749, 2.3.1: a service may want the client's secret in the form instead.
            form |= {"client_id": self.client_id, "client_secret": secret}
            given = self.post(self.token_url, form, None)
        token, seconds = given.get("access_token"), given.get("expires_in", 300)
        if not isinstance(token, str) or not _is_printable(token):
            raise BadAnswer(f"{self.token_url}: the answer holds no access_token")
        try:
            lifetime = float(seconds)
        except (TypeError, ValueError) as error:
            raise BadAnswer(f"{self.token_url}: expires_in is no number: {seconds!r}") from error
        self._token = token
        self._expires_at = self.clock() + max(lifetime - _RENEWED_BEFORE_SECONDS, lifetime / 2)


@dataclass(frozen=True)
class AwsKeys:
    """A key pair of AWS; ``session_token`` comes with temporary ones."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


@dataclass
class SigV4(SignIn):
    """AWS Signature Version 4, for Amazon Managed Service for Prometheus.

    The keys are given, or stand in a credentials file of AWS (``[profile]`` with ``aws_access_key_id``,
    ``aws_secret_access_key``, ``aws_session_token``) that is read for every request, so it may be rotated.
    """

    region: str
    service: str = "aps"
    keys: AwsKeys | None = None
    credentials_file: str = ""
    profile: str = "default"
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _used: AwsKeys | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        region: str,
        *,
        service: str = "aps",
        access_key: str = "",
        secret_key: str = "",
        session_token: str = "",
        credentials_file: str = "",
        profile: str = "default",
    ) -> SigV4:
        """As a connection gives it: a key pair, or a credentials file. Raises ``BadAnswer``."""
        if bool(access_key) == bool(credentials_file) or bool(access_key) != bool(secret_key):
            raise BadAnswer("sigv4: give access_key and secret_key, or credentials_file")
        keys = AwsKeys(access_key, secret_key, session_token) if access_key else None
        return cls(region, service, keys, credentials_file, profile)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Adds date, token and signature; body and address must be final."""
        keys = self._used = self._current()
        moment = self.clock().strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": _host(str(request.url)), "x-amz-date": moment}
        if keys.session_token:
            headers["x-amz-security-token"] = keys.session_token
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else bytes(body)
        canonical = canonical_request(str(request.method), str(request.url), headers, content)
        scope = f"{moment[:8]}/{self.region}/{self.service}/aws4_request"
        signature = _signature(keys.secret_key, scope, moment, canonical)
        for name, value in headers.items():
            if name != "host":
                request.headers[name] = value
        request.headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, "
            f"SignedHeaders={';'.join(sorted(headers))}, Signature={signature}"
        )
        return request

    def renew(self) -> bool:
        """Whether the credentials file holds other keys by now."""
        return self._current() != self._used

    def _current(self) -> AwsKeys:
        if self.keys is not None:
            return self.keys
        profiles = configparser.RawConfigParser()
        try:
            profiles.read_string(Path(self.credentials_file).read_text(encoding="utf-8"))
            section = profiles[self.profile]
            return AwsKeys(
                section["aws_access_key_id"],
                section["aws_secret_access_key"],
                section.get("aws_session_token", ""),
            )
        except OSError as error:
            raise SourceUnavailable(f"the credentials file {self.credentials_file}: {error}") from error
        except KeyError as error:
            missing = error.args[0]
            raise BadAnswer(
                f"the credentials file {self.credentials_file}: profile {self.profile!r} lacks {missing!r}"
            ) from error
        except (configparser.Error, UnicodeDecodeError) as error:
            # The text of the error would quote the line, which may be a secret.
            raise BadAnswer(f"the credentials file {self.credentials_file} cannot be parsed") from error


def canonical_request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> str:
    """The canonical request of AWS Signature Version 4; ``headers`` have lower-case names."""
    parts = urlsplit(url)
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    lines = [
        method,
        quote(parts.path or "/", safe="/-_.~"),
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{' '.join(headers[name].split())}" for name in sorted(headers)),
        "",
        ";".join(sorted(headers)),
        hashlib.sha256(body).hexdigest(),
    ]
    return "\n".join(lines)


def _signature(secret: str, scope: str, moment: str, canonical: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}"
    return hmac.digest(key, text.encode(), "sha256").hex()


def _host(url: str) -> str:
    """The Host header that goes out with a request to ``url``."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return host.removesuffix({"https": ":443", "http": ":80"}.get(parts.scheme, ":"))


def _secret(path: str) -> str:
    """The text in a file, without the blanks around it; an error never shows it."""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        # Rotating a file may take it away for a moment.
        raise SourceUnavailable(f"the file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadAnswer(f"the file {path} holds no text") from error
    if not text:
        raise SourceUnavailable(f"the file {path} is empty")
    if not _is_printable(text):
        raise BadAnswer(f"the file {path} holds characters that no header can carry")
    return text


def _is_printable(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable()
