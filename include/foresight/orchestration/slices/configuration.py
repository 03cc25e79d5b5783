"""What is configured now: asked of the configuration service for all cells at once, else from the table.

The service answers ``GET /nrcellcu-configdata/<cell>/snssai/<snssai>`` with ``{"maxNumberOfConns": n}``.
What it said last is in the table, with the time: where it does not answer, that counts, as old as it is.
"""

from __future__ import annotations

import asyncio
import csv
import logging
import ssl
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import Connection

from foresight.errors import BadAnswer, ForesightError, InvalidDocument, Mistake, SourceUnavailable
from foresight.slices.guardrails import LARGEST_PREVIOUS
from foresight.store import Store
from foresight.store.slices import CONFIGURATION_LOCK, Cell, read_configuration, save_configuration

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger(__name__)
Floats = NDArray[np.float64]

SERVICE: Final = "service"
COLUMNS: Final = ("snssai", "cu", "cell", "maxNumberOfConns")
AT_ONCE: Final = 64
ATTEMPTS: Final = 3
REQUEST_SECONDS: Final = 5.0
ALL_SECONDS: Final = 20.0
"""Cells that have not been answered by then go on with what the table says."""
_PAUSE_SECONDS: Final = 0.2
_TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_BODY: Final = 10_000
LATEST: Final = 2**31 - 1
"""Epoch seconds that nothing was configured after."""


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
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 0 <= value <= LARGEST_PREVIOUS and value == int(value):
        return int(value)
    raise BadAnswer(f"{shown}: maxNumberOfConns is no whole number of at least 0")


@dataclass(frozen=True, slots=True)
class Configured:
    """What is configured for some cells, in their order.

    ``connections`` ``[n_cells, n_periods]``, NaN where unknown; ``read_at`` ``[n_cells]``, epoch seconds of
    the newest value, NaN where unknown or where it came from a file, which holds until it is replaced.
    """

    connections: Floats
    read_at: Floats

    def age_seconds(self, at: int) -> Floats:
        """How old the newest value of each cell is."""
        return np.where(np.isnan(self.read_at), 0.0, np.maximum(at - self.read_at, 0.0))


def refresh(store: Store, service: ConfigurationService | None, cells: Sequence[Cell]) -> Counter[str]:
    """Asks the service for these cells and stores what it says; counts what it did not say, by reason."""
    if service is None or not cells:
        return Counter()
    found, failed = service.fetch(cells)
    at = int(time.time())
    if found:
        store.transact(
            lambda connection: save_configuration(connection, found, at, SERVICE), lock=CONFIGURATION_LOCK
        )
    told = Counter(type(error).__name__ for error in failed.values())
    if failed:
        first = next(iter(failed.values()))
        log.warning("%d of %d cells have no answer of %s: %s", len(failed), len(cells), service.url, first)
    return told


def configured_of(connection: Connection, cells: Sequence[Cell], ends: NDArray[np.int64]) -> Configured:
    """What was configured when each period ended; ``ends`` ``[n_cells, n_periods]`` in epoch seconds.

    Before the first value that is known, that one counts. A value for one gNB-CU goes before one for all.
    """
    values, read_at = np.full(ends.shape, np.nan), np.full(len(cells), np.nan)
    own: dict[Cell, list[int]] = {}
    for number, (snssai, cu, cell) in enumerate(cells):
        own.setdefault((snssai, cu, cell), []).append(number)
        own.setdefault((snssai, "", cell), []).append(number)
    found = read_configuration(connection, int(ends.min(initial=LATEST)))
    for row in sorted(found, key=lambda row: (row.cu != "", row.since)):
        rows = own.get((row.snssai, row.cu, row.cell))
        if rows is None:
            continue
        later = ends[rows] >= row.since.timestamp()
        values[rows] = np.where(later | np.isnan(values[rows]), row.connections, values[rows])
        read_at[rows] = row.read_at.timestamp() if row.source == SERVICE else np.nan
    return Configured(values, read_at)


def load_file(store: Store, path: Path, at: int) -> tuple[int, int]:
    """Makes the limits of a CSV file hold; says how many there are and how many are new or changed.

    Columns ``snssai, cu, cell, maxNumberOfConns``; an empty ``cu`` means every gNB-CU. Raises
    ``InvalidDocument`` with every mistake, and then changes nothing.
    """
    values, mistakes = _read_file(path)
    if mistakes:
        raise InvalidDocument(mistakes)
    source = path.name[-255:]
    changed = store.transact(
        lambda connection: save_configuration(connection, values, at, source), lock=CONFIGURATION_LOCK
    )
    return len(values), changed


def _read_file(path: Path) -> tuple[dict[Cell, int], list[Mistake]]:
    name = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidDocument([Mistake(name, 0, "", f"cannot be read: {error}")]) from error
    reader = csv.DictReader(text.splitlines())
    absent = {column for column in COLUMNS if column != "cu"} - set(reader.fieldnames or ())
    if absent:
        raise InvalidDocument([Mistake(name, 1, "", f"columns {', '.join(sorted(absent))} are absent")])
    values: dict[Cell, int] = {}
    mistakes: list[Mistake] = []
    for row in reader:
        line = reader.line_num
        cell = ((row["snssai"] or "").strip(), (row.get("cu") or "").strip(), (row["cell"] or "").strip())
        wrong = _mistakes(name, line, cell, row["maxNumberOfConns"])
        if cell in values:
            wrong.append(Mistake(name, line, "cell", "given twice"))
        mistakes += wrong
        if not wrong:
            values[cell] = int(row["maxNumberOfConns"])
    return values, mistakes


def _mistakes(file: str, line: int, cell: Cell, given: Any) -> list[Mistake]:
    found = []
    for column, value, longest in zip(COLUMNS, cell, (16, 255, 255), strict=False):
        if len(value) > longest or (not value and column != "cu") or not value.isprintable():
            found.append(Mistake(file, line, column, f"1 to {longest} characters, got {value[:40]!r}"))
    text = (given or "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > LARGEST_PREVIOUS:
        reason = f"a whole number from 0 to {LARGEST_PREVIOUS}, got {text[:40]!r}"
        found.append(Mistake(file, line, "maxNumberOfConns", reason))
    return found
