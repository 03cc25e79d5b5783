"""Looking at a topic again and again costs no new clients."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import Producer

from foresight.errors import ForesightError
from foresight.messaging import TopicWatch, end_offsets
from foresight.messaging.connection import Connection


def test_many_looks_use_the_same_two_clients(
    config: dict[str, str], topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    usual = Connection._make

    def counted(self: Connection, kind: Any, *settings: Any) -> Any:
        made.append(kind.__name__)
        return usual(self, kind, *settings)

    monkeypatch.setattr(Connection, "_make", counted)
    watch = TopicWatch(config, topic)
    producer = Producer(config)
    for number in range(5):
        producer.produce(topic, b"x", partition=0)
        producer.flush(10)
        assert watch.ends()[0] == number + 1
    assert made == ["AdminClient", "Consumer"]
    assert watch.ends() == end_offsets(config, topic)
    watch.close()


def test_after_an_error_clients_are_made_anew(config: dict[str, str], topic: str) -> None:
    watch = TopicWatch(config, topic + ".unknown")
    with pytest.raises(ForesightError):
        watch.ends(seconds=1)
    assert watch._clients is None
