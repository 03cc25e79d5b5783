"""What the routes work on: the store, the scoring service, the catalogue, the gate."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from anyio import to_thread

from foresight.errors import FinalError, ForesightError
from foresight.services import scrape_tokens
from foresight.web.auth import LONGEST_CACHE_SECONDS, AirflowGate, Caller, Fresh, Gate, own_origins
from foresight.web.errors import RETRY_SECONDS, Problem
from foresight.web.limits import Limits

if TYPE_CHECKING:
    from foresight.services.scoring.scorers import Scoring
    from foresight.store import Store
    from foresight.telemetry.catalogue import Catalogue

Made = TypeVar("Made")
SERVICE_SECONDS = 1.0
"""So long it may take until a call sees that a connection was changed."""


@dataclass(slots=True)
class Doors:
    """Everything that routes are given. The callables raise errors of ours where something is not set up."""

    gate: Gate
    open_store: Callable[[], Store]
    open_scoring: Callable[[], Scoring]
    open_catalogue: Callable[[], Catalogue]
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = time.time
    own_origins: frozenset[str] = frozenset()
    _scrapers: Fresh[Caller] = field(default_factory=lambda: Fresh(LONGEST_CACHE_SECONDS))
    _services: Fresh[Scoring] = field(default_factory=lambda: Fresh(SERVICE_SECONDS))

    @property
    def store(self) -> Store:
        """The results store. Raises ``Problem`` (503) where there is none."""
        return _ready(self.open_store)

    @property
    def scoring(self) -> Scoring:
        """The scoring service, asked for once a second at most. Raises as ``store`` does."""
        found = self._services.get("scoring")
        if found is None:
            found = _ready(self.open_scoring)
            self._services.put("scoring", found)
        return found

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue of watched metrics. Raises as ``store`` does."""
        return _ready(self.open_catalogue)

    @property
    def now(self) -> int:
        """Epoch seconds."""
        return int(self.clock())

    def forget(self) -> None:
        """Forgets which tokens of scrapers were checked, and the scoring service."""
        self._scrapers = Fresh(LONGEST_CACHE_SECONDS)
        self._services = Fresh(SERVICE_SECONDS)

    async def scraper(self, token: str | None) -> Caller | None:
        """The caller whose token is one of a scraper; None for another one. Raises ``Problem`` (403)."""
        if token is None or not scrape_tokens.looks_like_one(token):
            return None
        key = scrape_tokens.digest(token)
        known = self._scrapers.get(key)
        if known is None:
            name = await to_thread.run_sync(scrape_tokens.name_of, self.store, token)
            if name is None:
                raise Problem(HTTPStatus.FORBIDDEN, "Invalid scrape token")
            known = Caller(f"scraper {name}", key, None)
            self._scrapers.put(key, known)
        return known


def _ready(make: Callable[[], Made]) -> Made:
    """What is made. What is not set up is no mistake of a caller, so it is an answer 503."""
    try:
        return make()
    except FinalError as error:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"not set up: {error}",
            headers={"Retry-After": str(RETRY_SECONDS)},
        ) from error


def airflow_doors() -> Doors:
    """The doors of this installation, within Airflow's API server."""
    from foresight.wiring import settings
    from foresight.wiring.connections import results
    from foresight.wiring.scoring import scoring

    return Doors(
        gate=AirflowGate(_cache_seconds()),
        open_store=results,
        open_scoring=scoring,
        open_catalogue=settings.catalogue,
        own_origins=own_origins(),
    )


def _cache_seconds() -> float:
    """``FORESIGHT_TOKEN_SECONDS``: how long a checked token counts, 0 to 5; 5 by default."""
    given = os.environ.get("FORESIGHT_TOKEN_SECONDS", str(LONGEST_CACHE_SECONDS))
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_CACHE_SECONDS:
        raise ForesightError(f"FORESIGHT_TOKEN_SECONDS is {given!r}: use 0 to {LONGEST_CACHE_SECONDS:g}")
    return seconds
