"""The HTTP API of Prometheus and its kin: one question at a time, asked again when it may help."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, TypeVar

import orjson
from prometheus_api_client import PrometheusConnect
from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)
from urllib3.util.retry import Retry

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.grid import Grid
from foresight.telemetry.deadlines import deadline
from foresight.telemetry.reply import RangeReply, Result, parse_answer, parse_range
from foresight.telemetry.wire import GuardedSession, without_secrets

_LOG = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 10.0
SHOWN_QUERY: Final = 500
_CHECK_SECONDS: Final = 10.0

Answer = TypeVar("Answer")


class PrometheusApi:
    """Questions to one server through prometheus-api-client.

    Args:
        url: base address.
        session: what sends the requests.
        timeout_seconds: longest silence while an answer is awaited.
        deadline_seconds: longest time for one question, all its attempts together.
        attempts: how often a question is asked before ``SourceUnavailable``.
        backoff_seconds: about how long the first pause between attempts is; each next one is twice that.
    """

    def __init__(
        self,
        url: str,
        session: GuardedSession,
        *,
        timeout_seconds: float,
        deadline_seconds: float,
        attempts: int,
        backoff_seconds: float,
    ) -> None:
        self._url = url
        self.address = without_secrets(url)
        self.session = session
        self._timeout = (min(CONNECT_SECONDS, deadline_seconds), timeout_seconds)
        self._client = PrometheusConnect(
            url, session=session, timeout=self._timeout, method="POST", retry=Retry(0)
        )
        self._deadline_seconds = deadline_seconds
        self._attempts, self._backoff_seconds = attempts, backoff_seconds
        self._wire = threading.Lock()

    def instant(self, query: str, at: int) -> Result:
        """The answer of an instant query at ``at``, epoch seconds."""
        return self._asked(query, lambda: self._instant_body(query, at), _vector)

    def kind(self, query: str, at: int) -> str:
        """The kind of the result of an instant query, such as ``vector``."""

        def parse(body: bytes) -> str:
            return str(orjson.loads(body)["data"]["resultType"])

        try:
            return self._asked(query, lambda: self._instant_body(query, at), parse)
        except (ValueError, KeyError, TypeError) as error:
            raise BadAnswer(f"{self.address}: the answer has no kind of result; asked for {query}") from error

    def range(self, query: str, part: Grid) -> tuple[RangeReply, int]:
        """The values of a query at the ends of the slots of ``part``, and the size of the reply."""
        return self._asked(query, lambda: self.range_body(query, part), _matrix)

    def range_body(self, query: str, part: Grid) -> bytes:
        """The reply of a range query as it comes, asked for once."""
        first, last = (
            datetime.fromtimestamp(epoch, UTC) for epoch in (part.start + part.step_seconds, part.as_of)
        )
        body: bytes = self._client.custom_query_range(query, first, last, str(part.step_seconds))
        return body

    def version(self) -> str:
        """The version, or ``unknown``: not everything that speaks this API tells one."""
        path = f"{self._url}/api/v1/status/buildinfo"
        try:
            found = self._asked(
                "buildinfo",
                lambda: self.session.request("GET", path, timeout=self._timeout).content,
                orjson.loads,
            )
            return str(found["data"]["version"])
        except (BadAnswer, ValueError, KeyError, TypeError):
            return "unknown"

    def is_alive(self) -> bool:
        """Whether the server answers a question that costs nothing."""
        try:
            with self._wire, deadline(time.monotonic() + _CHECK_SECONDS):
                _vector(self._instant_body("vector(1)", 0))
        except BadAnswer:
            return True
        except SourceUnavailable:
            return False
        return True

    def pause(self) -> None:
        """Waits before a partial answer is asked for again."""
        time.sleep(self._backoff_seconds)

    def _instant_body(self, query: str, at: int) -> bytes:
        body: bytes = self._client.custom_query(query, params={"time": at})
        return body

    def _asked(self, query: str, ask: Callable[[], bytes], parse: Callable[[bytes], Answer]) -> Answer:
        """The answer after as many attempts as it takes; errors name address and query."""
        seconds_left, n_attempts = self._deadline_seconds, 0

        def attempt() -> Answer:
            nonlocal seconds_left, n_attempts
            n_attempts += 1
            with self._wire:
                started = time.monotonic()
                try:
                    with deadline(started + seconds_left):
                        body = ask()
                finally:
                    seconds_left -= time.monotonic() - started
            return parse(body)

        retrying = Retrying(
            retry=retry_if_exception_type(SourceUnavailable),
            stop=lambda state: seconds_left <= 0 or stop_after_attempt(self._attempts)(state),
            wait=wait_random_exponential(self._backoff_seconds, max=30),
            before_sleep=before_sleep_log(_LOG, logging.WARNING),
            reraise=True,
        )
        try:
            return retrying(attempt)
        except SourceUnavailable as error:
            tries = f"{n_attempts} attempts" if n_attempts > 1 else "1 attempt"
            raise SourceUnavailable(f"{self._described(query, error)} ({tries})") from error
        except BadAnswer as error:
            raise BadAnswer(self._described(query, error)) from error

    def _described(self, query: str, error: Exception) -> str:
        shown = query if len(query) <= SHOWN_QUERY else f"{query[:SHOWN_QUERY]}…"
        where = "" if self.address in str(error) else f"{self.address}: "
        return f"{where}{error}; asked for {shown}"


def _vector(body: bytes) -> Result:
    return parse_answer(body, "vector")


def _matrix(body: bytes) -> tuple[RangeReply, int]:
    return parse_range(body), len(body)


def query_parameters(given: Mapping[str, object]) -> dict[str, str]:
    """Parameters as they go into a query: ``true`` and ``false`` in lower case."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()
    }
