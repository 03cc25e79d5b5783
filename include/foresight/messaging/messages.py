"""One message as this house sends it, and the two headers by which it is found again."""

from __future__ import annotations

from typing import Final, NamedTuple

from confluent_kafka import Message as Record

ID_HEADER: Final = "id"
BATCH_HEADER: Final = "batch"
BY_KEY: Final = -1

HEADER_FRAME: Final = 10
"""Two lengths of up to five bytes each."""

Headers = tuple[tuple[str, bytes | None], ...]


def header_bytes(headers: Headers) -> int:
    """Bytes that headers take in a message, with what frames each of them."""
    return sum(len(name.encode()) + len(value or b"") + HEADER_FRAME for name, value in headers)


def headers_of(record: Record) -> Headers:
    """The headers of a record as it came; names may repeat."""
    headers = record.headers()
    return tuple(headers) if headers else ()  # type: ignore[arg-type] # bytes or None, as they come


class Message(NamedTuple):
    """One message; ``id`` names it within its batch and must be the same whenever it is built again.

    Headers ``id`` and ``batch`` are added when it is sent, after those given here. Its key says which
    partition it goes to, unless ``partition`` does.
    """

    id: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int = BY_KEY

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        return len(self.key or b"") + len(self.value or b"") + header_bytes(self.headers)
