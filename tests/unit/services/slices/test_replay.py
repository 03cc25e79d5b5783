"""Files of performance data: onto the topic with times of their own or of now, and from a run of the DAG."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from foresight.errors import InvalidDocument
from foresight.orchestration.slices.replay import replay as replay_step
from foresight.services.slices import replay as slice_replay
from foresight.slices.recording import simulate
from foresight.slices.replay import write_recording
from foresight.store import Store
from foresight.store import tables as stored
from tests.unit.slice_runs import DATA, NOW, PERIODS, context, rows, run_once, sent

GIVEN = {"file": "pm.csv", "mode": "rehearse", "ends_now": False, "snssai": "01-B989BD", "cu": "cucpserver1"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FORESIGHT_CONFIG", str(tmp_path))
    (tmp_path / "replay").mkdir()
    return tmp_path / "replay"


def test_a_wide_table_sent_for_real_ends_now_and_is_decided_on(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path
) -> None:
    import pandas as pd

    frame = pd.read_parquet(DATA / "train_s1.parquet").head(PERIODS)
    frame.to_csv(tmp_path / "wide.csv", index=False)
    found = slice_replay.send(store, broker, tmp_path / "wide.csv", NOW)
    assert (found.n_messages, found.n_configured) == (PERIODS, 11)
    counts = run_once()
    assert (counts.get("letters", 0), counts["outcome ready"]) == (0, 11)
    newest = max(row.period_start for row in rows(store, stored.slice_measurement))
    assert newest.timestamp() == NOW - 900
    assert sent(broker)


@pytest.mark.parametrize("name", ["pm.csv", "pm.jsonl"])
def test_a_recording_of_long_ago_can_be_sent_as_if_it_ended_now(
    broker: dict[str, str], store: Store, folder: Path, name: str
) -> None:
    write_recording(simulate(3, PERIODS, start=1_600_000_200), folder / name)
    replay_step(context(**GIVEN | {"file": name, "mode": "send", "ends_now": True}))
    run_once()
    assert len(rows(store, stored.slice_measurement)) == 3 * PERIODS
    newest = max(row.period_start for row in rows(store, stored.slice_measurement))
    assert newest.timestamp() == NOW - 900


def test_a_file_that_is_sent_twice_is_stored_once(broker: dict[str, str], store: Store, folder: Path) -> None:
    write_recording(simulate(3, PERIODS, start=NOW - PERIODS * 900), folder / "pm.csv")
    for _ in range(2):
        assert replay_step(context(**GIVEN | {"mode": "send"}))["events sent"] == str(PERIODS)
    assert run_once()["messages"] == 2 * PERIODS
    assert len(rows(store, stored.slice_measurement)) == 3 * PERIODS


def test_a_rehearsal_tells_what_would_be_done_and_stores_and_sends_nothing(
    broker: dict[str, str], store: Store, champion: str, folder: Path
) -> None:
    shutil.copy(DATA / "train_s1.parquet", folder / "published.parquet")
    told = replay_step(context(**GIVEN | {"file": "published.parquet"}))
    assert told["model"] == champion
    assert told["predicted"] == f"{11 * 10_836} (11 cells, 10840 periods)"
    assert told["would be sent"].endswith("limits broken: 0")
    assert rows(store, stored.slice_prediction) == rows(store, stored.slice_measurement) == []
    assert sent(broker) == ()


@pytest.mark.parametrize("name", ["../secret.csv", "/etc/passwd", "a/b.csv", "model.h5", ".."])
def test_a_run_can_name_files_of_its_folder_only(store: Store, folder: Path, name: str) -> None:
    with pytest.raises(InvalidDocument, match="parameter file"):
        replay_step(context(**GIVEN | {"file": name}))
