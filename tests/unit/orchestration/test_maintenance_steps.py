"""What maintenance takes away, and what it leaves."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from foresight.orchestration.maintenance_steps import TABLES, clear_staging
from foresight.store.tables import metadata
from foresight.store.tables.base import define
from foresight.telemetry.catalogue import Retention

DUE = datetime(2026, 11, 22, 3, 20, tzinfo=UTC)
DAY = 86_400
CONTEXT: dict[str, Any] = {
    "dag_run": SimpleNamespace(run_id="r", run_after=DUE, data_interval_end=DUE, partition_key=None),
    "params": {"as_of": None, "staging_days": 2},
}


def put(folder: Path, name: str, days_old: float) -> Path:
    """A file, with its folder, last written so many days before the run was due."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_bytes(b"x")
    age(days_old, file, folder)
    return file


def age(days_old: float, *paths: Path) -> None:
    for path in paths:
        os.utime(path, (DUE.timestamp() - days_old * DAY,) * 2)


@pytest.fixture
def staged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FORESIGHT_STAGING", tmp_path.as_uri())
    return tmp_path


def test_every_table_that_has_a_time_is_in_one_grain() -> None:
    timed = [table.name for table in metadata.sorted_tables if table.info["kept_by"] is not None]
    assert sorted(timed) == sorted(chain.from_iterable(TABLES.values()))


def test_every_table_has_a_retention_class_or_says_why_it_stays() -> None:
    classes = set(chain.from_iterable(TABLES.values()))
    for table in metadata.sorted_tables:
        assert (table.name in classes) != bool(table.info["stays"]), table.name


def test_a_table_without_either_is_refused() -> None:
    for given in ({}, {"kept_by": "as_of", "stays": "for ever"}):
        with pytest.raises(ValueError, match=r"table odd says either by what time its rows go or why"):
            define("odd", comment="An odd one", **given)  # type: ignore[arg-type]


def test_every_grain_of_the_catalogue_has_tables() -> None:
    assert set(Retention.model_fields) == set(TABLES)


def test_old_files_go_with_what_killed_tasks_left_and_young_ones_stay(staged: Path) -> None:
    folder = staged / "dag" / "run"
    gone = [put(folder, "a.parquet", 2.1), put(folder, ".b.17.part", 2.1)]
    stays = [put(folder, "c.parquet", 1.9), put(folder, ".d.18.part", 1.9), put(folder, "report.json", 9)]
    assert clear_staging(CONTEXT) == 2
    assert not any(file.exists() for file in gone)
    assert all(file.exists() for file in stays)


def test_folders_go_when_they_are_empty_and_nothing_came_for_as_long(staged: Path) -> None:
    put(staged / "dag" / "old", "a.parquet", 3)
    (staged / "dag" / "young").mkdir()
    (staged / "other" / "run" / "deep").mkdir(parents=True)
    age(3, *(staged / "other").rglob("*"), staged / "other", staged / "dag")
    age(1, staged / "dag" / "young")
    clear_staging(CONTEXT)
    assert sorted(path.relative_to(staged).as_posix() for path in staged.rglob("*")) == ["dag", "dag/young"]


def test_where_nothing_was_staged_yet_nothing_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORESIGHT_STAGING", (tmp_path / "nowhere").as_uri())
    assert clear_staging(CONTEXT) == 0
