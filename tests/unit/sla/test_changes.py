"""Changes of state and the messages that announce them."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files

import orjson
import pytest
from jsonschema import Draft202012Validator

from foresight.sla.changes import StateAt, StateChange, changes, event_message
from foresight.sla.json_form import sla_status_document
from foresight.sla.states import State
from foresight.sla.status import SlaStatus
from tests.unit.sla.samples import sample
from tests.unit.sla.strategies import AS_OF


@pytest.fixture(scope="module")
def statuses() -> list[SlaStatus]:
    return sample().statuses


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((files("foresight.sla") / "schemas" / name).read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def states(statuses: list[SlaStatus]) -> dict[tuple[str, str], StateAt]:
    return {
        (sla.sla.name, sli.sli.name): StateAt(sla.as_of, sli.state) for sla in statuses for sli in sla.slis
    }


def test_what_was_never_evaluated_changes_unless_it_is_ok(statuses: list[SlaStatus]) -> None:
    found = changes({}, statuses)
    assert {(change.sla_name, change.sli_name): change.state for change in found} == {
        ("hosts", "free"): State.VIOLATED,
        ("none", "none"): State.NO_DATA,
    }
    assert all(change.previous is None for change in found)


def test_the_same_states_again_are_no_change(statuses: list[SlaStatus]) -> None:
    assert changes(states(statuses), statuses) == []


def test_a_different_state_is_a_change_with_both_states_and_instants(statuses: list[SlaStatus]) -> None:
    before = states(statuses) | {("hosts", "quiet"): StateAt(AS_OF - 600, State.AT_RISK)}
    [change] = changes(before, statuses)
    assert (change.sla_name, change.sli_name, change.state) == ("hosts", "quiet", State.OK)
    assert StateAt(AS_OF - 600, State.AT_RISK) == change.previous


def test_a_change_carries_the_figures_of_the_worst_series(statuses: list[SlaStatus]) -> None:
    [change, _] = changes({}, statuses)
    worst = statuses[0].slis[0].worst
    assert worst is not None
    assert worst.current is not None
    assert worst.risk is not None
    assert (2, worst.key.id) == (change.n_series, change.worst_series_id)
    assert (worst.current.value, worst.current.slot) == (change.current_value, change.current_slot)
    assert worst.risk.probability == change.probability


def test_an_event_has_the_same_id_whoever_finds_it_and_another_for_any_other_change() -> None:
    change = StateChange("a", "b", AS_OF, StateAt(1, State.OK), State.VIOLATED, "0" * 16)
    assert replace(change, previous=StateAt(2, State.OK), current_value=5.0).event_id == change.event_id
    others = [
        replace(change, sla_name="x"),
        replace(change, sli_name="x"),
        replace(change, as_of=AS_OF + 60),
        replace(change, revision="1" * 16),
        replace(change, state=State.AT_RISK),
        replace(change, previous=StateAt(1, State.AT_RISK)),
        replace(change, previous=None),
    ]
    assert len({change.event_id, *(other.event_id for other in others)}) == 8


def test_every_event_fits_its_schema(statuses: list[SlaStatus]) -> None:
    checker = validator("sla-events.v1.json")
    before = {("hosts", "free"): StateAt(AS_OF - 600, State.OK)}
    for change in [*changes({}, statuses), *changes(before, statuses)]:
        checker.validate(orjson.loads(orjson.dumps(event_message(change))))


def test_every_status_fits_its_schema(statuses: list[SlaStatus]) -> None:
    checker = validator("sla-status.v1.json")
    for status in statuses:
        document = orjson.loads(orjson.dumps(sla_status_document(status)))
        checker.validate(document)
        assert status.sla.name == document["sla"]
    both = sla_status_document(statuses[0])["slis"][0]
    assert len(both["series"]) == 2
    assert len(both["windows"][2]["violated_slots"]) == both["windows"][2]["violated"]
