"""What-if, back-test, explanation, verification and calibrators over HTTP: the answers of the services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from foresight.services.sla_history import stored_history
from foresight.services.slas import get_sla
from foresight.services.what_if import what_if
from foresight.sla.downtime import Maintenance
from foresight.store import Store
from foresight.store.tables import calibrator_change, sli_risk, sli_status
from tests.unit.web.door import Door
from tests.unit.web.pages_scene import AS_OF
from tests.unit.web.rows import fill

UNTIL = datetime.fromtimestamp(AS_OF, UTC).isoformat()
WHAT_IF = "/slas/shop/slis/load/whatIf"


@pytest.fixture
def api(pages: Door) -> Door:
    return Door(pages.app)


def post(door: Door, path: str, **body: Any) -> Any:
    return door.call("POST", path, json=body)


def test_what_if_answers_as_the_service_does_and_saves_nothing(api: Door, filled: Store) -> None:
    before = api.json("/slas/shop/status")
    answer = post(api, WHAT_IF, max=100)
    assert answer.status_code == 200, answer.text
    found = what_if(stored_history(filled), get_sla(filled, "shop"), "load", {"max": 100.0}, AS_OF).plain()
    for side in ("present", "changed"):
        assert answer.json()[side]["probability"] == found[side]["probability"]
        assert [each["violated"] for each in answer.json()[side]["windows"]] == [
            each["violated"] for each in found[side]["windows"]
        ]
    assert answer.json()["changed"]["max"] == 100
    assert api.json("/slas/shop/status") == before


def test_null_opens_a_bound_and_what_is_left_out_stays(api: Door) -> None:
    assert "both open" in post(api, WHAT_IF, max=None).json()["detail"]  # none would be left
    found = post(api, WHAT_IF, max=None, min=-5, objective=0.5).json()
    assert found["present"]["max"] is not None
    assert (found["changed"]["max"], found["changed"]["min"]) == (None, -5)
    assert found["changed"]["objective"] == 0.5


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"max": "high"}, 422),
        ({"objective": 2}, 422),
        ({"most": 1}, 422),
        ({"min": 5, "max": 1}, 422),
        ({"as_of": "2026-01-01T00:00"}, 422),
    ],
)
def test_a_wrong_question_is_refused(api: Door, body: dict[str, Any], status: int) -> None:
    assert post(api, WHAT_IF, **body).status_code == status


def test_what_is_not_there_is_not_found(api: Door) -> None:
    assert post(api, "/slas/nobody/slis/load/whatIf").status_code == 404
    assert post(api, "/slas/shop/slis/nobody/whatIf").status_code == 404
    assert post(api, "/slas/nobody/backtest").status_code == 404
    assert api.get("/slas/nobody/explanation").status_code == 404


def test_a_backtest_answers_thresholds_and_advice(api: Door) -> None:
    [found] = post(api, "/slas/shop/backtest", sli="load", hours=2, every_minutes=30, until=UNTIL).json()
    assert (found["sla"], found["sli"]) == ("shop", "load")
    assert len(found["thresholds"]["threshold"]) == len(found["thresholds"]["cost"])
    assert post(api, "/slas/shop/backtest", hours=25).status_code == 422


def test_a_user_may_ask_so_often(api: Door) -> None:
    answers = [post(api.as_role("user"), "/slas/shop/backtest", hours=0) for _ in range(5)]
    assert [answer.status_code for answer in answers][-1] == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert post(api.as_role("viewer"), WHAT_IF, max=1).status_code == 403


def test_explanations_are_those_that_were_stored(door: Door, store: Store) -> None:
    sla = {"name": "shop", "slis": [{"name": "load", "metric": "up", "upper": 1}]}
    assert door.call("PUT", "/slas/shop", json=sla, headers={"If-None-Match": "*"}).status_code == 201
    key = {"sla_name": "shop", "sli_name": "load", "as_of": AS_OF}
    fill(store, sli_status, 1, **key, worst_series_id=7)
    for number, sentences in ((7, ["It rises 0.8 a minute."]), (8, ["Another series."])):
        fill(
            store, sli_risk, 1, **key, series_id=number, horizon_minutes=10, probability=0.25,
            calibrator="shipped-1", explanation=sentences,
        )  # fmt: skip
    assert door.json("/slas/shop/explanation")["explanations"] == [
        {
            "sli": "load", "horizon_minutes": 10, "probability": 0.25, "calibrator": "shipped-1",
            "sentences": ["It rises 0.8 a minute."],
        }
    ]  # fmt: skip


def test_reports_and_calibrators_are_those_of_the_services(api: Door) -> None:
    assert api.get("/verification?days=0").status_code == 422
    assert api.get("/verification?by=moon").status_code == 422
    nothing = api.get("/verification")
    assert (nothing.status_code, "was judged yet" in nothing.json()["detail"]) == (404, True)
    assert api.json("/calibrators") == {"changes": [], "calibrators": []}
    refused = post(api, "/calibrators/rollback", reason="worse", expected="another")
    assert refused.status_code == 409, refused.text


def test_decisions_about_calibrators_are_listed_with_their_instants(door: Door, store: Store) -> None:
    [row] = fill(store, calibrator_change, 1, number=1, as_of=AS_OF, action="promoted", gain=0.5)
    [shown] = door.json("/calibrators")["changes"]
    assert datetime.fromisoformat(shown["as_of"]).timestamp() == AS_OF
    assert (shown["action"], shown["gain"], shown["in_use"]) == ("promoted", 0.5, row["in_use"])


def test_what_if_leaves_planned_downtime_out_on_the_page_too(
    pages: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "/pages/slas/shop/what-if?sli=load&max=20"
    assert "60 min: violated minutes</th><td>4 min</td>" in pages.call("GET", asked).text
    night = Maintenance("night", AS_OF - 3600, 3600, "shop")
    monkeypatch.setattr("foresight.services.what_if.list_downtime", lambda _: [night])
    assert "60 min: violated minutes</th><td>4 min</td>" not in pages.call("GET", asked).text
