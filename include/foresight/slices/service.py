"""The HTTP service that knows what is configured: all cells of a run are asked at the same time.

It answers ``GET <url>/nrcellcu-configdata/<cell>/snssai/<snssai>`` with ``{"maxNumberOfConns": n}``, or, as
the templates of ONAP CPS do, ``POST <url>`` with ``{"inputParameters": {"sNssai": …, "cellLocalId": …}}``.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

import orjson

from foresight.errors import BadAnswer, ForesightError, SourceUnavailable
from foresight.slices.guardrails import LARGEST_PREVIOUS
from foresight.slices.identifiers import normal_form

if TYPE_CHECKING:
    import aiohttp

Cell = tuple[str, str, str]
"""Slice, gNB-CU, cell."""

AT_ONCE: Final = 64
ATTEMPTS: Final = 3
REQUEST_SECONDS: Final = 5.0
ALL_SECONDS: Final = 20.0
"""Cells that have not been answered by then go on with what the table says."""
PARAMETER: Final = "maxNumberOfConns"
_PAUSE_SECONDS: Final = 0.2
_TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_BODY: Final = 1_000_000
_LONGEST_NUMBER: Final = 20
_DEEPEST: Final = 40


@dataclass(frozen=True, slots=True)
class ConfigurationService:
    """Where the service is and how it is called: one address a cell (``GET``), or one for all (``POST``)."""

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    verify: bool | str = True
    cert: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    method: Literal["GET", "POST"] = "GET"

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
                    found[cell] = await self._fetch_one(session, cell)
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

    async def _fetch_one(self, session: aiohttp.ClientSession, cell: Cell) -> int:
        """The answer to one question; failures of the world are tried again."""
        from aiohttp import ClientError
        from yarl import URL

        is_post = self.method == "POST"
        url = self.url if is_post else f"{self.url}{_path(cell)}"
        body = {"inputParameters": {"sNssai": cell[0], "cellLocalId": cell[2]}} if is_post else None
        for attempt in range(ATTEMPTS):
            try:
                async with session.request(
                    self.method, URL(url, encoded=True), json=body, allow_redirects=False
                ) as answer:
                    if answer.status not in _TRY_AGAIN:
                        content = await _content(answer)
                        return _connections(url, answer.status, content, cell)
                    error: Exception = BadAnswer(f"status {answer.status}")
            except (ClientError, TimeoutError) as failure:
                error = failure
            await asyncio.sleep(_PAUSE_SECONDS * 2**attempt)
        raise SourceUnavailable(f"{url}: {str(error) or type(error).__name__}") from error

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


async def _content(answer: aiohttp.ClientResponse) -> bytes:
    """The body, no more than ``_LONGEST_BODY`` of it."""
    try:
        return bytes(await answer.content.readexactly(_LONGEST_BODY))
    except asyncio.IncompleteReadError as error:
        return bytes(error.partial)


def _path(cell: Cell) -> str:
    snssai, _, local = cell
    return f"/nrcellcu-configdata/{quote(local, safe='')}/snssai/{quote(snssai, safe='')}"


def _connections(url: str, status: int, body: bytes, cell: Cell) -> int:
    """A whole number from 0 to ``LARGEST_PREVIOUS``; anything else is no configuration."""
    shown = f"{url}: status {status}: {body[:80]!r}"
    if status != HTTPStatus.OK:
        raise BadAnswer(shown)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadAnswer(f"{shown}: no JSON") from error
    found = {_whole(value) for value in _limits_in(document, normal_form(cell[0]), cell[2])}
    if len(found) > 1:
        raise BadAnswer(f"{shown}: several values of {PARAMETER}")
    number = next(iter(found), None)
    if number is None:
        raise BadAnswer(f"{shown}: {PARAMETER} is no whole number of at least 0")
    return number


def _limits_in(document: Any, snssai: str, cell: str, depth: int = _DEEPEST) -> Iterator[Any]:
    """Every limit in an answer that may be this cell's: ``maxNumberOfConns``, alone or as a parameter.

    Persistence services answer with nested lists of ``NRCellCU``, ``sNSSAIList`` and ``configData``; what
    names another slice or another cell is passed over.
    """
    if isinstance(document, list) and depth:
        for each in document:
            yield from _limits_in(each, snssai, cell, depth - 1)
    if not isinstance(document, dict) or not depth:
        return
    fields = {name.lower(): value for name, value in document.items()}
    for name in ("snssai", "s-nssai"):
        if isinstance(fields.get(name), str) and normal_form(fields[name]) != snssai:
            return
    attributes = fields.get("attributes")
    own = fields.get("celllocalid", attributes.get("cellLocalId") if isinstance(attributes, dict) else None)
    if own is not None and str(own).strip() != cell:
        return
    if str(fields.get("configparameter", "")).lower() == PARAMETER.lower():
        yield fields.get("configvalue")
    if PARAMETER.lower() in fields:
        yield fields[PARAMETER.lower()]
    for value in fields.values():
        if isinstance(value, dict | list):
            yield from _limits_in(value, snssai, cell, depth - 1)


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value.strip()[:_LONGEST_NUMBER])  # some services quote their numbers
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 0 <= value <= LARGEST_PREVIOUS and value == int(value):
        return int(value)
    return None
