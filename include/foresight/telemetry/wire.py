"""The HTTP session under prometheus-api-client.

The client builds every request. Left alone it would put the query of a POST into the URL, read bodies of any
size, parse them with the slowest parser there is and drop the warnings. So its session gives it the raw body
as the "result", which it hands through.

The session obeys the connection and nothing else: no ``.netrc``, no proxy of the environment. A redirect
keeps method and body and stays on the host, or is an error that says where to point. Errors of the transport
become ``SourceUnavailable`` (it may pass) or ``BadAnswer`` (it will not).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import urljoin, urlsplit, urlunsplit

import orjson
import requests

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.telemetry.deadlines import BoundedAdapter, seconds_left
from foresight.telemetry.sign_in import SignIn

Method = Literal["auto", "POST", "GET"]

_LOG = logging.getLogger(__name__)
_RETRIED: Final = frozenset({408, 425, 429})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOVED_FOR_GOOD: Final = frozenset({301, 308})
_MAX_REDIRECTS: Final = 5
_NO_POST: Final = frozenset({405, 411, 501})
_BODY_LOST: Final = re.compile(
    rb"no expression found in input|cannot parse \\*\"\\*\" to a valid timestamp|missing .?query.? arg"
)
"""What Prometheus and VictoriaMetrics say about a request without any parameters."""
_SIGN_IN_PAGE: Final = re.compile(
    rb"type=[\"']?password|sign[ -]?in|log[ -]?[io]n\b|saml|openid", re.IGNORECASE
)
_TITLE: Final = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_UI_PATH: Final = re.compile(r"/(graph|query|targets|alerts|vmui|api/v1)(?=/api/v1/)")
_CAUSES: Final = {
    "ConnectTimeoutError": "nothing answers: the connection timed out",
    "ReadTimeoutError": "no answer within the time-out",
    "NameResolutionError": "the name of the host is not known",
    "RemoteDisconnected": "the server closed the connection without an answer",
    "IncompleteRead": "the answer is cut off",
}
"""Errors of the HTTP stack by the name of their class, in words."""
_INTERNALS: Final = re.compile(r"<[^<>]*object at 0x[0-9a-f]+>:? ?|_?\w+\(host=[^)]*\):? ?")
_BLOCK: Final = 1 << 18
_WRONG_ADDRESS: Final = (
    requests.exceptions.SSLError,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
)


class RawBody(requests.Response):
    """A reply whose "result" is its own body."""

    def json(self, **_: Any) -> Any:
        """What prometheus-api-client looks into."""
        return {"data": {"result": self.content}}


class GuardedSession(requests.Session):
    """Refuses what is too large and raises ``SourceUnavailable`` or ``BadAnswer`` for all that goes wrong.

    Args:
        max_reply_bytes: a larger body is refused.
        compress: whether compressed bodies are asked for.
        method: how queries are sent; ``auto`` is POST until a proxy turns out to drop its bodies.
        parameters: sent with every query.
        sign_in: signs every request.
        proxy: address of the proxy that requests go through.
    """

    def __init__(
        self,
        max_reply_bytes: int,
        *,
        compress: bool,
        method: Method = "POST",
        parameters: Mapping[str, str] | None = None,
        sign_in: SignIn | None = None,
        proxy: str | None = None,
    ) -> None:
        super().__init__()
        self.trust_env = False
        self.sign_in = self.auth = sign_in
        if proxy:
            self.proxies = {"http": proxy, "https": proxy}
        self.sends_get = method == "GET"
        self.moved: tuple[str, str] | None = None
        """Old and new beginning of the address, once the server has moved for good."""
        self._may_change_method = method == "auto"
        self._parameters = dict(parameters or {})
        self._max_reply_bytes = max_reply_bytes
        # On a fast network compressing costs Prometheus more time than it saves.
        self.headers["Accept-Encoding"] = "gzip" if compress else "identity"

    def mount(self, prefix: str | bytes, _: Any) -> None:
        """Whoever mounts, prometheus-api-client too, gets the adapter with a deadline."""
        super().mount(prefix, BoundedAdapter(max_retries=0))

    def get_redirect_target(self, _: requests.Response) -> str | None:
        """None: redirects are followed in ``_follow``; requests would turn a POST into an empty GET."""
        return None

    def request(self, method: str | bytes, url: str | bytes, *_: Any, **given: Any) -> RawBody:
        """Sends a request; the answer has status 200 and a whole body."""
        address = str(url)
        if method != "POST":
            return self._signed("GET", address, **given)
        parameters = dict(given.pop("params", None) or {}) | self._parameters
        if self.sends_get:
            return self._signed("GET", address, params=parameters, **given)
        try:
            return self._signed("POST", address, data=parameters, **given)
        except _NoBody as error:
            if not self._may_change_method:
                raise BadAnswer(
                    f"{error}: something on the way drops the body of a POST; set method to GET"
                ) from error
        answer = self._signed("GET", address, params=parameters, **given)
        _LOG.warning("%s: a proxy drops the body of a POST: asking by GET", without_secrets(address))
        self.sends_get = True
        return answer

    def post_form(
        self, url: str, form: Mapping[str, str], basic: tuple[str, str] | None, **given: Any
    ) -> Mapping[str, Any]:
        """The JSON object that answers a form, such as that of a token service."""
        answer = self._signed("POST", url, data=dict(form), auth=basic or _unsigned, **given)
        try:
            found = orjson.loads(answer.content)
        except ValueError as error:
            raise SourceUnavailable(f"{without_secrets(url)}: the answer is no JSON") from error
        if not isinstance(found, dict):
            raise BadAnswer(f"{without_secrets(url)}: the answer is no JSON object")
        return found

    def _signed(self, method: str, url: str, **given: Any) -> RawBody:
        """The answer; credentials that were refused are renewed once."""
        try:
            return self._follow(method, url, **given)
        except _SignedOut:
            if self.sign_in is None or not self.sign_in.renew():
                raise
        return self._follow(method, url, **given)

    def _follow(self, method: str, url: str, **given: Any) -> RawBody:
        """The answer, behind as many redirects as keep method and body on this host."""
        if self.moved is not None and url.startswith(self.moved[0]):
            url = self.moved[1] + url.removeprefix(self.moved[0])
        for _ in range(_MAX_REDIRECTS):
            response, body = self._exchange(method, url, **given)
            if response.status_code not in _REDIRECTS:
                _check(response, body, method, without_secrets(url))
                answer = RawBody()
                answer.status_code, answer._content = response.status_code, body
                return answer
            target = _target(url, response)
            if response.status_code in _MOVED_FOR_GOOD and self.moved is None:
                self.moved = _beginnings(url, target)
                _LOG.warning("%s has moved to %s", *map(without_secrets, self.moved))
            url = target
        raise BadAnswer(f"{without_secrets(url)}: more than {_MAX_REDIRECTS} redirects")

    def _exchange(self, method: str, url: str, **given: Any) -> tuple[requests.Response, bytes]:
        """The response and its whole body."""
        where = without_secrets(url)
        # Left to itself, requests lets the environment go before the session.
        given.setdefault("verify", self.verify)
        try:
            with super().request(method, url, stream=True, allow_redirects=False, **given) as response:
                return response, self._read(response, where)
        except _WRONG_ADDRESS as error:
            raise BadAnswer(f"{where}: {_cause(error)}") from error
        except requests.RequestException as error:
            is_late = seconds_left() <= 0
            reason = "the deadline of this question is over" if is_late else _cause(error)
            raise SourceUnavailable(f"{where}: {reason}") from error
        except (
            OSError,
            ValueError,
        ) as error:  # certificates that are not there, characters no header can hold
            raise BadAnswer(f"{where}: {error}") from error

    def _read(self, response: requests.Response, where: str) -> bytes:
        blocks, size = [], 0
        for block in response.iter_content(_BLOCK):
            size += len(block)
            if size > self._max_reply_bytes:
                raise BadAnswer(
                    f"{where}: a reply of more than {self._max_reply_bytes} bytes; ask for fewer series"
                )
            blocks.append(block)
        return b"".join(blocks)


def _cause(error: BaseException) -> str:
    """What went wrong in words: that of the innermost error, without the names of classes and objects."""
    seen: list[BaseException] = [error]
    while True:
        last = seen[-1]
        given = [getattr(last, "reason", None), *last.args, last.__cause__, last.__context__]
        inner = next((each for each in given if isinstance(each, BaseException) and each not in seen), None)
        if inner is None:
            break
        seen.append(inner)
    kinds = {type(each).__name__ for each in seen}
    for kind, words in _CAUSES.items():
        if kind in kinds:
            return words
    if isinstance(last, OSError) and last.strerror:
        return last.strerror
    return _INTERNALS.sub("", str(last)) or type(last).__name__


class _SignedOut(BadAnswer):
    """The credentials were refused."""


class _NoBody(BadAnswer):
    """The server has not seen the body of a POST."""


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def without_secrets(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _target(url: str, response: requests.Response) -> str:
    """Where a redirect leads, if method and body may go there.

    They go to the same call of the API on the same host, never from https to http.
    """
    status, where = response.status_code, without_secrets(url)
    target = urljoin(url, response.headers.get("Location", ""))
    old, new = urlsplit(url), urlsplit(target)
    call = old.path.rpartition("/api/v1/")[2] or old.path
    if not new.path.rstrip("/").endswith(call):
        page = without_secrets(urlunsplit(new._replace(query="", fragment="")))
        raise BadAnswer(
            f"{where}: status {status} redirects to {page}, a page and not the API, as sign-in pages do: "
            "give the connection what this proxy accepts, or an address behind it"
        )
    _, base = _beginnings(url, target)
    if new.hostname != old.hostname or new.scheme not in {"https", old.scheme}:
        raise BadAnswer(
            f"{where}: status {status} redirects to {without_secrets(base)}: point the connection there"
        )
    credentials, _, _ = old.netloc.rpartition("@")
    plain = new.netloc.rpartition("@")[2]
    netloc = f"{credentials}@{plain}" if credentials else plain
    return urlunsplit(new._replace(netloc=netloc, query=old.query))


def _beginnings(url: str, target: str) -> tuple[str, str]:
    """Both addresses without the call of the API that they end in."""
    return url.partition("/api/v1/")[0], target.partition("/api/v1/")[0]


def _check(response: requests.Response, body: bytes, method: str, where: str) -> None:
    """Raises for every answer but data."""
    status = response.status_code
    is_page = _is_page(body)
    if is_page and (status == requests.codes.ok or status in {401, 403}) and _SIGN_IN_PAGE.search(body):
        raise _SignedOut(
            f"{where}: status {status}: the answer is a sign-in page ({_page(body)}), not data: "
            "give the connection what this proxy accepts, or an address behind it"
        )
    if status == requests.codes.ok:
        if is_page:
            raise SourceUnavailable(f"{where}: the answer is no JSON but {_page(body)}")
        return
    message = f"{where}: status {status} {response.reason}: {_reason(body)}{_hint(status, where)}"
    if method == "POST" and (status in _NO_POST or (status in {400, 422} and _BODY_LOST.search(body))):
        raise _NoBody(message)
    if status >= requests.codes.server_error or status in _RETRIED:
        raise SourceUnavailable(message)
    if status in {401, 403}:
        raise _SignedOut(message)
    raise BadAnswer(message)


def _reason(body: bytes) -> str:
    """What Prometheus gives as the reason, else the title of a page, else the beginning of the body."""
    if _is_page(body):
        return _page(body)
    try:
        return str(orjson.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return repr(body[:200])


def _is_page(body: bytes) -> bool:
    return body[:100].lstrip()[:1] == b"<"


def _page(body: bytes) -> str:
    """A web page in words."""
    title = _TITLE.search(body)
    text = title[1] if title else re.sub(rb"<[^>]*>", b" ", body)
    shown = " ".join(text[:500].decode(errors="replace").split())[:80]
    return f"a web page: {shown!r}"


def _hint(status: int, where: str) -> str:
    """What is wrong with an address that ends in a page of the user interface."""
    found = _UI_PATH.search(where)
    if status not in {400, 404, 405} or found is None:
        return ""
    return f"; leave {found[0]} off the address, which ends where /api/v1 begins"
