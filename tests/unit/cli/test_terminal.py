"""Watching, and the completion of commands."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from foresight.cli import app
from foresight.services import slas
from foresight.store import Store
from foresight.store.tables import sli_window
from tests.unit.services.test_notifications import CATALOGUE, SLAS
from tests.unit.store.rows import T0, evaluate


def put(store: Store, as_of: int, high: str) -> None:
    """A status with a budget."""
    evaluate(store, as_of, {"high": high, "low": "ok"})
    budget = update(sli_window).values(budget_left_minutes=1.0)
    store.transact(lambda connection: connection.execute(budget))


def test_a_watched_status_is_shown_again_until_ctrl_c(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slas.yaml").write_text(SLAS)
    slas.apply(store, CATALOGUE, [tmp_path / "slas.yaml"], by="test", at=T0)
    put(store, T0, "ok")
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise KeyboardInterrupt
        put(store, T0 + 600, "violated")

    monkeypatch.setattr(time, "sleep", sleep)
    result = CliRunner().invoke(app, ["sla", "status", "shop", "--watch", "5"])
    assert result.exit_code == 0, result.output
    assert slept == [5, 5]
    assert result.stdout.count("SLAs as of") == 2
    assert "violated" in result.stdout.split("SLAs as of")[2]
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize(
    ("typed", "offered"), [("foresight not", "notifications"), ("foresight retrieval s", "serve")]
)
def test_the_shell_completes_commands(typed: str, offered: str) -> None:
    at = str(len(typed.split()) - 1)
    environment = {"_FORESIGHT_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": at}
    result = CliRunner().invoke(app, [], env=environment, prog_name="foresight")
    assert offered in result.stdout.split()


def test_json_of_a_watched_status_is_data_alone(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slas.yaml").write_text(SLAS)
    slas.apply(store, CATALOGUE, [tmp_path / "slas.yaml"], by="test", at=T0)
    put(store, T0, "ok")

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", stop)
    result = CliRunner().invoke(app, ["sla", "status", "shop", "--watch", "5", "--json"])
    assert json.loads(result.stdout)
