"""What could not be read, set aside: the original as it came, with the reason and where it came from."""

from __future__ import annotations

from typing import Final

from foresight.messaging.drain import Received
from foresight.messaging.messages import Headers, Message, header_bytes

PREFIX: Final = "dead-letter."
MAX_LETTER_BYTES: Final = 900_000
"""Bytes of a whole letter: of a longer one the broker might refuse all, and so block every one behind it."""
MAX_KEY_BYTES: Final = 100_000
MAX_HEADER_BYTES: Final = 200_000
"""Bytes of the original's key and headers that go into a letter; the value has what they leave."""
MAX_VALUE_BYTES: Final = MAX_LETTER_BYTES
_ENVELOPE_BYTES: Final = 2_000
"""What is added when a letter is sent (its id and its batch), and what frames a message."""
_MAX_REASON_BYTES: Final = 8_000


def dead_letter(received: Received, reason: str) -> Message:
    """The letter for one message: key, value and headers intact as far as they fit, the rest in headers.

    ``dead-letter.reason``, ``.topic``, ``.partition``, ``.offset``, ``.timestamp-ms`` (where known); where
    something had to be cut, ``.cut-from`` and ``.key-cut-from`` (the original's bytes) and
    ``.headers-cut-from`` (their number). Its id is the origin, so a drain that is repeated makes the same
    letter again.
    """
    key = None if received.key is None else received.key[:MAX_KEY_BYTES]
    kept = _fitting(received.headers)
    facts: dict[str, object | None] = {
        "reason": reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore"),
        "topic": received.topic,
        "partition": received.partition,
        "offset": received.offset,
        "timestamp-ms": received.timestamp_ms,
        "key-cut-from": len(received.key) if received.key != key and received.key else None,
        "headers-cut-from": len(received.headers) if len(kept) < len(received.headers) else None,
    }
    headers = kept + tuple(
        (PREFIX + name, str(fact).encode()) for name, fact in facts.items() if fact is not None
    )
    left = MAX_LETTER_BYTES - _ENVELOPE_BYTES - len(key or b"") - header_bytes(headers)
    value = received.value
    if value is not None and len(value) > left:
        headers += ((f"{PREFIX}cut-from", str(len(value)).encode()),)
        value = value[:left]
    return Message(received.origin, key, value, headers)


def _fitting(headers: Headers) -> Headers:
    """The first headers that take no more than ``MAX_HEADER_BYTES`` together."""
    left, kept = MAX_HEADER_BYTES, []
    for header in headers:
        left -= header_bytes((header,))
        if left < 0:
            break
        kept.append(header)
    return tuple(kept)
