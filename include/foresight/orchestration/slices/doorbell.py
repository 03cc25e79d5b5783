"""The door bell of ``slice_prediction``: rings when something new is on a topic, and says nothing else.

It looks where the topic ends and reads no message, so it belongs to no consumer group, commits nothing and
can lose nothing: the run that it starts reads from offsets of its own. Many messages are one ring.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from foresight.errors import ForesightError

log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 15.0


class TopicDoorbell(BaseEventTrigger):
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
                    log.warning("the door bell of %s hears nothing: %s", self.topic, complaint)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                complaint, pause = "", self.pause_seconds
                if found != seen:
                    seen = found
                    yield TriggerEvent({"topic": self.topic, "ends": found})  # type: ignore[no-untyped-call] # as shipped
            await asyncio.sleep(pause)


def _ends(topic: str) -> dict[str, int]:
    """Where each partition ends now."""
    from foresight.messaging import end_offsets
    from foresight.wiring.connections import kafka_config

    return {str(number): end for number, end in end_offsets(kafka_config(), topic).items()}
