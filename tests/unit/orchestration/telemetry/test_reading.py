"""The first steps of a run: when they read, what they go on with, and what they say about it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowRescheduleException

from foresight.errors import BadAnswer
from foresight.grid import Grid
from foresight.orchestration.telemetry import reading
from foresight.orchestration.telemetry.artifacts import load
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services.slas import ActiveSlas
from foresight.telemetry.catalogue import WatchedMetric
from foresight.telemetry.source import Description, Discovery, Extraction, Shard

CATALOGUE = "metrics: [{name: a, metric: a}, {name: b, metric: b}, {name: bad, metric: bad}]"
KEYS = {name: (SeriesKey.of(name, {"i": "0"}), SeriesKey.of(name, {"i": "1"})) for name in "ab"}


@dataclass
class Source:
    """Knows two series of two entries, refuses one entry, and answers in part."""

    settle_seconds: float = 0.0
    n_extractions: int = 0
    asked: list[str] = field(default_factory=list)

    def describe(self) -> Description:
        return Description("fake", "here", "1")

    def discover(self, entry: WatchedMetric, grid: Grid) -> Discovery:
        self.asked.append(entry.name)
        if entry.name == "bad":
            raise BadAnswer("err-mimir-max-chunks-per-query")
        return Discovery(KEYS[entry.name], ("store 3 is away",) if entry.name == "b" else ())

    def extract(self, shard: Shard) -> Extraction:
        self.n_extractions += 1
        values = np.ones((len(shard), shard.grid.n_slots))
        counts = {name: np.zeros(len(shard), np.int64) for name in Extraction.COUNTS}
        matrix = SeriesMatrix(shard.keys, shard.grid, values)
        missing = tuple(key for key in shard.keys if key == KEYS["b"][1])
        partial = {"b": ("half of it",)} if missing else {}
        return Extraction(matrix, counts, missing, partial=partial, remarks={"a": ("odd quantile",)})


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    (tmp_path / "catalogue.yaml").write_text(CATALOGUE)
    monkeypatch.setenv("FORESIGHT_CONFIG", str(tmp_path))
    monkeypatch.setenv("FORESIGHT_STAGING", tmp_path.as_uri())
    made = Source()
    monkeypatch.setattr(reading, "open_telemetry", lambda: made)
    monkeypatch.setattr(reading, "results", lambda: None)
    monkeypatch.setattr(reading, "in_use", lambda *_: None)
    monkeypatch.setattr(reading, "in_use_table", lambda _: pa.table({"version": ["shipped"]}))
    monkeypatch.setattr(reading, "list_slas", lambda _: ActiveSlas([], {}))
    return made


def run_at(due: datetime) -> dict[str, Any]:
    run = SimpleNamespace(
        dag_id="telemetry_analysis",
        run_id="one",
        run_after=due,
        data_interval_end=due,
        partition_key=None,
    )
    params = {"as_of": None, "metrics": None, "series_per_shard": 100}
    return {"dag_run": run, "params": params, "ti": SimpleNamespace(try_number=1, max_tries=3)}


def at(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def test_a_run_waits_without_a_worker_until_its_last_slot_has_settled(source: Source) -> None:
    as_of = int(time.time()) // 60 * 60
    source.settle_seconds = 600.0
    with pytest.raises(AirflowRescheduleException) as caught:
        reading.plan_run(run_at(at(as_of)))
    assert caught.value.reschedule_date == at(as_of + 600)
    assert source.asked == []


def test_an_entry_may_ask_for_a_delay_of_its_own(source: Source, tmp_path: Path) -> None:
    as_of = int(time.time()) // 60 * 60
    (tmp_path / "catalogue.yaml").write_text("metrics: [{name: a, metric: a, settle: 10m}]")
    with pytest.raises(AirflowRescheduleException) as caught:
        reading.plan_run(run_at(at(as_of)))
    assert caught.value.reschedule_date == at(as_of + 600)


def test_a_run_that_is_late_by_itself_does_not_wait_and_keeps_its_instant(source: Source) -> None:
    source.settle_seconds = 600.0
    [artifact] = reading.plan_run(run_at(at(1_700_000_040)))
    assert artifact["about"]["as_of"] == 1_700_000_040


def test_what_is_lacking_is_handed_over_with_its_reasons(source: Source) -> None:
    [artifact] = reading.plan_run(run_at(at(1_700_000_040)))
    assert artifact["about"]["refused"] == {"bad": "err-mimir-max-chunks-per-query"}
    assert artifact["about"]["partial"] == {"b": ("store 3 is away",)}


def test_a_partial_answer_goes_on_at_once_and_is_said_to_be_one(source: Source) -> None:
    context = run_at(at(1_700_000_040))
    [artifact] = reading.plan_run(context)
    extracted = reading.extract_shard(context, artifact)
    assert (extracted["is_complete"], source.n_extractions) == (False, 1)
    assert extracted["partial"] == {"b": ("half of it",)}
    assert extracted["remarks"] == {"a": ("odd quantile",)}
    table = load(extracted["matrix"])
    assert table.column("is_missing").to_pylist() == [False, False, False, True]
