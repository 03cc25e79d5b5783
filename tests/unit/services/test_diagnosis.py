"""What the doctor says of parts that are wrong by themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.grid import Grid
from foresight.matchers import matching
from foresight.series import SeriesKey
from foresight.services.diagnosis import CHECKS, Verdict
from foresight.services.telemetry_checks import entry_notes
from foresight.store import migrate, open_store
from foresight.store.intervals import save_analysed_interval
from foresight.telemetry.catalogue import WatchedMetric, load_catalogue
from foresight.telemetry.source import Description, Discovery, EntryUnavailable, Extraction, Shard
from foresight.wiring.installation import this_installation

CATALOGUE = "metrics: [{name: broken, query: 'sum(('}, {name: gone, metric: gone}, {name: up, metric: up}]"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Picky:
    """A source that refuses one entry and knows another."""

    settle_seconds = 0.0

    def describe(self) -> Description:
        return Description("picky", "here", "1", ())

    def discover(self, entry: WatchedMetric, grid: Grid) -> Discovery:
        if entry.name == "broken":
            raise BadAnswer("parse error")
        return Discovery((SeriesKey.of(entry.name, {}),) if entry.name == "up" else ())

    def extract(self, shard: Shard) -> Extraction:
        raise NotImplementedError


def test_an_entry_that_the_source_refuses_is_named_and_the_others_are_looked_at(
    tmp_path: Path,
) -> None:
    (tmp_path / "catalogue.yaml").write_text(CATALOGUE)
    catalogue = load_catalogue(tmp_path / "catalogue.yaml")
    given = replace(this_installation(), catalogue=lambda: catalogue, source=Picky)
    found = list(CHECKS["telemetry"](given, NOW))
    assert [finding.verdict for finding in found] == [Verdict.RIGHT, Verdict.NOTE, Verdict.NOTE]
    assert "broken is left out of every run: parse error" in found[1].text
    assert "gone matches nothing" in found[2].text


class Held(Picky):
    """A source that holds series of one metric since some instant."""

    def __init__(self, *labels: dict[str, str], since: int = 0, partial: tuple[str, ...] = ()) -> None:
        self.keys = tuple(SeriesKey.of("up", given) for given in labels)
        self.since, self.partial = since, partial

    def discover(self, entry: WatchedMetric, grid: Grid) -> Discovery:
        if entry.name == "slow":
            raise EntryUnavailable("timed out")
        is_there = entry.metric == "up" and grid.as_of > self.since
        chosen = matching(self.keys, entry.conditions).tolist() if is_there else []
        return Discovery(tuple(self.keys[row] for row in chosen), self.partial)


def notes(source: Held, **entry: object) -> list[str]:
    watched = WatchedMetric.model_validate({"name": "up", "metric": "up"} | entry)
    return list(entry_notes(source, watched, int(NOW.timestamp())))


def test_a_job_of_another_name_is_told() -> None:
    source = Held({"job": "node", "instance": "a"}, {"job": "node", "instance": "b"})
    [note] = notes(source, matchers={"job": "host"})
    assert note == "up matches nothing: exists with job=node, not job=host"


def test_only_the_labels_that_differ_are_told_and_not_all_of_their_values() -> None:
    source = Held(*({"job": f"node-{i}", "env": "prod"} for i in range(8)), {"env": "prod"})
    [note] = notes(source, matchers={"job": {"regex": "host.*"}, "env": "prod"})
    assert "exists with job=node-0, job=node-1" in note
    assert "and 4 more, not job=~host.*" in note
    assert "env" not in note
    [note] = notes(Held({"env": "prod"}), matchers={"job": "host"})
    assert "exists with no label job, not job=host" in note


def test_matchers_that_exclude_each_other_and_a_metric_that_is_not_there_are_told_apart() -> None:
    source = Held({"job": "host", "env": "test"}, {"job": "node", "env": "prod"})
    [note] = notes(source, matchers={"job": "host", "env": "prod"})
    assert "each matcher lets some of its 2 series through" in note
    [note] = notes(source, metric="down")
    assert "the source has no metric down in the last 720 minutes" in note


def test_a_young_prometheus_is_told_until_when_its_series_are_short() -> None:
    began = int(NOW.timestamp()) - 600
    [note] = notes(Held({}, since=began))
    assert note.startswith("up: its samples began less than 30 minutes ago")
    assert "short until 00:30 UTC" in note
    assert notes(Held({}, since=began - 1800)) == []


def test_what_an_entry_lacks_is_told() -> None:
    assert notes(Held({}, partial=("store 3 is away",))) == ["up may lack series: store 3 is away"]
    assert notes(Held({"i": "1"}, {"i": "2"}), max_series=1)[0].endswith("1 beyond max_series are left out")
    assert notes(Held(), name="slow") == ["slow is left out of every run: timed out"]


@pytest.mark.parametrize(
    ("dags", "words"),
    [
        ({}, "knows no DAG yet"),
        ({"maintenance": False, "sla_evaluation": False}, "does not know telemetry_analysis"),
        (
            {"maintenance": False, "sla_evaluation": True, "telemetry_analysis": False},
            "sla_evaluation is paused, so it never runs: airflow dags unpause sla_evaluation",
        ),
    ],
)
def test_dags_that_do_not_run_are_told(dags: dict[str, bool], words: str) -> None:
    found = list(CHECKS["dags"](replace(this_installation(), dags=lambda: dags), NOW))
    assert words in found[-1].text
    assert found[-1].verdict is Verdict.NOTE


def test_an_airflow_that_cannot_be_asked_is_a_note() -> None:
    def unreachable() -> dict[str, bool]:
        raise SourceUnavailable("no such table: dag")

    [found] = CHECKS["dags"](replace(this_installation(), dags=unreachable), NOW)
    assert (found.verdict, found.text) == (Verdict.NOTE, "no such table: dag")


def test_what_the_newest_run_left_out_is_told(tmp_path: Path) -> None:
    store = open_store(URL.create("sqlite", database=str(tmp_path / "results.db")))
    migrate(store)

    def save(as_of: int, report: dict[str, object]) -> None:
        def work(connection: Connection) -> None:
            save_analysed_interval(
                connection,
                as_of,
                "catalogue",
                is_complete=False,
                n_planned=1,
                n_stored=1,
                n_quarantined=0,
                report=report,
            )

        store.transact(work)

    save(600, {"refused": {"old": "gone by now"}})
    save(1200, {"refused": {"a": "422"}, "partial": {"b": ["half"]}, "remarks": {"c": ["odd quantile"]}})
    found = list(CHECKS["results"](replace(this_installation(), store=lambda: store), NOW))
    texts = [finding.text for finding in found]
    assert "the newest run left a out: 422" in texts
    assert "in the newest run b was partial: half" in texts
    assert "remarks of the newest run on c: odd quantile" in texts
    assert not any("gone by now" in text for text in texts)


@pytest.mark.parametrize(
    ("pattern", "is_mine"),
    [
        ("foresight_x", True),
        (r"foresight\_x", True),
        ("fore%", True),
        ("%", True),
        (r"fore\%", False),
        ("foresight", False),
        ("foresight.x", False),
    ],
)
def test_grants_on_schemas_are_patterns(pattern: str, is_mine: bool) -> None:
    from foresight.services.database_checks import _is_like

    assert _is_like("foresight_x", pattern) is is_mine
