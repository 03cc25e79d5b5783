"""The app of the doors, mounted into Airflow's API server under ``/foresight``."""

from __future__ import annotations

from fastapi import FastAPI

from foresight import __version__
from foresight.web import (
    deployments,
    documentation,
    errors,
    insight,
    lists,
    metrics,
    quiet,
    scoring,
    series,
    slas,
)
from foresight.web.context import Doors
from foresight.web.pages import routes as pages
from foresight.web.requests import GuardedRoute
from foresight.web.transport import Transport

PREFIX = "/foresight"

ROOMS = (
    scoring.install,
    metrics.install,
    slas.install,
    insight.install,
    quiet.install,
    deployments.install,
    series.install,
    lists.install,
    pages.install,
    documentation.install,
)
"""Each adds its routes to an app. A new room of routes is named here, and its rules in ``rights``. Scoring
comes first: routes are tried in their order."""


def create_app(doors: Doors) -> FastAPI:
    """The app with all its routes. Raises ``KeyError`` for a route that no rule is written for."""
    app = FastAPI(
        title="Foresight",
        version=__version__,
        summary="How likely each SLA is to be violated, before it happens.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.doors = doors
    app.router.route_class = GuardedRoute
    errors.install(app)
    for install in ROOMS:
        install(app, doors)
    app.add_middleware(Transport)
    return app
