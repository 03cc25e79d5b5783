"""The scrape endpoint: Airflow's token, or the long-lived one of a scraper."""

from __future__ import annotations

from threading import Lock
from typing import Annotated, Final, Literal

from fastapi import FastAPI, Query, Response

from foresight.services.metrics import CONTENT_TYPE, Wanted, exposition, version_of
from foresight.web.context import Doors
from foresight.web.fields import PLAIN

State = Literal["ok", "no_traffic", "maintenance", "stale", "no_data", "at_risk", "violated"]
_MOST_BODIES: Final = 8


class _Bodies:
    """Bodies by what was asked for, made again when the newest as-of or a definition changes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[Wanted, tuple[object, bytes]] = {}

    def get(self, doors: Doors, wanted: Wanted) -> bytes:
        """The body of the newest statuses. One thread makes it, others wait for it."""
        store = doors.store
        with self._lock:
            version = (id(store), version_of(store))
            found = self._kept.get(wanted)
            if found is None or found[0] != version:
                found = (version, exposition(store, wanted).encode())
                if len(self._kept) >= _MOST_BODIES and wanted not in self._kept:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[wanted] = found
            return found[1]


def install(app: FastAPI, doors: Doors) -> None:
    """Adds the route."""
    bodies = _Bodies()

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def get_metrics(
        sla: Annotated[str | None, Query(pattern=PLAIN, max_length=512)] = None,
        state: Annotated[list[State] | None, Query(max_length=7)] = None,
        all: bool = False,  # noqa: A002 - the name and form of the parameter
    ) -> Response:
        """Metrics for Prometheus: all SLAs, counts by state, and the SLIs that are not ok or asked for."""
        body = bodies.get(doors, Wanted(sla, tuple(sorted(set(state or ()))), all))
        return Response(body, media_type=CONTENT_TYPE)
