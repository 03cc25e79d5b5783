"""Deploying versions of models, rolling back, and taking a deployment away."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from pydantic import Field

from foresight.services.scoring import models
from foresight.services.scoring.deployments import parse_reference
from foresight.store.models import Change
from foresight.web.context import Doors
from foresight.web.fields import Form, Shown, Whole
from foresight.web.listing import BASE
from foresight.web.scoring import Reference

Note = Annotated[str, Field(max_length=1000, description="Why")]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
Expected = Annotated[
    Whole | None,
    Query(ge=1, le=2**31 - 1, description="The version that must be deployed now; 409 otherwise."),
]


class DeployForm(Form):
    """What to deploy."""

    version: Number | None = Field(default=None, description="By default the newest")
    defaults: dict[str, Any] | None = Field(
        default=None, description="Field mapping and settings; by default those that stand"
    )
    note: Note = ""


class NoteForm(Form):
    """Why something is done."""

    note: Note = ""


class DeployedView(Shown):
    """What is deployed now."""

    reference: str
    version: int
    action: str | None = Field(description="What was done; null where it stood so")


class RolledBackView(Shown):
    """What a rollback took out and put back."""

    reference: str
    version: int
    previous_version: int


def install(app: FastAPI, doors: Doors) -> None:
    """Adds the routes."""

    def change(request: Request, note: str = "") -> Change:
        return Change(request.state.caller.name, doors.now, note)

    @app.put(f"{BASE}/deployments/{{reference}}", response_model=DeployedView)
    def deploy(request: Request, reference: Reference, wanted: DeployForm) -> Any:
        """Deploys a version of a model under an alias."""
        name, alias = parse_reference(reference)
        version, action = models.deploy(
            doors.scoring, name, change(request, wanted.note), version=wanted.version, alias=alias,
            defaults=wanted.defaults,
        )  # fmt: skip
        return {"reference": f"{name}@{alias}", "version": version, "action": action}

    @app.post(f"{BASE}/deployments/{{reference}}/rollback", response_model=RolledBackView)
    def roll_back(
        request: Request, reference: Reference, why: NoteForm, expected_version: Expected = None
    ) -> Any:
        """Deploys what was deployed before."""
        before, now = models.roll_back(doors.store, reference, change(request, why.note), expected_version)
        return {"reference": reference, "version": now, "previous_version": before}

    @app.delete(f"{BASE}/deployments/{{reference}}", status_code=204, response_class=Response)
    def undeploy(request: Request, reference: Reference, expected_version: Expected = None) -> Response:
        """Takes a deployment away."""
        models.undeploy(doors.store, reference, change(request), expected_version)
        return Response(status_code=204)
