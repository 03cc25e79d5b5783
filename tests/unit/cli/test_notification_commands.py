"""``foresight notifications``: what it says, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from foresight.cli import app
from foresight.services.notification_outbox import put_changes
from foresight.store import Store
from tests.unit.services.test_notifications import CATALOGUE, SLAS
from tests.unit.store.rows import T0, evaluate


def call(*words: str) -> Result:
    return CliRunner().invoke(app, ["notifications", *words])


def said(*words: str) -> str:
    result = call(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


SET = ("set", "ops", "--by", "webhook", "--connection", "hook")


def test_a_target_is_set_listed_and_removed(store: Store) -> None:
    assert said(*SET, "--all", "--quiet", "15m", "--state", "violated") == "ops: set\n"
    assert "every SLA" in said("list")
    [found] = json.loads(said("list", "--json"))
    assert (found["name"], found["delivery"]["cooldown_seconds"]) == ("ops", 900)
    assert found["delivery"]["states"] == ["violated"]
    assert said("remove", "ops") == "ops: reached no more\n"
    assert "nothing: `notifications set`" in said("list")


def test_setting_a_target_again_as_it_is_changes_nothing(store: Store) -> None:
    said(*SET)
    assert said(*SET) == "ops: unchanged\n"


def test_silences_are_added_listed_and_deleted(store: Store) -> None:
    assert said("silence", "s", "--for", "2h", "--sla", "shop", "--comment", "[bold]move") == "s: added\n"
    assert said("acknowledge", "a", "--label", "team=x") == "a: added\n"
    shown = said("silences")
    assert "[bold]move" in shown
    assert "it is ok" in shown
    assert [each["name"] for each in json.loads(said("silences", "--json"))] == ["a", "s"]
    assert said("unsilence", "s") == "s: deleted\n"
    assert [each["name"] for each in json.loads(said("silences", "--json"))] == ["a"]


def test_the_log_says_what_waits(store: Store, tmp_path: Path) -> None:
    from foresight.services import slas
    from foresight.services.notifications import Delivery, set_delivery

    (tmp_path / "slas.yaml").write_text(SLAS)
    slas.apply(store, CATALOGUE, [tmp_path / "slas.yaml"], by="test", at=T0)
    set_delivery(store, Delivery("ops", "webhook", "hook", is_for_all=True))
    evaluate(store, T0, {"high": "violated", "low": "ok"})
    put_changes(store, T0)
    assert "waiting" in said("log")
    [row] = json.loads(said("log", "--json"))
    assert (row["target_name"], row["sli_name"], row["status"]) == ("ops", "high", "waiting")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((*SET, "--state", "ok"), "'ok' is no state"),
        ((*SET, "--label", "team"), "write label=value"),
        ((*SET, "--quiet", "soon"), "'soon'"),
        (("remove", "none"), "no delivery of a target 'none'"),
        (("test", "none"), "there is no target 'none'"),
        (("silence", "s", "--for", "2h"), "either an SLA or labels"),
        (("silence", "s", "--for", "2h", "--sla", "x", "--from", "2026-01-01"), "has no time zone"),
        (("unsilence", "none"), "there is no silence 'none'"),
    ],
)
def test_what_cannot_be_is_refused(words: tuple[str, ...], reason: str, store: Store) -> None:
    result = call(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.output.replace("\n", " ")


def test_a_receiver_that_is_not_there_may_be_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HOOK", json.dumps({"conn_type": "http", "host": "127.0.0.1", "port": 1}))
    monkeypatch.setattr("socket.socket.connect", _refused)
    said(*SET)
    result = call("test", "ops")
    assert result.exit_code == 75
    assert "the receiver did not answer" in result.output


def _refused(*_: object) -> None:
    raise ConnectionRefusedError
