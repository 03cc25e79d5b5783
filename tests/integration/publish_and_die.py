"""Publishes a batch in a process of its own that kills itself at a given point, as ``kill -9`` would.

    python -m tests.integration.publish_and_die SERVERS TOPIC BATCH OFFSETS COUNT POINT PREFIX

``POINT`` is a number (after so many messages, with some of them on the broker already), ``before-commit``
or ``after-commit``. ``PREFIX`` is the connection's ``transactional.id``. A transaction holds ``AT_ONCE``
messages.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator

from confluent_kafka import Producer

from foresight.messaging import Message, Publication, connection, publish, sender

AT_ONCE = 2000


def batch_of(count: int) -> list[Message]:
    """The messages of the test's batch, the same each time."""
    return [Message(f"m{number}", f"key-{number}".encode(), b"x" * 200) for number in range(count)]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _until(messages: list[Message], point: str) -> Iterator[Message]:
    for number, message in enumerate(messages):
        if str(number) == point:
            time.sleep(0.5)  # what was handed over is on its way or there
            _die()
        yield message


def main() -> None:
    """Publishes, and dies on the way."""
    servers, topic, batch, offsets, count, point, prefix = sys.argv[1:]

    class DyingProducer(Producer):
        def commit_transaction(self, timeout: float = -1) -> None:
            if point == "before-commit":
                _die()
            super().commit_transaction(timeout)
            if point == "after-commit":
                _die()

    connection.Producer = DyingProducer  # type: ignore[misc]
    sender.TRANSACTION_MESSAGES = AT_ONCE  # type: ignore[misc]
    config = {"bootstrap.servers": servers, "transactional.id": prefix}
    start = {int(partition): offset for partition, offset in json.loads(offsets).items()}
    publish(config, topic, _until(batch_of(int(count)), point), Publication(batch, start))
    print("published")


if __name__ == "__main__":
    main()
