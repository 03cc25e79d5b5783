"""The Airflow plugin: nothing of the app is imported until the API server asks for it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

from foresight.web.links import page_of

PREFIX: Final = "/foresight"


class ResultLink(BaseOperatorLink):
    """Leads from a task of ours to the page of its result."""

    name = "Foresight"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - what Airflow calls
        """The address of the page; empty, so that no link is shown, for tasks of others."""
        return page_of(ti_key.dag_id)


class ForesightPlugin(AirflowPlugin):
    """The doors as one app, their navigation entry, and a link from each task of ours."""

    name = "foresight"
    external_views = [  # noqa: RUF012 - Airflow reads it as it is
        {
            "name": "Foresight",
            "href": "foresight/pages/fleet",
            "destination": "nav",
            "category": "browse",
            "url_route": "foresight",
        }
    ]
    global_operator_extra_links = [ResultLink()]  # noqa: RUF012 - as above

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The app, made when the API server asks."""
        from foresight.web.app import create_app
        from foresight.web.context import airflow_doors

        return [{"name": "Foresight", "app": create_app(airflow_doors()), "url_prefix": PREFIX}]
