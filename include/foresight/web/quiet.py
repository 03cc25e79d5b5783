"""Who is told of a change of state, when nobody is, and planned downtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, get_args

from fastapi import FastAPI, Path, Request, Response
from pydantic import Field

from foresight.grid import whole_seconds
from foresight.services import maintenance, notifications
from foresight.services.notification_messages import Firing
from foresight.services.notifications import Delivery, GroupBy, Kind, Silence, SilenceKind
from foresight.sla.downtime import MAX_SECONDS, Maintenance
from foresight.web.context import Doors
from foresight.web.errors import as_mistakes
from foresight.web.fields import PLAIN, Form, Shown, When, instant_of
from foresight.web.listing import BASE

Named = Annotated[str, Path(pattern=PLAIN, max_length=512, description="Its name")]
Word = Annotated[str, Field(pattern=PLAIN, min_length=1, max_length=512)]
Labels = Annotated[dict[Word, Annotated[str, Field(pattern=PLAIN, max_length=512)]], Field(max_length=50)]
Text = Annotated[str, Field(max_length=1000)]
States = Annotated[list[Firing], Field(min_length=1, max_length=4)]


class TargetForm(Form):
    """How a target is reached, and what it is told of."""

    kind: Kind
    connection: Annotated[str, Field(pattern=PLAIN, min_length=1, max_length=250)] = Field(
        description="Airflow connection that says where, with its secrets"
    )
    recipients: Annotated[list[Annotated[str, Field(max_length=320)]], Field(max_length=100)] = Field(
        default_factory=list, description="Addresses of an e-mail; nothing else has them"
    )
    is_for_all: bool = Field(default=False, description="Whether it is told of every SLA")
    sla_names: Annotated[list[Word], Field(max_length=1000)] = Field(default_factory=list)
    labels: Labels = Field(default_factory=dict)
    states: States = Field(default_factory=lambda: [*get_args(Firing)])
    cooldown_seconds: Annotated[int, Field(ge=0, le=notifications.MAX_COOLDOWN)] = 0
    group_by: GroupBy = "sla"
    description: Text = ""


class TargetView(Shown):
    """One target; without a connection nobody has said how it is reached."""

    name: str
    kind: str
    description: str
    connection: str | None = None
    recipients: list[str] = Field(default_factory=list)
    is_for_all: bool = False
    sla_names: list[str] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)
    states: list[str] = Field(default_factory=list)
    cooldown_seconds: int = 0
    group_by: str | None = None


class TargetsView(Shown):
    """Every target."""

    targets: list[TargetView]


class SilenceForm(Form):
    """A time in which nobody is told. An acknowledgement ends with the next ok, too."""

    kind: SilenceKind = "silence"
    starts_at: When | None = Field(default=None, description="Now by default")
    ends_at: When | None = Field(default=None, description="A silence needs one")
    sla_name: Word | None = Field(default=None, description="Either an SLA or labels")
    sli_name: Word | None = None
    labels: Labels = Field(default_factory=dict)
    comment: Text = ""


class SilenceView(Shown):
    """One silence or acknowledgement."""

    name: str
    kind: str
    starts_at: datetime
    ends_at: datetime | None
    sla_name: str | None
    sli_name: str | None
    labels: dict[str, str]
    comment: str
    created_by: str


class SilencesView(Shown):
    """All of them, also those that are over."""

    silences: list[SilenceView]


class DowntimeForm(Form):
    """Planned downtime of one SLA, or of all that have certain labels."""

    starts_at: When
    seconds: Annotated[int, Field(ge=60, le=MAX_SECONDS)]
    sla_name: Word | None = Field(default=None, description="Either an SLA or labels")
    labels: Labels = Field(default_factory=dict)
    rule: Annotated[str, Field(pattern=PLAIN, max_length=500)] = Field(
        default="", description="RFC 5545: FREQ=WEEKLY;BYDAY=SU; empty where it happens once"
    )
    zone: Annotated[str, Field(pattern=PLAIN, max_length=64)] = "UTC"
    description: Text = ""


class DowntimeView(Shown):
    """One planned downtime."""

    name: str
    starts_at: datetime
    seconds: int
    sla_name: str | None
    labels: dict[str, str]
    rule: str
    zone: str
    description: str


class DowntimesView(Shown):
    """All planned downtime."""

    downtime: list[DowntimeView]


class ChangedView(Shown):
    """Whether something changed; false where it was so already."""

    name: str
    is_changed: bool


def install(app: FastAPI, doors: Doors) -> None:
    """Adds the routes."""
    _install_targets(app, doors)
    _install_silences(app, doors)
    _install_downtime(app, doors)


def _install_targets(app: FastAPI, doors: Doors) -> None:
    @app.get(f"{BASE}/notificationTargets", response_model=TargetsView)
    def get_targets() -> Any:
        """Every target, how it is reached and what it is told of."""
        return {
            "targets": [
                {
                    **({} if delivery is None else _plain(asdict(delivery))),
                    "name": target.name, "kind": delivery.kind if delivery else target.kind,
                    "description": target.description,
                }
                for target, delivery in notifications.list_targets(doors.store)
            ]
        }  # fmt: skip

    @app.put(f"{BASE}/notificationTargets/{{name}}", response_model=ChangedView)
    def put_target(name: Named, wanted: TargetForm) -> Any:
        """Says how a target is reached and what it is told of; changes of state from now on are told."""
        with as_mistakes():
            delivery = Delivery(
                name, wanted.kind, wanted.connection, tuple(wanted.recipients), wanted.is_for_all,
                tuple(wanted.sla_names), tuple(wanted.labels.items()), tuple(sorted(set(wanted.states))),
                wanted.cooldown_seconds, wanted.group_by, doors.now,
            )  # fmt: skip
        is_new = notifications.set_delivery(doors.store, delivery, wanted.description)
        return {"name": name, "is_changed": is_new}

    @app.delete(f"{BASE}/notificationTargets/{{name}}", status_code=204, response_class=Response)
    def delete_target(name: Named) -> Response:
        """Reaches a target no more; the target stays, for alerts may name it."""
        notifications.remove_delivery(doors.store, name)
        return Response(status_code=204)


def _install_silences(app: FastAPI, doors: Doors) -> None:
    @app.get(f"{BASE}/silences", response_model=SilencesView)
    def get_silences() -> Any:
        """Every silence and acknowledgement, also those that are over."""
        return {"silences": [_plain(asdict(each)) for each in notifications.list_silences(doors.store)]}

    @app.put(f"{BASE}/silences/{{name}}", response_model=SilenceView)
    def put_silence(request: Request, name: Named, wanted: SilenceForm) -> Any:
        """Adds a silence or an acknowledgement, or changes the one of that name."""
        begins = doors.now if wanted.starts_at is None else whole_seconds(wanted.starts_at)
        ends = None if wanted.ends_at is None else whole_seconds(wanted.ends_at)
        with as_mistakes():
            silence = Silence(
                name, wanted.kind, begins, ends, wanted.sla_name, wanted.sli_name,
                tuple(wanted.labels.items()), wanted.comment, request.state.caller.name,
            )  # fmt: skip
        notifications.add_silence(doors.store, silence)
        return _plain(asdict(silence))

    @app.delete(f"{BASE}/silences/{{name}}", status_code=204, response_class=Response)
    def delete_silence(name: Named) -> Response:
        """Deletes one: what changes from now on is told."""
        notifications.delete_silence(doors.store, name)
        return Response(status_code=204)


def _install_downtime(app: FastAPI, doors: Doors) -> None:
    @app.get(f"{BASE}/downtime", response_model=DowntimesView)
    def get_downtime() -> Any:
        """All planned downtime."""
        found = maintenance.list_downtime(doors.store)
        return {"downtime": [_plain({**asdict(each), "sla_name": each.sla}) for each in found]}

    @app.put(f"{BASE}/downtime/{{name}}", response_model=ChangedView)
    def put_downtime(request: Request, name: Named, wanted: DowntimeForm) -> Any:
        """Plans downtime, in the past too: hours that it covers are counted anew by the next evaluation."""
        with as_mistakes(ValueError):
            window = Maintenance(
                name, whole_seconds(wanted.starts_at), wanted.seconds, wanted.sla_name,
                tuple(wanted.labels.items()), wanted.rule, wanted.zone, wanted.description,
            )  # fmt: skip
        is_new = maintenance.add(doors.store, window, by=request.state.caller.name, at=doors.now)
        return {"name": name, "is_changed": is_new}

    @app.delete(f"{BASE}/downtime/{{name}}", status_code=204, response_class=Response)
    def delete_downtime(request: Request, name: Named) -> Response:
        """Deletes planned downtime: what it excluded counts again."""
        maintenance.delete(doors.store, name, by=request.state.caller.name, at=doors.now)
        return Response(status_code=204)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with labels as a mapping and instants as such."""
    found = {**row, "labels": dict(row["labels"])}
    for name in {"starts_at", "ends_at"} & set(row):
        found[name] = None if row[name] is None else instant_of(row[name])
    return found
