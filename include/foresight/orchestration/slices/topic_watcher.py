"""The watcher of ``slice_prediction``: it fires when a topic has something new, and carries nothing else.

It looks where the topic ends and reads no message, so it belongs to no consumer group, commits nothing and
can lose nothing: the run that it starts reads from offsets of its own. Many messages are one ring.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from foresight.errors import ForesightError

if TYPE_CHECKING:
    from foresight.messaging import TopicWatch

log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 15.0


class TopicWatcher(BaseEventTrigger):
    """Rings at once, for what came while nobody listened, and then whenever the topic's end has moved.

    ``pause_seconds`` lie between two looks; they grow while the cluster or the topic cannot be reached.
    """

    def __init__(self, topic: str, pause_seconds: float = 0.5) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow ships it without types
        self.topic = topic
        self.pause_seconds = pause_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How the triggerer makes it anew."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"topic": self.topic, "pause_seconds": self.pause_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event a ring; ends with the triggerer only."""
        seen: dict[str, int] | None = None
        complaint, pause = "", self.pause_seconds
        look = sync_to_async(_ends, thread_sensitive=False)  # a cluster that hangs holds up its own bell only
        while True:
            try:
                found = await look(self.topic)
            except ForesightError as error:
                if str(error) != complaint:
                    complaint = str(error)
                    log.warning("the watcher of %s sees nothing: %s", self.topic, complaint)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                complaint, pause = "", self.pause_seconds
                if found != seen:
                    seen = found
                    yield TriggerEvent({"topic": self.topic, "ends": found})  # type: ignore[no-untyped-call] # as shipped
            await asyncio.sleep(pause)


def _ends(topic: str) -> dict[str, int]:
    """Where each partition ends now; asked by clients that stay from look to look."""
    from foresight.wiring.connections import kafka_config

    watch = _watch(topic, frozenset(kafka_config().items()))
    return {str(number): end for number, end in watch.ends().items()}


@lru_cache(maxsize=8)
def _watch(topic: str, config: frozenset[tuple[str, Any]]) -> TopicWatch:
    from foresight.messaging import TopicWatch

    return TopicWatch(dict(config), topic)
