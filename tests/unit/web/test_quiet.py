"""Notification targets, silences and planned downtime over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from foresight.services import maintenance, notifications
from foresight.store import Store
from tests.unit.web.door import Door

TARGET = {"kind": "webhook", "connection": "hook", "sla_names": ["shop"], "labels": {"team": "a"}}
DOWN = {
    "starts_at": "2026-12-06T01:00:00Z",
    "seconds": 7200,
    "sla_name": "shop",
    "rule": "FREQ=WEEKLY;BYDAY=SU",
}
SHOP = {"name": "shop", "slis": [{"name": "a", "metric": "up", "lower": 1}]}


def put(door: Door, path: str, body: Any) -> Any:
    return door.call("PUT", path, json=body)


def test_a_target_is_set_listed_and_removed(door: Door, store: Store) -> None:
    assert put(door, "/notificationTargets/ops", TARGET).json() == {"name": "ops", "is_changed": True}
    assert put(door, "/notificationTargets/ops", TARGET).json()["is_changed"] is False
    assert notifications.get_delivery(store, "ops").labels == (("team", "a"),)
    [shown] = door.json("/notificationTargets")["targets"]
    assert (shown["connection"], shown["sla_names"], shown["labels"]) == ("hook", ["shop"], {"team": "a"})
    assert door.call("DELETE", "/notificationTargets/ops").status_code == 204
    assert door.json("/notificationTargets")["targets"][0]["connection"] is None
    assert door.call("DELETE", "/notificationTargets/ops").status_code == 404


def test_a_silence_and_an_acknowledgement_come_and_go(door: Door, store: Store) -> None:
    night = {"ends_at": "2030-01-01T00:00:00Z", "sla_name": "shop", "comment": "known"}
    added = put(door, "/silences/night", night)
    assert (added.status_code, added.json()["created_by"]) == (200, "admin"), added.text
    assert (
        put(door, "/silences/seen", {"kind": "acknowledgement", "labels": {"team": "a"}}).status_code == 200
    )
    assert [each["name"] for each in door.json("/silences")["silences"]] == ["night", "seen"]
    assert notifications.list_silences(store)[0].comment == "known"
    assert door.call("DELETE", "/silences/night").status_code == 204
    assert door.call("DELETE", "/silences/night").status_code == 404


def test_downtime_is_planned_listed_and_deleted(door: Door, store: Store) -> None:
    assert put(door, "/downtime/night", DOWN).status_code == 404  # there is no such SLA yet
    door.call("PUT", "/slas/shop", json=SHOP, headers={"If-None-Match": "*"})
    assert put(door, "/downtime/night", DOWN).json() == {"name": "night", "is_changed": True}
    [shown] = door.json("/downtime")["downtime"]
    assert (shown["starts_at"], shown["rule"]) == ("2026-12-06T01:00:00Z", "FREQ=WEEKLY;BYDAY=SU")
    assert maintenance.list_downtime(store)[0].sla == "shop"
    assert door.call("DELETE", "/downtime/night").status_code == 204
    assert door.call("DELETE", "/downtime/night").status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/notificationTargets/ops", {"kind": "pigeon", "connection": "hook"}),
        ("/notificationTargets/ops", {"kind": "email", "connection": "mail"}),
        ("/notificationTargets/ops", {**TARGET, "states": []}),
        ("/notificationTargets/ops", {**TARGET, "cooldown_seconds": 10**9}),
        ("/notificationTargets/%20", TARGET),
        ("/silences/night", {"sla_name": "shop"}),
        ("/silences/night", {"ends_at": "2020-01-01T00:00:00Z", "sla_name": "shop"}),
        ("/silences/night", {"ends_at": "2030-01-01T00:00:00Z"}),
        ("/silences/night", {"ends_at": "2030-01-01T00:00:00", "sla_name": "shop"}),
        ("/downtime/night", {**DOWN, "rule": "FREQ=SECONDLY"}),
        ("/downtime/night", {**DOWN, "zone": "Mars/Olympus"}),
        ("/downtime/night", {**DOWN, "labels": {"team": "a"}}),
        ("/downtime/night", {**DOWN, "seconds": 1}),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(door: Door, path: str, body: Any) -> None:
    answer = put(door, path, body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"]


def test_to_say_who_is_told_and_to_delete_is_more_than_to_write(door: Door) -> None:
    user = door.as_role("user")
    assert put(user, "/notificationTargets/ops", TARGET).status_code == 403
    for kind in ("notificationTargets", "silences", "downtime"):
        assert user.call("DELETE", f"/{kind}/night").status_code == 403
        assert door.as_role("op").call("DELETE", f"/{kind}/night").status_code == 404
    assert (
        put(user, "/silences/night", {"labels": {"team": "a"}, "kind": "acknowledgement"}).status_code == 200
    )


def test_who_reads_may_not_change(door: Door) -> None:
    viewer = door.as_role("viewer")
    assert put(viewer, "/silences/night", {}).status_code == 403
    assert viewer.get("/silences").status_code == 200
