"""The watcher fires once for what is new, and waits where there is nothing to see."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from confluent_kafka import Producer

from foresight.messaging import ensure_topic
from foresight.orchestration.slices.topic_watcher import TopicWatcher

_numbers = itertools.count()


def send(broker: dict[str, str], topic: str, n: int) -> None:
    producer = Producer(broker)
    for number in range(n):
        producer.produce(topic, str(number))
    assert producer.flush(10) == 0


async def ring(bell: AsyncIterator[Any], seconds: float) -> dict[str, int] | None:
    """Where the topic ended at the next ring; None where none comes in time."""
    try:
        event = await asyncio.wait_for(anext(bell), seconds)
    except TimeoutError:
        return None
    ends: dict[str, int] = event.payload["ends"]
    return ends


def test_it_rings_at_once_and_then_once_for_many_messages(broker: dict[str, str]) -> None:
    topic = f"topic-{next(_numbers)}"
    ensure_topic(broker, topic)

    async def listen() -> list[int]:
        bell = TopicWatcher(topic, pause_seconds=0.2).run()
        heard = [await ring(bell, 10)]
        send(broker, topic, 500)
        heard.append(await ring(bell, 10))
        return [sum(ends.values()) for ends in heard if ends is not None]

    assert asyncio.run(listen()) == [0, 500]


def test_it_is_silent_while_nothing_comes(broker: dict[str, str]) -> None:
    topic = f"topic-{next(_numbers)}"
    ensure_topic(broker, topic)

    async def listen() -> Any:
        bell = TopicWatcher(topic, pause_seconds=0.05).run()
        await ring(bell, 10)
        return await ring(bell, 1)

    assert asyncio.run(listen()) is None


def test_a_cluster_that_is_away_does_not_end_it(
    monkeypatch: pytest.MonkeyPatch, broker: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    from foresight.errors import BrokerUnavailable
    from foresight.orchestration.slices import topic_watcher as topic_watcher_module

    answers: Iterator[Any] = iter([BrokerUnavailable("away"), BrokerUnavailable("away"), {"0": 7}])

    def ends(_: str) -> dict[str, int]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        found: dict[str, int] = answer
        return found

    monkeypatch.setattr(topic_watcher_module, "_ends", ends)

    async def listen() -> Any:
        return await ring(TopicWatcher("topic", pause_seconds=0.01).run(), 10)

    assert asyncio.run(listen()) == {"0": 7}
    assert [record.message for record in caplog.records] == ["the watcher of topic sees nothing: away"]


def test_the_triggerer_can_make_it_anew() -> None:
    path, given = TopicWatcher("topic", 0.7).serialize()
    module, _, name = path.rpartition(".")
    assert (module, name) == (TopicWatcher.__module__, "TopicWatcher")
    assert TopicWatcher(**given).serialize() == (path, given)
