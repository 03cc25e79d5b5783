"""The metrics: read by the parser of prometheus_client, cached, opened by a scrape token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update
from typer.testing import CliRunner

from foresight.cli import app as command
from foresight.errors import FinalError, NotFound
from foresight.services import scrape_tokens
from foresight.services.metrics import STATES, Wanted, _escaped, exposition, write_textfile
from foresight.sla.states import State
from foresight.store import Store
from foresight.store.tables import sla, sli, sli_latest, sli_window
from tests.unit.web.door import Door
from tests.unit.web.rows import fill

AS_OF = 1_780_000_200


@pytest.fixture
def filled(store: Store) -> Store:
    fill(store, sla, 1, name="shop", document={})
    for name, state in (("a", "violated"), ("b", "ok"), ("c", "at_risk")):
        fill(
            store,
            sli,
            1,
            sla_name="shop",
            name=name,
            objective=0.99,
            lower_bound=1.0,
            upper_bound=None,
            matchers=[],
            windows_minutes=[],
        )
        fill(
            store,
            sli_latest,
            1,
            sla_name="shop",
            sli_name=name,
            as_of=AS_OF,
            state=state,
            probability=0.25,
            expected_first_slot=AS_OF + 60,
        )
        fill(store, sli_window, 1, sla_name="shop", sli_name=name, as_of=AS_OF, window_minutes=60,
             good_share=0.75, burn_rate=25.0, budget_left_share=-24.0, budget_left_minutes=-14.4)  # fmt: skip
    return store


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(found: dict[Any, float], name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_the_parser_of_prometheus_reads_what_is_stored(filled: Store) -> None:
    found = samples(exposition(filled))
    a = {"sla": "shop", "sli": "a"}
    assert of(found, "foresight_sli_objective_ratio", **a) == 0.99
    assert of(found, "foresight_sli_bound", **a, bound="lower") == 1.0
    assert of(found, "foresight_sli_violation_probability_ratio", **a) == 0.25
    assert of(found, "foresight_sli_expected_violation_timestamp_seconds", **a) == AS_OF + 60
    assert of(found, "foresight_sli_error_ratio", **a, window="60m") == 0.25
    assert of(found, "foresight_sli_burn_rate", **a, window="60m") == 25.0
    assert of(found, "foresight_sli_budget_remaining_ratio", **a, window="60m") == -24.0
    assert of(found, "foresight_sli_budget_remaining_seconds", **a, window="60m") == -14.4 * 60
    for name, labels in (("foresight_sli_state", a), ("foresight_sla_state", {"sla": "shop"})):
        held = {state: (name, frozenset({**labels, "state": state}.items())) for state in STATES}
        assert {state: found[key] for state, key in held.items() if key in found} == {"violated": 1}
    assert {
        state: of(found, "foresight_slis", state=state)
        for state in STATES
        if of(found, "foresight_slis", state=state)
    } == {"violated": 1, "ok": 1, "at_risk": 1}


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Wanted(), {"a", "c"}),
        (Wanted(has_all=True), {"a", "b", "c"}),
        (Wanted(sla="shop"), {"a", "b", "c"}),
        (Wanted(sla="other"), set()),
        (Wanted(states=("ok",)), {"b"}),
    ],
)
def test_slis_are_those_asked_for(filled: Store, wanted: Wanted, names: set[str]) -> None:
    text = exposition(filled, wanted)
    labels = [dict(labels) for name, labels in samples(text) if name == "foresight_sli_burn_rate"]
    assert {each["sli"] for each in labels} == names


def test_an_empty_store_has_metrics_too(store: Store) -> None:
    assert of(samples(exposition(store)), "foresight_slis", state="ok") == 0


def test_labels_are_escaped() -> None:
    text = f'm{{a="{_escaped(chr(92) + chr(34) + chr(10) + "ü")}"}} 1\n'
    assert of(samples(text), "m", a='\\"\nü') == 1


def test_states_are_those_of_slis_from_best_to_worst() -> None:
    assert list(STATES) == [state.value for state in State]


def test_the_body_is_made_again_when_a_status_or_a_definition_changes(door: Door, filled: Store) -> None:
    first = door.get("//metrics", params={"all": "true"})
    assert first.headers["content-type"].startswith("text/plain; version=0.0.4")
    later = update(sli_latest).values(as_of=AS_OF + 600, probability=0.5)
    filled.transact(lambda connection: connection.execute(later.where(sli_latest.c.sli_name == "a")))
    found = samples(door.get("//metrics", params={"all": "true"}).text)
    assert of(found, "foresight_sli_violation_probability_ratio", sla="shop", sli="a") == 0.5
    filled.transact(lambda connection: connection.execute(update(sla).values(revision="other")))
    filled.transact(lambda connection: connection.execute(update(sli).values(objective=0.5)))
    found = samples(door.get("//metrics", params={"all": "true"}).text)
    assert of(found, "foresight_sli_objective_ratio", sla="shop", sli="a") == 0.5


def test_a_scrape_token_opens_the_metrics_and_nothing_else(door: Door, store: Store) -> None:
    token = scrape_tokens.make(store, "prometheus", by="me", at=1)
    scraper = Door(door.app, token)
    assert scraper.get("//metrics").status_code == 200
    assert scraper.get("/slas").status_code == 403
    assert scraper.call("POST", "/slas", json={}).status_code == 403
    assert Door(door.app, token + "x").get("//metrics").status_code == 403
    assert door.get("//metrics").status_code == 200
    assert door.as_role(None).get("//metrics").status_code == 401


def test_a_token_is_kept_as_its_hash_and_rotated(door: Door, store: Store) -> None:
    first = scrape_tokens.make(store, "prometheus", by="me", at=1)
    assert "sha256" not in scrape_tokens.list_tokens(store)[0]
    second = scrape_tokens.make(store, "prometheus", by="me", at=2)
    assert (scrape_tokens.name_of(store, first), scrape_tokens.name_of(store, second)) == (None, "prometheus")
    scrape_tokens.revoke(store, "prometheus")
    assert scrape_tokens.name_of(store, second) is None
    with pytest.raises(NotFound):
        scrape_tokens.revoke(store, "prometheus")
    with pytest.raises(FinalError):
        scrape_tokens.make(store, "no name", by="me", at=1)


def test_the_textfile_is_whole_and_readable(filled: Store, tmp_path: Path) -> None:
    file = tmp_path / "foresight.prom"
    n_bytes = write_textfile(filled, file)
    assert (n_bytes, file.stat().st_mode & 0o777) == (file.stat().st_size, 0o644)
    assert file.read_text() == exposition(filled)
    assert [each.name for each in tmp_path.glob("*.prom*")] == ["foresight.prom"]


def test_the_commands_print_write_and_make_tokens(filled: Store, tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert samples(run(command, ["metrics", "--all"]).stdout)
    assert run(command, ["metrics", "--output", str(tmp_path / "x.prom")]).exit_code == 0
    token = run(command, ["scrape-token", "make", "prometheus"]).stdout.strip()
    assert scrape_tokens.name_of(filled, token) == "prometheus"
    assert "prometheus" in run(command, ["scrape-token", "list"]).stdout
    assert run(command, ["scrape-token", "revoke", "prometheus"]).exit_code == 0
