"""Pages: each answers, leads nowhere wrong, shows hostile text as text, and runs no script of its own."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from foresight.web.pages.rendering import STATIC, as_json, minutes, number, percent, sparkline, static_version
from tests.unit.web.door import Door
from tests.unit.web.pages_scene import HOSTILE

FIRST = "/pages/fleet"


def links(address: str, text: str) -> set[str]:
    found = {urljoin(address, html.unescape(each)) for each in re.findall(r'(?:href|src)="([^"]*)"', text)}
    return {urlsplit(each)._replace(fragment="").geturl() for each in found if not each.startswith("data:")}


def test_every_link_of_every_page_leads_somewhere(pages: Door) -> None:
    waiting, seen = {FIRST}, set[str]()
    while waiting:
        address = waiting.pop()
        seen.add(address)
        answer = pages.call("GET", address)
        assert answer.status_code == 200, (address, answer.text[:300])
        if address.startswith("/pages/") and "static" not in address:
            waiting |= links(address, answer.text) - seen
    visited = {urlsplit(each).path for each in seen}
    assert {"/pages/fleet", "/pages/slas/shop", "/pages/runs", "/pages/slices", "/pages/models"} <= visited
    assert {"/pages/verification", "/pages/slas/shop/edit", "/pages/new"} <= visited
    assert any(re.fullmatch(r"/pages/series/\d+", each) for each in visited)


def test_the_fleet_lists_slis_by_risk_with_counts_by_state(pages: Door) -> None:
    text = pages.call("GET", FIRST).text
    shown = re.findall(r'<th scope="row"><a href="slas/([^#"]+)#([^"]+)"', text)
    assert shown[0] == ("shop", "load")
    assert len(shown) == 4
    assert re.search(r"<b>1</b><span class=\"state at_risk\">", text)
    assert "<b>4</b>all" in text


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=sho", {"shop"}),
        ("state=at_risk", {"shop"}),
        ("owner=bob", {"calm"}),
        ("q=nothing", set()),
        ("order=sla_name", {"calm", "hostile", "shop"}),
    ],
)
def test_filters_of_the_fleet_are_in_its_address(pages: Door, query: str, names: set[str]) -> None:
    text = pages.call("GET", f"{FIRST}?{query}").text
    assert set(re.findall(r'<a href="slas/([^#"]+)#', text)) == names
    assert names or "No SLI passes these filters" in text


def test_an_sla_shows_its_bounds_forecast_budget_and_reasons(pages: Door) -> None:
    text = pages.call("GET", "/pages/slas/shop").text
    assert text.index('id="load"') < text.index('id="calm"'), "the worst SLI comes first"
    for part in (
        "load at most 25 for 90 % of the slots",
        "Risk of the next 10 min",
        "Error budget",
        "factor 14.4",
        "burn rate = bad share",
        "the same phase of the period",
        "largest good",
        "Changes of state",
    ):
        assert part in text, part  # fmt: skip


def test_what_if_answers_both_sides_and_saves_nothing(pages: Door) -> None:
    before = pages.call("GET", "/pages/slas/shop").text
    text = pages.call("GET", "/pages/slas/shop/what-if?sli=load&max=100").text
    rows = dict(re.findall(r'<th scope="row">([^<]+)</th><td>(?:<[^>]+>)?([^<]+)', text))
    assert rows["60 min: violated minutes"] == "4 min"
    assert re.search(r"60 min: violated minutes</th><td>4 min</td><td>0 min</td>", text)
    assert pages.call("GET", "/pages/slas/shop").text == before


@pytest.mark.parametrize("wrong", ["max=high", "max=nan", "max=1e999", "objective=2", "sli=nobody"])
def test_a_wrong_question_is_answered_by_a_page(pages: Door, wrong: str) -> None:
    sli = "" if wrong.startswith("sli") else "sli=load&"
    answer = pages.call("GET", f"/pages/slas/shop/what-if?{sli}{wrong}")
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"].startswith("text/html")


def test_hostile_text_is_shown_as_text_and_no_page_holds_a_script_of_its_own(pages: Door) -> None:
    for address in (FIRST, "/pages/slas/hostile", "/pages/slas/hostile/edit"):
        text = pages.call("GET", address).text
        assert "<script>alert(1)" not in text
        for attributes, inside in re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL):
            assert ("src=" in attributes and not inside) or "application/json" in attributes
        assert not re.search(
            r"\son\w+=|\sstyle=|javascript:", re.sub(r"<textarea.*?</textarea>", "", text, flags=re.S)
        )
    shown = html.unescape(pages.call("GET", "/pages/slas/hostile").text)
    assert HOSTILE[:200] in shown
    assert "{{ 7*7 }}" in shown


def test_every_form_that_changes_something_sends_to_a_route_that_there_is(pages: Door) -> None:
    for page in ("/pages/new", "/pages/slas/shop/edit"):
        addresses = re.findall(r'<button[^>]* data-api="([^"]+)"', pages.call("GET", page).text)
        assert len(addresses) == 2
        for address in addresses:
            sent = pages.call(
                "POST", urljoin(page, address), content=b"null", headers={"Content-Type": "application/yaml"}
            )
            assert (sent.status_code, sent.json()["detail"]) == (422, "body: it defines no SLA")


def test_signing_in_and_rights_are_asked_for_by_pages(pages: Door) -> None:
    assert pages.as_role(None).call("GET", FIRST).status_code == 401
    assert "Sign in to Airflow" in pages.as_role(None).call("GET", FIRST).text
    assert pages.as_role("viewer").call("GET", FIRST).status_code == 200
    refused = pages.as_role("viewer").call("GET", "/pages/new")
    assert refused.status_code == 403
    assert "lacks the right" in refused.text
    assert pages.call("GET", "/pages/slas/nobody").status_code == 404


def test_what_is_empty_says_what_to_do(door: Door) -> None:
    empty = Door(door.app, base="")
    texts = {
        name: empty.call("GET", f"/pages/{name}").text
        for name in ("fleet", "series", "runs", "slices", "models")
    }
    assert "foresight sla apply" in texts["fleet"]
    assert all('class="empty"' in text for text in texts.values())


def test_files_are_kept_by_browsers_until_they_change(pages: Door) -> None:
    name = "foresight.js"
    kept = pages.call("GET", f"/pages/static/{name}?v={static_version(name)}")
    assert "immutable" in kept.headers["cache-control"]
    assert "no-cache" in pages.call("GET", f"/pages/static/{name}").headers["cache-control"]
    assert pages.call("GET", "/pages/static/nothing.js").status_code == 404
    assert sum(file.stat().st_size for file in STATIC.glob("*.[jc]s*")) < 120_000


@pytest.mark.parametrize("file", sorted(path.name for path in STATIC.glob("uPlot*")))
def test_files_of_others_are_as_they_were_published(file: str) -> None:
    known = dict(line.split()[::-1] for line in (STATIC / "SHA256SUMS").read_text().splitlines())
    import hashlib

    assert hashlib.sha256((STATIC / file).read_bytes()).hexdigest() == known[file]


def test_values_read_as_people_write_them() -> None:
    assert [number(value) for value in (None, 0, 1.23456, 9.882e9, -12345)] == [
        "–",
        "0",
        "1.235",
        "9.882 G",
        "-12.35 k",
    ]
    assert [percent(value) for value in (0.0, 1e-5, 0.5, 0.99999, 1.0)] == [
        "0 %",
        "< 0.1 %",
        "50 %",
        "> 99.9 %",
        "100 %",
    ]
    assert [minutes(value) for value in (None, -5, 90, 1440 * 3)] == ["–", "−5 min", "1.5 h", "3 d"]
    assert sparkline([0.0, None, 1.0]).count("M") == 2
    assert "<" not in as_json({"a": "</script>"})
    assert Path(STATIC / "LICENSE.uPlot.txt").read_text().startswith("The MIT License")
