"""What every route has: sign-in, rights, headers, problems, and a body that is read strictly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import Body, FastAPI
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st

from foresight.errors import InvalidDocument, Mistake, NotFound, StoreUnavailable
from foresight.store import SchemaMismatch
from foresight.web import documentation, rights, strict_json
from foresight.web.app import create_app
from foresight.web.auth import Fresh
from foresight.web.context import Doors
from foresight.web.errors import MEDIA_TYPE, Problem
from foresight.web.limits import Limits, Rate
from foresight.web.requests import GuardedRoute
from foresight.web.rights import RULES, Right, Rule
from foresight.web.strict_json import MAX_DEPTH, loads
from tests.unit.web.door import Door, RoleGate


@pytest.fixture
def probe(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> Door:
    """A small app with two routes: one that reads, one that takes a body and writes."""
    monkeypatch.setitem(RULES, "read_probe", Rule(Right.READ_SLA))
    monkeypatch.setitem(RULES, "write_probe", Rule(Right.WRITE_SLA, writes=True, max_bytes=1000))
    monkeypatch.setattr("foresight.web.app.ROOMS", (documentation.install,))
    app = create_app(doors)

    @app.get("/api/v1/probe")
    def read_probe(fail: str = "") -> dict[str, str]:
        errors: dict[str, Exception] = {
            "missing": NotFound("there is none"),
            "down": StoreUnavailable("the database is down"),
            "old": SchemaMismatch("no tables"),
            "mistakes": InvalidDocument([Mistake("f", 3, "slas[0].name", "is needed")]),
            "bug": RuntimeError("secret"),
        }
        if fail:
            raise errors[fail]
        return {"said": "read"}

    @app.put("/api/v1/probe")
    def write_probe(document: dict[str, Any] = Body()) -> dict[str, Any]:  # noqa: B008
        return document

    return Door(app)


def put(door: Door, content: bytes = b"{}", **headers: str) -> Any:
    return door.call(
        "PUT", "/probe", content=content, headers={"Content-Type": "application/json", **headers}
    )


def test_every_route_has_a_rule_and_no_rule_is_idle(app: FastAPI) -> None:
    assert all(isinstance(route, GuardedRoute) for route in app.routes)
    assert {route.name for route in app.routes if isinstance(route, APIRoute)} == set(RULES)


def test_a_route_without_a_rule_cannot_be_made(app: FastAPI) -> None:
    with pytest.raises(KeyError):
        app.get("/open")(lambda: 1)


@pytest.mark.parametrize(
    ("fail", "status"), [("missing", 404), ("down", 503), ("old", 503), ("mistakes", 422), ("bug", 500)]
)
def test_errors_of_ours_are_problems(probe: Door, fail: str, status: int) -> None:
    answer = probe.get("/probe", params={"fail": fail})
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert set(answer.json()) == {"type", "title", "status", "detail", "instance", "errors"}
    assert "secret" not in answer.text
    assert ("retry-after" in answer.headers) == (status == 503)


def test_a_mistake_in_a_document_names_its_field_and_line(probe: Door) -> None:
    errors = probe.get("/probe", params={"fail": "mistakes"}).json()["errors"]
    assert errors == [{"field": "slas[0].name", "reason": "line 3: is needed"}]


def test_nobody_is_let_in_without_a_token_and_nobody_writes_who_may_not(probe: Door, gate: RoleGate) -> None:
    assert probe.as_role(None).get("/probe").status_code == 401
    assert probe.as_role("stranger").get("/probe").status_code == 403
    assert put(probe.as_role("viewer")).status_code == 403
    assert gate.recorded == []
    assert put(probe.as_role("user")).status_code == 200
    assert gate.recorded == [("user", "foresight.write_probe")]


def test_a_bad_token_beside_a_good_cookie_is_refused(probe: Door) -> None:
    assert probe.as_role("stranger").get("/probe", headers={"Cookie": "_token=admin"}).status_code == 403


def test_nothing_of_a_body_is_read_for_somebody_who_may_not_send_it(probe: Door) -> None:
    assert put(probe.as_role(None), b"{broken").status_code == 401
    assert put(probe.as_role("viewer"), b"x" * 5000).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://nowhere.invalid"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://door"}, 403),
        ({"Origin": "http://door", "X-Foresight-Request": "1"}, 200),
        ({"Origin": "https://airflow.example.org", "X-Foresight-Request": "1"}, 200),
        ({"Origin": "https://nowhere.invalid", "X-Foresight-Request": "1"}, 403),
        ({"Cookie": "_token=admin"}, 403),
        ({"Cookie": "_token=admin", "X-Foresight-Request": "1"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "X-Foresight-Request": "1"}, 200),
        ({"Sec-Fetch-Site": "none"}, 403),
    ],
)  # fmt: skip
def test_another_site_cannot_make_a_browser_write(probe: Door, headers: dict[str, str], status: int) -> None:
    assert put(probe, **headers).status_code == status
    assert probe.get("/probe", headers=headers).status_code == 200


def test_a_cookie_alone_cannot_change_anything(probe: Door) -> None:
    with_cookie = probe.as_role(None)
    assert put(with_cookie, Cookie="_token=admin").status_code == 403
    assert with_cookie.get("/probe", headers={"Cookie": "_token=admin"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"a": 1}', 200),
        (b'{"a": 1, "a": 2}', 400),
        (b'{"a": NaN}', 400),
        (b'{"a": 1e999}', 400),
        (b'{"a": -Infinity}', 400),
        (b'{"a": "\\u0000"}', 400),
        (b'{"a": "\\ud800"}', 400),
        (b'{"a": "\xff"}', 400),
        (b'{"\\u0007": 1}', 400),
        (b'{"a": "line\\nline\\ttab"}', 200),
        (b"{", 400),
        (b'{"a": ' + b"[" * 500 + b"]" * 400, 400),
        (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", 400),
        (b"[]", 422),
        (b'{"a": "' + b"x" * 2000 + b'"}', 413),
    ],
)
def test_a_body_is_read_strictly(probe: Door, body: bytes, status: int) -> None:
    answer = put(probe, body)
    assert answer.status_code == status, answer.text


def test_json_that_is_very_deep_is_refused_and_not_a_crash() -> None:
    for depth in (MAX_DEPTH + 1, 10_000, 1_000_000):
        with pytest.raises(Problem):
            loads(b"[" * depth + b"]" * depth)
    assert loads(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


DOCUMENTS = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=4),
    ),
    max_leaves=12,
)  # fmt: skip
LITERALS = st.sampled_from(
    [
        "1e999",
        "-1E400",
        "9" * 400 + ".0",
        '{"a":1,"a":2}',
        '"\\u0001"',
        '"\x7f"',
        "NaN",
        "[" * 70,
        '["]]]]", ' * 70 + "1",
    ]
)


@given(DOCUMENTS, st.booleans(), st.none() | LITERALS)
def test_most_documents_are_read_at_once_and_all_are_judged_alike(
    document: Any, is_ascii: bool, literal: str | None
) -> None:
    """What is told from the characters of a text is what a look at every value tells."""
    text = json.dumps(document, ensure_ascii=is_ascii)
    text = text if literal is None else f"[{text},{literal}{']' * literal.count('[')}]"

    def judged() -> Any:
        try:
            return loads(text.encode())
        except Problem as problem:
            return problem.detail

    told = judged()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strict_json, "_is_plain", lambda _: False)
        assert told == judged()


def test_a_body_that_is_counted_as_it_comes_is_bounded_too(probe: Door) -> None:
    async def parts() -> Any:
        for _ in range(1000):
            yield b"x" * 100

    answer = probe.call("PUT", "/probe", content=parts(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", ""]
)
def test_another_media_type_is_refused(probe: Door, media_type: str) -> None:
    answer = probe.call("PUT", "/probe", content=b"{}", headers={"Content-Type": media_type})
    assert answer.status_code == 415


@pytest.mark.parametrize("query", ["unknown=1", "fail=&fail=", "fail=%00", "fail=%07x"])
def test_parameters_that_are_unknown_given_twice_or_no_text_are_refused(probe: Door, query: str) -> None:
    assert probe.get(f"/probe?{query}").status_code == 422


def test_every_answer_has_the_headers(probe: Door) -> None:
    for answer in (
        probe.get("/probe"),
        probe.get("/nowhere"),
        probe.as_role(None).get("/probe"),
        probe.get("//docs"),
    ):
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "Accept-Encoding" in answer.headers["vary"]


def test_head_answers_as_get_without_its_body(probe: Door) -> None:
    head, whole = probe.call("HEAD", "/probe"), probe.get("/probe")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]


def test_a_method_that_is_not_there_says_which_are(probe: Door) -> None:
    answer = probe.call("DELETE", "/probe")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, PUT")


def test_a_slash_at_the_end_is_another_address(probe: Door) -> None:
    assert probe.get("/probe/").status_code == 404


def test_what_is_not_set_up_is_503(gate: RoleGate) -> None:
    def nothing() -> Any:
        raise NotFound("connection 'results' is not defined")

    with pytest.raises(Problem, match="not set up") as found:
        Doors(gate, nothing, nothing, nothing).store  # noqa: B018
    assert found.value.status_code == 503


def test_a_bucket_of_calls_fills_again() -> None:
    now = [0.0]
    limits = Limits({"x": Rate(2.0, 3)}, lambda: now[0])
    for _ in range(3):
        limits.take("x", "ann")
    with pytest.raises(Problem) as found:
        limits.take("x", "ann")
    assert (found.value.status_code, found.value.headers) == (429, {"Retry-After": "1"})
    limits.take("x", "bob")
    now[0] = 0.5
    limits.take("x", "ann")


def test_what_is_kept_is_forgotten_in_time() -> None:
    now = [0.0]
    kept: Fresh[str] = Fresh(5, lambda: now[0])
    kept.put("a", "x")
    now[0] = 4.9
    assert kept.get("a") == "x"
    now[0] = 5.0
    assert kept.get("a") is None


def test_with_no_seconds_nothing_is_kept() -> None:
    kept: Fresh[str] = Fresh(0)
    kept.put("a", "x")
    assert kept.get("a") is None


def test_every_right_is_somebodys() -> None:
    assert {rule.right for rule in RULES.values()} <= set(rights.Right)


def test_the_schema_is_openapi_3_1(door: Door) -> None:
    schema = door.json("//openapi.json")
    assert schema["openapi"].startswith("3.1")


def test_documentation_and_schema_are_behind_the_sign_in(door: Door) -> None:
    for path in ("//docs", "//openapi.json"):
        assert door.as_role(None).get(path).status_code == 401
        assert door.get(path).status_code == 200
