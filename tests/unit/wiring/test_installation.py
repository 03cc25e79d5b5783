"""The name of an installation: part of topics, transactional ids and locks; empty by default."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foresight.errors import FinalError
from foresight.messaging import topic_of_ours
from foresight.wiring.connections import kafka_config, open_results
from foresight.wiring.stores import STORES


@pytest.fixture(autouse=True)
def _home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    STORES.close()
    kafka = {"conn_type": "kafka", "extra": {"bootstrap.servers": "127.0.0.1:1"}}
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA", json.dumps(kafka))


def test_without_a_name_everything_is_called_as_it_was() -> None:
    assert topic_of_ours(kafka_config(), "sla-events") == "sla-events"
    assert open_results().installation == ""


def test_with_a_name_topics_and_locks_carry_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORESIGHT_INSTALLATION", "east")
    assert topic_of_ours(kafka_config(), "sla-events") == "east.sla-events"
    STORES.close()
    assert open_results().installation == "east"


@pytest.mark.parametrize("name", ["a.b", "a b", "a:b", "ä", "a" * 33])
def test_a_name_that_topics_cannot_carry_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("FORESIGHT_INSTALLATION", name)
    with pytest.raises(FinalError, match="FORESIGHT_INSTALLATION"):
        kafka_config()
