"""Series from a Prometheus, or from anything that speaks its HTTP API."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Final
from urllib.parse import quote

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.grid import Grid
from foresight.series import SeriesKey
from foresight.telemetry.api import PrometheusApi, query_parameters
from foresight.telemetry.assembly import Answer, Assembly, Failure, Outcome, better, joined
from foresight.telemetry.catalogue import WatchedMetric
from foresight.telemetry.dialect import Dialect
from foresight.telemetry.planning import NOT_ASKED
from foresight.telemetry.reply import RangeReply, Result, histograms_in_words, label_set
from foresight.telemetry.sign_in import BearerToken, ClientCredentials, Password, SignIn, SigV4, TokenFile
from foresight.telemetry.source import (
    Description,
    Discovery,
    EntryUnavailable,
    Extraction,
    Selection,
    Shard,
)
from foresight.telemetry.wire import GuardedSession, Method, without_secrets

_LOG = logging.getLogger(__name__)

MAX_POINTS: Final = 11_000
"""Prometheus refuses a query that would answer with more points a series."""
MIN_POINTS: Final = 60
"""Below it, a query costs Prometheus more for finding the series than for reading them."""
MAX_GET_QUERY: Final = 6_000
"""Servers and proxies take addresses of 8 KiB; escaping and other parameters need the rest."""
READ_SECONDS: Final = 600.0
"""Once reading a shard took this long, what is left of it is not asked for: a task has fifteen minutes."""

Question = tuple[int, Selection, Grid]
"""The number of a selection of the shard, all of it or a part, and a part of the grid."""


class PrometheusSource:
    """Reads from a Prometheus, or from anything that speaks its HTTP API.

    Args:
        url: base address, such as ``http://prometheus:9090``.
        user, password: for basic authentication.
        bearer_token: for a token instead.
        bearer_token_file: for a token in a file that is read for every request.
        oauth2: for OAuth2 client credentials: arguments of ``ClientCredentials`` but ``post``.
        sigv4: for AWS: ``region``, ``service``, ``access_key`` with ``secret_key`` and ``session_token``, or
            ``credentials_file`` with ``profile``.
        tenant: sent as ``X-Scope-OrgID``; several are joined by ``|``.
        headers: sent with every request.
        query_parameters: sent with every query, such as ``{"partial_response": False}``.
        method: how queries are sent; ``auto`` is POST, and GET once a proxy turns out to drop its bodies.
        proxy: address of a proxy. Neither proxies nor ``.netrc`` of the environment are used.
        verify: whether the certificate is checked, or the file of the authority that signed it.
        cert: client certificate, or the pair of certificate and key.
        timeout_seconds: longest silence while an answer is awaited.
        deadline_seconds: longest time for one question, all its attempts together.
        attempts: how often a question is asked before it counts as failed.
        backoff_seconds: about how long the first pause between attempts is; each next one is twice that.
        settle_seconds: how long after the end of a slot its last samples may still arrive.
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
        bearer_token_file: str | None = None,
        oauth2: Mapping[str, Any] | None = None,
        sigv4: Mapping[str, Any] | None = None,
        tenant: str | Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
        query_parameters: Mapping[str, Any] | None = None,
        method: Method = "auto",
        proxy: str | None = None,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
        timeout_seconds: float = 120.0,
        deadline_seconds: float = 180.0,
        attempts: int = 4,
        backoff_seconds: float = 1.0,
        settle_seconds: float = 30.0,
        points_per_query: int = 200_000,
        max_reply_bytes: int = 1 << 28,
        compress: bool = False,
    ) -> None:
        def session(sign_in: SignIn | None, **more: Any) -> GuardedSession:
            made = GuardedSession(max_reply_bytes, sign_in=sign_in, compress=compress, proxy=proxy, **more)
            made.verify, made.cert = verify, tuple(cert) if isinstance(cert, list) else cert
            return made

        def post(address: str, form: Mapping[str, str], basic: tuple[str, str] | None) -> Mapping[str, Any]:
            return session(None).post_form(address, form, basic, timeout=timeout_seconds)

        offered: dict[str, SignIn] = {}
        if user:
            offered["user"] = Password(user, password or "")
        if bearer_token:
            offered["bearer_token"] = BearerToken(bearer_token)
        if bearer_token_file:
            offered["bearer_token_file"] = TokenFile(bearer_token_file)
        if oauth2:
            offered["oauth2"] = ClientCredentials(**oauth2, post=post)
        if sigv4:
            offered["sigv4"] = SigV4.of(**sigv4)
        if len(offered) > 1:
            raise BadAnswer(f"{without_secrets(url)}: sign in one way, not by {' and '.join(offered)}")
        parameters = _parameters(query_parameters or {})
        asking = session(next(iter(offered.values()), None), method=method, parameters=parameters)
        asking.headers.update(headers or {})
        if tenant:
            asking.headers["X-Scope-OrgID"] = tenant if isinstance(tenant, str) else "|".join(tenant)
        self._api = PrometheusApi(
            url.rstrip("/"),
            asking,
            timeout_seconds=timeout_seconds,
            deadline_seconds=deadline_seconds,
            attempts=attempts,
            backoff_seconds=backoff_seconds,
        )
        self._dialect = Dialect(self._api)
        self._settle_seconds = settle_seconds
        self._points_per_query = points_per_query

    @property
    def settle_seconds(self) -> float:
        """How long after the end of a slot its last samples may still arrive."""
        return self._settle_seconds

    def discover(self, entry: WatchedMetric, grid: Grid) -> Discovery:
        """The series of an entry that hold anything within the grid, sorted.

        A partial answer is asked for once more; what either try named is taken.
        """
        try:
            found = self._discovered(entry, grid)
            if not found.partial:
                return found
            _LOG.warning("%s: %s: %s; asking again", self._api.address, entry.name, "; ".join(found.partial))
            self._api.pause()
        except SourceUnavailable as error:
            raise self._of_one_entry(error) from error
        try:
            again = self._discovered(entry, grid)
        except (BadAnswer, SourceUnavailable):
            return found
        keys = tuple(sorted({*found.keys, *again.keys})) if again.partial else again.keys
        return Discovery(keys, again.partial, again.remarks)

    def extract(self, shard: Shard) -> Extraction:
        """The samples of the shard; while one answer is parsed, the next is on its way.

        A partial answer is asked for once more. An entry that cannot be read is named, the others go on.
        """
        started = time.perf_counter()
        answers = self._answers(shard.selections, shard.grid)
        again = [at for at, answer in enumerate(answers) if isinstance(answer, Answer) and answer.partial]
        if again:
            for at in again:
                reasons = answers[at].partial  # type: ignore[union-attr]
                name = shard.selections[at].entry.name
                _LOG.warning("%s: %s: %s; asking again", self._api.address, name, "; ".join(reasons))
            self._api.pause()
            second = self._answers([shard.selections[at] for at in again], shard.grid)
            for at, answer in zip(again, second, strict=True):
                answers[at] = better(answers[at], answer)
        extraction = joined(shard, answers, time.perf_counter() - started)
        _LOG.info(
            "%s: %d of %d series, %d bytes in %.2f s",
            self._api.address,
            len(shard) - len(extraction.missing),
            len(shard),
            extraction.n_bytes,
            extraction.seconds,
        )
        return extraction

    def describe(self) -> Description:
        """Address, version, and how it understands ranges."""
        notes = ["closed ranges" if self._dialect.has_closed_ranges else "left-open ranges"]
        version = self._api.version()
        if self._api.session.moved is not None:
            notes.append(f"it redirects to {without_secrets(self._api.session.moved[1])}: point there")
        if self._api.session.sends_get:
            notes.append("queries are sent by GET")
        return Description("prometheus", self._api.address, version, tuple(notes))

    def _discovered(self, entry: WatchedMetric, grid: Grid) -> Discovery:
        query = self._dialect.anything_within(entry, grid)
        try:
            result = self._api.instant(query, grid.as_of)
        except BadAnswer as error:
            if entry.query is None:
                raise
            if "got scalar" not in str(error):
                self._refuse(entry.query, grid.as_of)
                raise
            query = self._dialect.anything_within(entry, grid, is_scalar=True)
            result = self._api.instant(query, grid.as_of)
        try:
            return _discovery(entry, result)
        except (AttributeError, KeyError, TypeError) as error:
            raise BadAnswer(f"{query}: the result is not a list of series: {error!r}") from error

    def _refuse(self, query: str, at: int) -> None:
        """Raises what the server says about a query as the user wrote it, not as discovery wraps it."""
        try:
            kind = self._api.kind(query, at)
        except BadAnswer as error:
            if "status 400" in str(error) or "status 422" in str(error):
                raise
            return
        if kind not in {"vector", "scalar"}:
            found = _KINDS.get(kind, kind)
            raise BadAnswer(f"the query answers with a {found}, not with numbers; asked for {query}")

    def _answers(self, selections: Sequence[Selection], grid: Grid) -> list[Outcome]:
        """The answer for each selection, or why there is none. Raises where nothing answers."""
        assemblies = [Assembly(selection, grid) for selection in selections]
        refused: dict[int, Failure] = {}
        started, _ = time.monotonic(), self._dialect.has_closed_ranges  # asked before the threads start

        def ask(question: Question) -> tuple[RangeReply, int] | None:
            number, selection, part = question
            if number in refused:
                return None
            if time.monotonic() - started > READ_SECONDS:
                refused[number] = EntryUnavailable(NOT_ASKED)
                return None
            try:
                return self._api.range(self._dialect.samples_of(selection, part.step_seconds), part)
            except BadAnswer as error:
                refused[number] = error
            except SourceUnavailable as error:
                refused[number] = self._of_one_entry(error)
            return None

        questions = list(self.questions(selections, grid))
        with ThreadPoolExecutor(2, "prometheus") as pool:
            for (number, _, part), reply in zip(questions, pool.map(ask, questions), strict=True):
                if reply is None or number in refused:
                    continue
                try:
                    assemblies[number].add(part, *reply)
                except BadAnswer as error:
                    refused[number] = error
        for number, assembly in enumerate(assemblies):
            if number not in refused and (reason := assembly.misfit()):
                refused[number] = BadAnswer(f"{self._api.address}: {reason}")
        return [refused.get(number) or assembly.finished() for number, assembly in enumerate(assemblies)]

    def questions(self, selections: Sequence[Selection], grid: Grid) -> Iterator[Question]:
        """Every part of a selection and of the grid that is asked for, none with too many points."""
        for number, whole in enumerate(selections):
            for selection in self._short_enough(whole, grid):
                per_query = min(MAX_POINTS, max(MIN_POINTS, self._points_per_query // len(whole.keys)))
                for first in range(0, grid.n_slots, per_query):
                    last = min(first + per_query, grid.n_slots)
                    as_of = grid.start + last * grid.step_seconds
                    yield number, selection, Grid(as_of, last - first, grid.step_seconds)

    def _short_enough(self, selection: Selection, grid: Grid) -> Iterator[Selection]:
        """The selection in parts whose query fits into an address, where it has to."""
        values = selection.narrowed[-1][1] if selection.narrowed else ()
        is_free = not self._api.session.sends_get or len(values) < 2
        if is_free or len(quote(self._dialect.samples_of(selection, grid.step_seconds))) <= MAX_GET_QUERY:
            yield selection
            return
        *outer, (label, _) = selection.narrowed
        for half in (values[: len(values) // 2], values[len(values) // 2 :]):
            narrowed = (*outer, (label, half))
            part = Selection(selection.entry, selection.keys, narrowed, selection.others)
            yield from self._short_enough(part, grid)

    def _of_one_entry(self, error: SourceUnavailable) -> EntryUnavailable:
        """The error as one of a single entry; raises it where the source answers nothing at all."""
        if isinstance(error, EntryUnavailable):
            return error
        if not self._api.is_alive():
            raise error
        return EntryUnavailable(f"{error}; other questions are answered")


def _discovery(entry: WatchedMetric, result: Result) -> Discovery:
    """The series of an instant vector. Raises what is wrong with its shape, and ``BadAnswer``."""
    keys, n_histograms = [], 0
    for series in result.series:
        key = SeriesKey.of(entry.series_metric, label_set(series["metric"]))
        if "histogram" in series:
            n_histograms += 1
        else:
            keys.append(key)
    keys.sort()
    twice = [key for key, following in pairwise(keys) if key == following]
    if twice:
        raise BadAnswer(f"{entry.name}: its answer names {twice[0]} more than once")
    if not n_histograms:
        return Discovery(tuple(keys), result.warnings, result.remarks)
    if not keys:
        raise BadAnswer(f"{entry.name}: {histograms_in_words(n_histograms)}")
    return Discovery(tuple(keys), result.warnings, (*result.remarks, histograms_in_words(n_histograms)))


_KINDS: Final = {
    "matrix": "range of samples (wrap it in avg_over_time() or rate())",
    "string": "text",
}
_OURS: Final = frozenset({"query", "time", "start", "end", "step"})


def _parameters(given: Mapping[str, Any]) -> dict[str, str]:
    """The user's query parameters; those that a question sets itself are refused."""
    if ours := sorted(_OURS & set(given)):
        raise BadAnswer(f"query_parameters: {', '.join(ours)} is set by every question itself")
    return query_parameters(given)
