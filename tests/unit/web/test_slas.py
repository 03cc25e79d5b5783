"""SLAs one by one: create, read, replace, patch, delete; two writers; YAML in and out; views."""

from __future__ import annotations

from typing import Any

import pytest

from foresight.store import Store
from foresight.store.tables import forecast, sla_status, sli_status, sli_window
from tests.unit.web.door import Door, RoleGate
from tests.unit.web.rows import fill

SHOP: dict[str, Any] = {"name": "shop", "owner": "ops", "slis": [{"name": "a", "metric": "up", "lower": 1}]}
SHORT = "slas: [{name: shop, slis: [{name: a, metric: up, min: 1}]}]"


def put(door: Door, body: Any = SHOP, **headers: str) -> Any:
    return door.call(
        "PUT", "/slas/shop", json=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


@pytest.fixture
def etag(door: Door) -> str:
    answer = put(door, If_None_Match="*")
    assert answer.status_code == 201, answer.text
    return str(answer.headers["etag"])


def test_what_is_created_is_read_with_its_revision(door: Door, etag: str, gate: RoleGate) -> None:
    answer = door.get("/slas/shop")
    assert answer.headers["etag"] == etag
    assert answer.json()["slis"][0]["lower"] == 1
    assert door.json("/slas")["slas"] == [
        {"name": "shop", "owner": "ops", "description": "", "revision": etag.strip('"')}
    ]
    assert gate.recorded == [("admin", "foresight.put_sla")]


def test_a_caller_who_holds_it_is_answered_304(door: Door, etag: str) -> None:
    answer = door.get("/slas/shop", headers={"If-None-Match": f'"x", W/{etag}'})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 428),
        ({"If_Match": '"other"'}, 412),
        ({"If_None_Match": "*"}, 412),
        ({"If_Match": "bare"}, 412),
        ({"If_Match": "*"}, 200),
    ],
)
def test_a_change_needs_the_revision_that_it_is_of(
    door: Door, etag: str, headers: dict[str, str], status: int
) -> None:
    assert put(door, {**SHOP, "owner": "me"}, **headers).status_code == status


def test_of_two_writers_the_second_is_told(door: Door, etag: str) -> None:
    first = put(door, {**SHOP, "owner": "ann"}, If_Match=etag)
    assert first.status_code == 200
    assert put(door, {**SHOP, "owner": "bob"}, If_Match=etag).status_code == 412
    assert door.json("/slas/shop")["owner"] == "ann"
    assert put(door, {**SHOP, "owner": "bob"}, If_Match=first.headers["etag"]).status_code == 200


def test_the_same_definition_again_is_no_change(door: Door, etag: str) -> None:
    assert put(door, If_Match=etag).headers["etag"] == etag
    assert door.json("/slas/shop/revisions")["total_entries"] == 1


def test_post_creates_once(door: Door) -> None:
    answer = door.call("POST", "/slas", json=SHOP)
    assert (answer.status_code, answer.headers["location"]) == (201, "/api/v1/slas/shop")
    assert door.call("POST", "/slas", json=SHOP).status_code == 409


def test_a_patch_changes_the_fields_that_count(door: Door, etag: str) -> None:
    def patch(body: Any, **params: Any) -> Any:
        return door.call("PATCH", "/slas/shop", json=body, params=params, headers={"If-Match": "*"})

    answer = patch({"owner": "ann", "description": "x"}, update_mask="owner")
    assert (answer.status_code, answer.json()["owner"], answer.json()["description"]) == (200, "ann", "")
    assert patch({"owner": "bob"}).json()["owner"] == "bob"
    assert patch({"owner": None}).json()["owner"] == ""
    assert patch({"owner": "bob"}, update_mask="description").status_code == 422
    assert patch({"name": "other"}).status_code == 422
    assert patch({"colour": "red"}).status_code == 422
    assert patch({"slis": []}).status_code == 422


def test_slis_are_changed_one_by_one(door: Door, etag: str) -> None:
    any_one = {"If-Match": "*"}
    b = {"name": "b", "metric": "up", "upper": 3}
    assert door.call("PUT", "/slas/shop/slis/b", json=b, headers=any_one).status_code == 200
    assert door.json("/slas/shop/slis/b")["upper"] == 3
    assert (
        door.call("PATCH", "/slas/shop/slis/b", json={"objective": 0.5}, headers=any_one).status_code == 200
    )
    assert [sli["name"] for sli in door.json("/slis")["slis"]] == ["a", "b"]
    assert door.call("DELETE", "/slas/shop/slis/a", headers=any_one).status_code == 204
    assert door.call("DELETE", "/slas/shop/slis/b", headers=any_one).status_code == 422
    assert door.call("DELETE", "/slas/shop/slis/c", headers=any_one).status_code == 404
    assert door.get("/slas/shop/slis/a").status_code == 404
    assert door.call("PUT", "/slas/shop/slis/other", json=b, headers=any_one).status_code == 422


def test_a_deleted_sla_keeps_its_history(door: Door, etag: str) -> None:
    assert door.as_role("user").call("DELETE", "/slas/shop", headers={"If-Match": etag}).status_code == 403
    assert door.call("DELETE", "/slas/shop", headers={"If-Match": '"no"'}).status_code == 412
    assert door.call("DELETE", "/slas/shop").status_code == 428
    assert door.as_role("op").call("DELETE", "/slas/shop", headers={"If-Match": etag}).status_code == 204
    assert door.get("/slas/shop").status_code == 404
    assert [row["action"] for row in door.json("/slas/shop/revisions")["revisions"]] == ["deleted", "applied"]
    assert door.json("/slas/shop/revisions/1")["owner"] == "ops"
    assert door.get("/slas/shop/revisions/9").status_code == 404
    assert put(door, If_Match=etag).status_code == 412


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "shop"}, "slis"),
        ({**SHOP, "slis": [{"name": "a", "metric": "up", "lower": 5, "upper": 1}]}, "slis[0]"),
        ({**SHOP, "slis": [{"name": "a", "metric": "nothing", "lower": 5}]}, "slis[0].metric"),
        ({**SHOP, "slis": [{"name": "a", "metric": "up", "lower": "5"}]}, "slis[0].lower"),
        ({**SHOP, "slis": [{"name": "a", "metric": "up", "lower": True}]}, "slis[0].lower"),
        (
            {**SHOP, "slis": [{"name": "a", "metric": "up", "lower": 1, "windows": [57_600]}]},
            "slis[0]",
        ),
        ({**SHOP, "slis": [{"name": "a", "metric": "up", "lower": 1, "colour": 1}]}, "slis[0].colour"),
        ({**SHOP, "name": "other"}, "name"),
        ({**SHOP, "owner": "x" * 300}, "owner"),
        ({**SHOP, "horizon_minutes": 10**30}, ""),
    ],
)
def test_a_mistake_is_told_with_its_field(door: Door, body: Any, field: str) -> None:
    answer = put(door, body, If_None_Match="*")
    assert answer.status_code == 422, answer.text
    assert field in {each["field"] for each in answer.json()["errors"]}
    assert door.get("/slas/shop").status_code == 404


def test_yaml_goes_in_and_openslo_comes_out_and_in_again(door: Door) -> None:
    sent = {"Content-Type": "application/yaml", "If-None-Match": "*"}
    first = door.call("PUT", "/slas/shop", content=SHORT.encode(), headers=sent)
    assert first.status_code == 201, first.text
    openslo = door.get("/slas/shop", headers={"Accept": "application/yaml"})
    assert openslo.headers["content-type"].startswith("application/yaml")
    assert openslo.text == door.get("/slaDocuments", params={"name": "shop"}).text
    answer = door.call(
        "POST", "/slaDocuments", content=openslo.content, headers={"Content-Type": "application/yaml"}
    )
    assert answer.status_code == 200, answer.text
    [told] = answer.json()["slas"]
    assert (told["name"], told["is_new"], told["is_changed"], told["kept"]) == ("shop", False, False, [])


def test_yaml_with_mistakes_names_the_lines(door: Door) -> None:
    broken = "slas:\n  - name: shop\n    slis:\n      - {name: a, metric: nothing, min: 1}\n"
    answer = door.call(
        "POST",
        "/slaDocuments/validate",
        content=broken.encode(),
        headers={"Content-Type": "application/yaml"},
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["reason"].startswith("line 4: ")


def test_validation_saves_nothing(door: Door) -> None:
    viewer = door.as_role("viewer")
    assert viewer.call("POST", "/slaDocuments/validate", json=SHOP).json() == {"slas": ["shop"], "notes": []}
    yaml = {"Content-Type": "application/yaml"}
    assert viewer.call("POST", "/slaDocuments/validate", content=SHORT.encode(), headers=yaml).json()[
        "slas"
    ] == ["shop"]
    assert viewer.call("POST", "/slaDocuments/validate", json={**SHOP, "slis": []}).status_code == 422
    assert door.json("/slas")["total_entries"] == 0


def test_many_slas_where_one_is_meant_are_refused(door: Door) -> None:
    one = "{name: %s, slis: [{name: x, metric: up, min: 1}]}"
    two = f"slas: [{one % 'a'}, {one % 'b'}]"
    sent = {"Content-Type": "application/yaml"}
    assert door.call("POST", "/slas", content=two.encode(), headers=sent).status_code == 422
    answer = door.call("POST", "/slaDocuments", content=two.encode(), headers=sent)
    assert answer.status_code == 200, answer.text
    assert (
        door.call("POST", "/slaDocuments", content=b"{}", headers={"Content-Type": "text/plain"}).status_code
        == 415
    )


def test_views_show_the_newest_status_at_or_before_an_instant(door: Door, store: Store) -> None:
    for at, state in ((1_780_000_200, "ok"), (1_780_000_800, "violated")):
        fill(store, sla_status, 1, sla_name="shop", as_of=at, state=state)
        fill(store, sli_status, 1, sla_name="shop", sli_name="a", as_of=at, state=state, worst_series_id=7,
             details={"reasons": ["outside_now"]},
             predicted=[{"slot": "2026-05-28T20:42:00Z", "probability": 0.9}])  # fmt: skip
        fill(store, sli_window, 1, sla_name="shop", sli_name="a", as_of=at, window_minutes=60, n_violated=3)
    for step in (1, 2, 3):
        fill(store, forecast, 1, series_id=7, as_of=1_780_000_800, step=step, slot=1_780_000_800 + 60 * step)
    found = door.json("/slas/shop/status")
    assert (found["state"], found["as_of"]) == ("violated", "2026-05-28T20:40:00Z")
    assert found["slis"][0]["reasons"] == ["outside_now"]
    assert found["slis"][0]["windows"][0]["n_violated"] == 3
    before = door.json("/slas/shop/status", params={"as_of": "2026-05-28T20:39:00Z"})
    assert (before["state"], before["as_of"]) == ("ok", "2026-05-28T20:30:00Z")
    assert door.get("/slas/shop/status", params={"as_of": "2020-01-01T00:00:00Z"}).status_code == 404
    [window] = door.json("/slas/shop/slis/a/violations")["windows"]
    assert window["violated_slots"] == [
        "2026-05-28T20:27:00Z",
        "2026-05-28T20:28:00Z",
        "2026-05-28T20:29:00Z",
    ]
    assert door.get("/slas/shop/slis/a/violations", params={"window_minutes": 61}).status_code == 404
    minutes = door.json("/slas/shop/slis/a/outlook")["minutes"]
    assert [(each["slot"], each["is_expected_violated"], each["probability"]) for each in minutes] == [
        ("2026-05-28T20:41:00Z", False, None),
        ("2026-05-28T20:42:00Z", True, 0.9),
        ("2026-05-28T20:43:00Z", False, None),
    ]
    assert door.get("/slas/shop/slis/none/outlook").status_code == 404
    assert door.get("/slas/none/status").status_code == 404
