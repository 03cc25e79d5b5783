"""The HTTP session under prometheus-api-client: bounded bodies, our errors, and nothing parsed.

The client builds every request. Left alone it would put the query of a POST into the URL, read bodies of any
size, parse them with the slowest parser there is and drop the warnings. So its session gives it the raw body
as the "result", which it hands through.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import orjson
import requests

from foresight.errors import BadAnswer, SourceUnavailable

_RETRIED: Final = frozenset({408, 425, 429})
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
    """Refuses what is too large and raises ``SourceUnavailable`` or ``BadAnswer`` for all that goes wrong."""

    def __init__(self, max_reply_bytes: int, *, compress: bool) -> None:
        super().__init__()
        self._max_reply_bytes = max_reply_bytes
        # On a fast network compressing costs Prometheus more time than it saves.
        self.headers["Accept-Encoding"] = "gzip" if compress else "identity"

    def request(self, method: str | bytes, url: str | bytes, *_: Any, **given: Any) -> RawBody:
        """Sends a request; the answer has status 200 and a whole body."""
        where = without_secrets(str(url))
        if method == "POST":
            given["data"] = given.pop("params", None)
        # Left to itself, requests lets the environment go before the session.
        given.setdefault("verify", self.verify)
        try:
            with super().request(method, url, stream=True, **given) as response:
                body = self._read(response, where)
        except _WRONG_ADDRESS as error:
            raise BadAnswer(f"{where}: {error}") from error
        except requests.RequestException as error:
            raise SourceUnavailable(f"{where}: {error}") from error
        except (
            OSError,
            ValueError,
        ) as error:  # certificates that are not there, characters no header can hold
            raise BadAnswer(f"{where}: {error}") from error
        _check_status(response, body, where)
        answer = RawBody()
        answer.status_code, answer._content = response.status_code, body
        return answer

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


def without_secrets(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _check_status(response: requests.Response, body: bytes, where: str) -> None:
    status = response.status_code
    if status == requests.codes.ok:
        return
    message = f"{where}: status {status} {response.reason}: {_reason(body)}"
    if status >= requests.codes.server_error or status in _RETRIED:
        raise SourceUnavailable(message)
    raise BadAnswer(message)


def _reason(body: bytes) -> str:
    """What Prometheus gives as the reason, else the beginning of the body."""
    try:
        return str(orjson.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return repr(body[:200])
