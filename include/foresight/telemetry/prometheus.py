"""Series from a Prometheus, through prometheus-api-client."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, TypeVar

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
from foresight.series import SeriesKey
from foresight.telemetry.assembly import Assembly
from foresight.telemetry.catalogue import WatchedMetric
from foresight.telemetry.promql import anything_within, samples_of
from foresight.telemetry.reply import RangeReply, label_set, parse_answer, parse_range
from foresight.telemetry.source import Description, Extraction, Selection, Shard
from foresight.telemetry.wire import GuardedSession, without_secrets

_LOG = logging.getLogger(__name__)

MAX_POINTS: Final = 11_000
"""Prometheus refuses a query that would answer with more points a series."""
MIN_POINTS: Final = 60
"""Below it, a query costs Prometheus more for finding the series than for reading them."""
CONNECT_SECONDS: Final = 10.0
SHOWN_QUERY: Final = 500
_WHOLE_MINUTE: Final = 1_700_000_040

Answer = TypeVar("Answer")


class PrometheusSource:
    """Reads from a Prometheus, or from anything that speaks its HTTP API.

    Args:
        url: base address, such as ``http://prometheus:9090``.
        user, password: for basic authentication.
        bearer_token: for a token instead.
        headers: sent with every request, such as ``X-Scope-OrgID``.
        verify: whether the certificate is checked, or the file of the authority that signed it.
        cert: client certificate, or the pair of certificate and key.
        timeout_seconds: for connecting, and between two pieces of an answer.
        attempts: how often a question is asked before ``SourceUnavailable``.
        backoff_seconds: about how long the first pause between attempts is; each next one is twice that.
        points_per_query: wished size of one answer; it bounds memory, and lets parsing overlap with waiting.
        max_reply_bytes: a larger body is refused.
        compress: ask for compressed bodies; worth it on slow networks only.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        bearer_token: str | None = None,
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
        timeout_seconds: float = 120.0,
        attempts: int = 4,
        backoff_seconds: float = 1.0,
        points_per_query: int = 200_000,
        max_reply_bytes: int = 1 << 28,
        compress: bool = False,
    ) -> None:
        self._url = url.rstrip("/")
        self._address = without_secrets(self._url)
        self._session = GuardedSession(max_reply_bytes, compress=compress)
        self._session.verify = verify
        self._session.cert = tuple(cert) if isinstance(cert, list) else cert
        self._session.headers.update(headers or {})
        if bearer_token:
            self._session.headers["Authorization"] = f"Bearer {bearer_token}"
        if user:
            self._session.auth = (user, password or "")
        self._timeout = (CONNECT_SECONDS, timeout_seconds)
        self._client = PrometheusConnect(
            self._url, session=self._session, timeout=self._timeout, method="POST", retry=Retry(0)
        )
        self._points_per_query = points_per_query
        self._attempts, self._backoff_seconds = attempts, backoff_seconds
        self._wire = threading.Lock()

    def discover(self, entry: WatchedMetric, grid: Grid) -> tuple[SeriesKey, ...]:
        """The series of an entry that hold anything within the grid, sorted."""
        query = anything_within(entry, grid.n_slots * grid.step_seconds, closed=self._has_closed_ranges)
        result, warnings = self._instant(query, grid.as_of)
        for warning in warnings:
            _LOG.warning("%s: %s: %s", self._address, entry.name, warning)
        try:
            keys = sorted(SeriesKey.of(entry.series_metric, label_set(series["metric"])) for series in result)
        except (AttributeError, KeyError, TypeError) as error:
            raise BadAnswer(f"{query}: the result is not a list of series: {error!r}") from error
        twice = [key for key, following in pairwise(keys) if key == following]
        if twice:
            raise BadAnswer(f"{entry.name}: {query} answers with {twice[0]} more than once")
        return tuple(keys)

    def extract(self, shard: Shard) -> Extraction:
        """The samples of the shard; while one answer is parsed, the next is on its way."""
        started = time.perf_counter()
        assembly = Assembly(shard)
        questions, closed = list(self._questions(shard)), self._has_closed_ranges
        with ThreadPoolExecutor(2, "prometheus") as pool:
            answers = pool.map(lambda question: self._range(*question, closed=closed), questions)
            for (selection, part), (reply, n_bytes) in zip(questions, answers, strict=True):
                assembly.add(selection, part, reply, n_bytes)
        extraction = assembly.finished(time.perf_counter() - started)
        _LOG.info(
            "%s: %d of %d series, %d bytes in %.2f s",
            self._address,
            len(shard) - len(extraction.missing),
            len(shard),
            extraction.n_bytes,
            extraction.seconds,
        )
        return extraction

    def describe(self) -> Description:
        """Address, version, and how it understands ranges."""
        ranges = "closed ranges" if self._has_closed_ranges else "left-open ranges"
        return Description("prometheus", self._address, self._version(), (ranges,))

    def _version(self) -> str:
        """The version, or ``unknown``: not everything that speaks this API tells one."""
        path = f"{self._url}/api/v1/status/buildinfo"
        try:
            build = self._asked(
                "buildinfo", lambda: self._session.request("GET", path, timeout=self._timeout)
            )
            return str(orjson.loads(build.content)["data"]["version"])
        except (BadAnswer, ValueError, KeyError, TypeError):
            return "unknown"

    @cached_property
    def _has_closed_ranges(self) -> bool:
        """Whether a range includes its beginning, as before Prometheus 3.

        Asked of the engine itself, because what else speaks this API has version numbers of its own: a
        subquery of one minute in steps of a minute finds both ends, or one.
        """
        result, _ = self._instant("count_over_time(vector(1)[60s:60s])", _WHOLE_MINUTE)
        try:
            return not (len(result) == 1 and result[0].get("value", [None, None])[1] == "1")
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise BadAnswer(f"{self._address}: the result is not a list of series: {error!r}") from error

    def _questions(self, shard: Shard) -> Iterator[tuple[Selection, Grid]]:
        """Every (selection, part of the grid) that is asked for, none with too many points."""
        grid = shard.grid
        for selection in shard.selections:
            per_query = min(MAX_POINTS, max(MIN_POINTS, self._points_per_query // len(selection.keys)))
            for first in range(0, grid.n_slots, per_query):
                last = min(first + per_query, grid.n_slots)
                yield selection, Grid(grid.start + last * grid.step_seconds, last - first, grid.step_seconds)

    def _range(self, selection: Selection, part: Grid, *, closed: bool) -> tuple[RangeReply, int]:
        """The reply for one part of the grid, and its size."""
        step = part.step_seconds
        query = samples_of(selection, step, closed=closed)
        first, last = (datetime.fromtimestamp(epoch, UTC) for epoch in (part.start + step, part.as_of))

        def ask() -> tuple[RangeReply, int]:
            with self._wire:
                body = self._client.custom_query_range(query, first, last, str(step))
            return parse_range(body), len(body)

        return self._asked(query, ask)

    def _instant(self, query: str, at: int) -> tuple[list[Any], tuple[str, ...]]:
        def ask() -> tuple[list[Any], tuple[str, ...]]:
            with self._wire:
                body = self._client.custom_query(query, params={"time": at})
            return parse_answer(body, "vector")

        return self._asked(query, ask)

    def _asked(self, query: str, ask: Callable[[], Answer]) -> Answer:
        """The answer after as many attempts as it takes; errors name address and query."""
        retrying = Retrying(
            retry=retry_if_exception_type(SourceUnavailable),
            stop=stop_after_attempt(self._attempts),
            wait=wait_random_exponential(self._backoff_seconds, max=30),
            before_sleep=before_sleep_log(_LOG, logging.WARNING),
            reraise=True,
        )
        try:
            return retrying(ask)
        except SourceUnavailable as error:
            raise SourceUnavailable(f"{self._described(query, error)} ({self._attempts} attempts)") from error
        except BadAnswer as error:
            raise BadAnswer(self._described(query, error)) from error

    def _described(self, query: str, error: Exception) -> str:
        shown = query if len(query) <= SHOWN_QUERY else f"{query[:SHOWN_QUERY]}…"
        where = "" if self._address in str(error) else f"{self._address}: "
        return f"{where}{error}; asked for {shown}"
