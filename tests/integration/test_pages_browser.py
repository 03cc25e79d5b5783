"""Pages in a real browser: accessible, without an error, nothing too wide, plots by the keyboard."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, Page

from foresight.store import Store, migrate, open_store
from foresight.telemetry.catalogue import Catalogue, WatchedMetric
from foresight.web.app import create_app
from foresight.web.context import Doors
from tests.servers.browser import browser as chromium
from tests.servers.process import Unavailable, free_port
from tests.unit.web.door import RoleGate
from tests.unit.web.pages_scene import AS_OF, fill_pages

PAGES = ("fleet", "slas/shop", "slas/hostile", "series", "runs", "slices", "models", "verification", "new",
         "slas/shop/what-if?sli=load&max=100", "slas/nobody")  # fmt: skip
SIZES = ((1280, 900), (400, 800))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the app is served: mounted as Airflow mounts it."""
    store: Store = open_store(f"sqlite:///{tmp_path_factory.mktemp('pages')}/results.db")
    migrate(store)
    fill_pages(store)
    doors = Doors(
        RoleGate(),
        open_store=lambda: store,
        open_scoring=lambda: None,  # type: ignore[arg-type,return-value] # no page scores
        open_catalogue=lambda: Catalogue(metrics=(WatchedMetric(name="load", metric="load"),)),
        clock=lambda: AS_OF + 60,
    )
    outer = FastAPI()
    outer.mount("/foresight", create_app(doors))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(outer, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
    store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        with chromium() as opened:
            yield opened
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(base_url=f"{address}/foresight/pages/")
    context.add_cookies([{"name": "_token", "value": "admin", "url": address}])
    context.add_init_script(f"localStorage.setItem('theme', '{request.param}')")
    yield context.new_page()
    context.close()


def test_every_page_is_accessible_fits_and_runs_without_an_error(page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for name in PAGES:
            page.goto(name, wait_until="networkidle")
            where = f"{name} at {width}"
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), where
            found = Axe().run(page).response["violations"]
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == [], where
    # The browser itself reports the page that is not there.
    assert [text for text in said if "404" not in text] == []


def test_the_policy_forbids_scripts_in_the_page(page: Page) -> None:
    page.goto("fleet")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.bad = 1\">')")
    page.evaluate(
        "const made = document.createElement('script'); made.textContent = 'window.bad = 1'; "
        "document.body.append(made)"
    )
    assert page.evaluate("window.bad") is None


def test_arrow_keys_tell_the_numbers_of_a_plot(page: Page) -> None:
    page.goto("slas/shop", wait_until="networkidle")
    figure = page.locator("figure").first
    figure.locator(".plot").focus()
    page.keyboard.press("Home")
    first = figure.locator(".live").inner_text()
    page.keyboard.press("ArrowRight")
    assert "value" in first
    assert figure.locator(".live").inner_text() != first


def test_times_are_shown_in_the_zone_of_airflow(page: Page) -> None:
    page.goto("fleet")
    page.evaluate("localStorage.setItem('timezone', 'Asia/Tokyo')")
    page.reload(wait_until="networkidle")
    assert page.locator("[data-zone]").inner_text() == "Times in Asia/Tokyo"
    stamp = page.locator("main time").first
    utc = stamp.get_attribute("datetime") or ""
    hour = (int(utc[11:13]) + 9) % 24
    assert f" {hour:02d}:{utc[14:16]}" in stamp.inner_text()


def test_a_newcomer_finds_what_will_be_violated_why_and_what_another_bound_would_mean(page: Page) -> None:
    page.goto("fleet", wait_until="networkidle")
    page.locator("tbody th a").first.click()
    page.wait_for_url("**/slas/shop#load")
    risky = page.locator("section", has=page.locator("#load"))
    assert "99" in risky.locator(".card dd").first.inner_text()
    assert "phase of the period" in risky.locator("ul.words").inner_text()
    risky.get_by_label("Largest good value").fill("100")
    risky.get_by_role("button", name="What would it have meant?").click()
    page.wait_for_url("**/what-if?**")
    assert "60 min: violated minutes\t4 min\t0 min" in page.locator("table").inner_text()


def test_an_sla_is_checked_and_created_by_a_form(page: Page, tmp_path: Path) -> None:
    page.goto("new", wait_until="networkidle")
    text = "slas: [{name: made-here, slis: [{name: a, metric: load, max: %s}]}]"
    page.get_by_label("Definition").fill(text % "high")
    page.get_by_role("button", name="Check").click()
    page.locator("[role=status].error").wait_for()
    page.get_by_label("Definition").fill(text % "30")
    page.get_by_role("button", name="Check").click()
    page.locator("[role=status].done").wait_for()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved. The next evaluation uses it.").wait_for()
    page.goto("slas/made-here")
    assert "It has not been evaluated yet" in page.locator("main").inner_text()
    page.screenshot(path=tmp_path / "made.png")
