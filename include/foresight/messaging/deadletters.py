"""What could not be read, set aside: the original as it came, with the reason and where it came from."""

from __future__ import annotations

from typing import Final

from foresight.messaging.drain import Received
from foresight.messaging.messages import Message

PREFIX: Final = "dead-letter."
MAX_VALUE_BYTES: Final = 900_000
"""A longer value is cut, or the broker might refuse the letter and so block every message behind it."""
_MAX_REASON: Final = 4000


def dead_letter(received: Received, reason: str) -> Message:
    """The letter for one message: key, value and headers intact, the rest in headers of its own.

    ``dead-letter.reason``, ``.topic``, ``.partition``, ``.offset``, ``.timestamp-ms`` (where known), and
    ``.cut-from`` (the original's bytes) where the value had to be cut. Its id is the origin, so a drain
    that is repeated makes the same letter again.
    """
    facts: dict[str, object | None] = {
        "reason": reason[:_MAX_REASON],
        "topic": received.topic,
        "partition": received.partition,
        "offset": received.offset,
        "timestamp-ms": received.timestamp_ms,
        "cut-from": len(received.value) if received.value and len(received.value) > MAX_VALUE_BYTES else None,
    }
    headers = tuple((PREFIX + name, str(fact).encode()) for name, fact in facts.items() if fact is not None)
    value = None if received.value is None else received.value[:MAX_VALUE_BYTES]
    return Message(received.origin, received.key, value, received.headers + headers)
