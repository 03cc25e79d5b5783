"""The commands for publications, streams and dead letters."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import Connection
from typer.testing import CliRunner, Result

from foresight.cli import app
from foresight.services.publications import LOCK, WHOLE, open_publication
from foresight.store import save_publication
from foresight.store.scoring import open_batch
from foresight.store.slices import save_offsets
from foresight.wiring.connections import open_results

AS_OF = "1970-01-01T00:10:00Z"


@pytest.fixture(autouse=True)
def _stored(home: Path) -> None:
    fields = {"offsets": {"0": 5}, "until": {"0": 9}, "model_name": "iris", "model_version": 1, "plan": {}}

    def work(connection: Connection) -> None:
        open_publication(connection, "alerts", 600, WHOLE, is_wanted=True)
        save_publication(
            connection, "alerts", 600, WHOLE, state="set_aside", n_attempts=1, reason="too [large]"
        )
        open_batch(connection, "table:flowers>iris@champion", 1, fields, 1)
        save_offsets(connection, "PM", {0: 7}, 600, "id")

    open_results().transact(work, lock=LOCK)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_publications_are_listed_requeued_and_abandoned() -> None:
    listed = call("publications", "list").output
    assert "set_aside" in listed
    assert "too [large]" in listed
    assert call("publications", "requeue", "alerts", AS_OF, "--why", "larger topic").exit_code == 0
    assert "pending" in call("publications", "list", "--topic", "alerts").output
    assert call("publications", "abandon", "alerts", AS_OF, "--why", "too old").exit_code == 0
    assert "0 publications" in call("publications", "list").output
    assert "1 publications" in call("publications", "list", "--state", "abandoned").output
    history = call("publications", "history").output
    assert "larger topic" in history
    assert "too old" in history


@pytest.mark.parametrize("as_of", ["yesterday", "2026-11-22T13:20:00", "1970-01-01T00:20:00Z"])
def test_a_publication_that_is_not_there_is_an_error(as_of: str) -> None:
    assert call("publications", "requeue", "alerts", as_of, "--why", "x").exit_code == 2


def test_streams_are_listed_skipped_and_reset() -> None:
    listed = call("streams", "list").output
    assert "table:flowers>iris@champion" in listed
    assert "kafka:PM" in listed
    assert "batch 1 is skipped" in call("streams", "skip", "table:flowers>iris@champion", "--why", "x").output
    assert call("streams", "skip", "table:flowers>iris@champion", "--why", "x").exit_code == 2
    done = call("streams", "reset", "table:flowers>iris@champion", "--to", "beginning", "--why", "y")
    assert "goes on from the beginning" in done.output
    assert "reset" in call("streams", "history").output


def test_dead_letters_are_listed_and_named_by_their_origin() -> None:
    assert "0 dead letters" in call("dead-letters", "list").output
    assert call("dead-letters", "abandon", "PM:0:7", "--why", "x").exit_code == 2
    assert call("dead-letters", "abandon", "PM", "--why", "x").exit_code == 2
    assert call("dead-letters", "history").exit_code == 0


def test_no_name_is_cut_however_narrow_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "PERFORMANCE_MEASUREMENTS.dead-letter-of-another-installation"
    open_results().transact(lambda c: open_publication(c, name, 600, WHOLE, is_wanted=True), lock=LOCK)
    monkeypatch.setattr("foresight.cli.console.console._console", Console(width=70))
    listed = call("publications", "list").output
    assert "…" not in listed
    assert name in "".join(line[1:].partition("  ")[0].strip() for line in listed.splitlines())
