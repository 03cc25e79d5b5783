"""The HTTP service that knows what is configured: all cells of a run are asked at the same time.

It answers ``GET /nrcellcu-configdata/<cell>/snssai/<snssai>`` with ``{"maxNumberOfConns": n}``.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import orjson

from foresight.errors import BadAnswer, ForesightError, SourceUnavailable
from foresight.slices.guardrails import LARGEST_PREVIOUS

if TYPE_CHECKING:
    import aiohttp

Cell = tuple[str, str, str]
"""Slice, gNB-CU, cell."""

AT_ONCE: Final = 64
ATTEMPTS: Final = 3
REQUEST_SECONDS: Final = 5.0
ALL_SECONDS: Final = 20.0
"""Cells that have not been answered by then go on with what the table says."""
_PAUSE_SECONDS: Final = 0.2
_TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_BODY: Final = 10_000
_LONGEST_NUMBER: Final = 20


@dataclass(frozen=True, slots=True)
class ConfigurationService:
    """Where the service is and how it is called."""

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    verify: bool | str = True
    cert: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def fetch(self, cells: Sequence[Cell]) -> tuple[dict[Cell, int], dict[Cell, ForesightError]]:
        """What is configured for each cell, all asked at the same time; and why some have no answer."""
        return asyncio.run(self._fetch_all(cells))

    async def _fetch_all(self, cells: Sequence[Cell]) -> tuple[dict[Cell, int], dict[Cell, ForesightError]]:
        found: dict[Cell, int] = {}
        late = SourceUnavailable(f"{self.url}: no answer within {ALL_SECONDS:g} s")
        failed: dict[Cell, ForesightError] = dict.fromkeys(cells, late)
        waiting = iter(cells)

        async def work(session: aiohttp.ClientSession) -> None:
            for cell in waiting:
                try:
                    found[cell] = await _fetch_one(session, f"{self.url}{_path(cell)}")
                    del failed[cell]
                except ForesightError as error:
                    failed[cell] = error

        async with self._session() as session:
            workers = [asyncio.create_task(work(session)) for _ in range(min(AT_ONCE, len(cells)))]
            if workers:
                _, unfinished = await asyncio.wait(workers, timeout=ALL_SECONDS)
                for worker in unfinished:
                    worker.cancel()
                await asyncio.gather(*unfinished, return_exceptions=True)
        return found, failed

    def _session(self) -> aiohttp.ClientSession:
        import aiohttp  # a quarter of a second that only whoever asks has to spend

        return aiohttp.ClientSession(
            auth=aiohttp.BasicAuth(self.user, self.password or "") if self.user else None,
            connector=aiohttp.TCPConnector(limit=AT_ONCE, ssl=self._tls()),
            headers=dict(self.headers),
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
        )

    def _tls(self) -> ssl.SSLContext | bool:
        """How the service's certificate is checked: by the system's authorities, a file of them, or not."""
        if self.verify is False:
            return False
        if self.verify is True and self.cert is None:
            return True
        context = ssl.create_default_context(cafile=None if self.verify is True else self.verify)
        if self.cert is not None:
            context.load_cert_chain(self.cert)
        return context


def _path(cell: Cell) -> str:
    snssai, _, local = cell
    return f"/nrcellcu-configdata/{quote(local, safe='')}/snssai/{quote(snssai, safe='')}"


async def _fetch_one(session: aiohttp.ClientSession, url: str) -> int:
    """The answer to one question; failures of the world are tried again."""
    from aiohttp import ClientError
    from yarl import URL

    for attempt in range(ATTEMPTS):
        try:
            async with session.get(URL(url, encoded=True), allow_redirects=False) as answer:
                if answer.status not in _TRY_AGAIN:
                    return _connections(url, answer.status, await answer.content.read(_LONGEST_BODY))
                error: Exception = BadAnswer(f"status {answer.status}")
        except (ClientError, TimeoutError) as failure:
            error = failure
        await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
    raise SourceUnavailable(f"{url}: {str(error) or type(error).__name__}") from error


def _connections(url: str, status: int, body: bytes) -> int:
    """A whole number from 0 to ``LARGEST_PREVIOUS``; anything else is no configuration."""
    shown = f"{url}: status {status}: {body[:80]!r}"
    if status != HTTPStatus.OK:
        raise BadAnswer(shown)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadAnswer(f"{shown}: no JSON") from error
    value: Any = document.get("maxNumberOfConns") if isinstance(document, dict) else None
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value.strip()[:_LONGEST_NUMBER])  # some services quote their numbers
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 0 <= value <= LARGEST_PREVIOUS and value == int(value):
        return int(value)
    raise BadAnswer(f"{shown}: maxNumberOfConns is no whole number of at least 0")
