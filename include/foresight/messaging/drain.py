"""Reads what is on a topic since stored offsets, up to the end seen at the start.

No group, nothing committed: the caller stores the offsets that it gets back in one transaction with what it
made of the messages, and the next drain begins there. So nothing is lost or read twice, whatever dies in
between.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE
from confluent_kafka import Message as Record

from foresight.errors import BrokerUnavailable
from foresight.messaging.connection import ClientConfig, Connection
from foresight.messaging.messages import Headers, headers_of
from foresight.messaging.reading import SpanReader
from foresight.messaging.topics import Span, offset_spans

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """One message with its origin; ``timestamp_ms`` is epoch milliseconds, None where the topic has none."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def origin(self) -> str:
        """``topic:partition:offset``, which names it for good."""
        return f"{self.topic}:{self.partition}:{self.offset}"

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.key or b"") + len(self.value or b"")


@dataclass(frozen=True, slots=True)
class Gap:
    """The stored offset could not be used: reading went on at ``resumed`` instead of at ``wanted``.

    ``resumed > wanted``: retention deleted what lies between, unread. ``resumed < wanted``: the topic ends
    before ``wanted``, so it was made anew, and is read from its beginning.
    """

    partition: int
    wanted: int
    resumed: int

    def __str__(self) -> str:
        if self.resumed > self.wanted:
            lost = f"offsets {self.wanted} to {self.resumed - 1}"
            return f"partition {self.partition}: {lost} were deleted before they were read"
        return (
            f"partition {self.partition}: made anew, it ends before {self.wanted}; read from {self.resumed}"
        )


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain read: each partition in its order, and per partition the offset to go on from."""

    messages: tuple[Received, ...]
    offsets: dict[int, int]
    gaps: tuple[Gap, ...]
    remaining: int
    """Offsets between ``offsets`` and the end seen at the start: 0 unless a bound stopped the drain."""


def drain(
    config: ClientConfig,
    topic: str,
    offsets: Mapping[int, int],
    *,
    until: Mapping[int, int] | None = None,
    max_messages: int = 100_000,
    max_bytes: int = 256 * 1024 * 1024,
    seconds: float = 60.0,
) -> Drained:
    """Messages from ``offsets`` on; a partition that is not among them is read from its beginning.

    Stops at the end seen at the start, at ``until`` where that is before it (a partition not among these is
    not read), or at the first bound (always after one message at least). Messages
    of transactions that are still open wait for a later drain. Raises ``BrokerUnavailable`` when nothing
    could be read although something is there, ``NotFound`` for an unknown topic.
    """
    connection = Connection(config)
    held = offset_spans(connection, topic, committed=True)
    gaps = tuple(gap for number, span in held.items() if (gap := _gap(number, span, offsets)) is not None)
    for gap in gaps:
        _log.error("topic %s, %s", topic, gap)
    jumps = {gap.partition: gap.resumed for gap in gaps}
    starts = {number: jumps.get(number, offsets.get(number, span.start)) for number, span in held.items()}
    ends = {number: span.end for number, span in held.items()}
    if until is not None:
        ends = {number: min(end, until.get(number, starts[number])) for number, end in ends.items()}
    spans = {number: Span(start, max(start, ends[number])) for number, start in starts.items()}
    drained = _read(SpanReader(connection, topic, spans, seconds), topic, spans, max_messages, max_bytes)
    if drained.remaining and not drained.messages and drained.offsets == starts:
        raise BrokerUnavailable(
            f"topic {topic} at {connection.servers}: none of {drained.remaining} messages could be read "
            f"within {seconds:g} s"
        )
    _log.info("topic %s: %d messages read, %d offsets left", topic, len(drained.messages), drained.remaining)
    return Drained(drained.messages, drained.offsets, gaps, drained.remaining)


def _gap(number: int, held: Span, offsets: Mapping[int, int]) -> Gap | None:
    wanted = offsets.get(number, held.start)
    return None if held.start <= wanted <= held.end else Gap(number, wanted, held.start)


def _read(
    reader: SpanReader, topic: str, spans: Mapping[int, Span], max_messages: int, max_bytes: int
) -> Drained:
    positions = {number: span.start for number, span in spans.items()}
    messages: list[Received] = []
    n_bytes = 0
    for record in reader:
        message = _received(topic, record)
        n_bytes += message.size
        if messages and (len(messages) >= max_messages or n_bytes > max_bytes):
            break
        messages.append(message)
        positions[message.partition] = message.offset + 1
    for number in spans.keys() - reader.unfinished:
        positions[number] = spans[number].end  # what follows the last message is markers and compacted ones
    remaining = sum(span.end - positions[number] for number, span in spans.items())
    return Drained(tuple(messages), positions, (), remaining)


def _received(topic: str, record: Record) -> Received:
    kind, timestamp = record.timestamp()
    return Received(
        topic,
        cast("int", record.partition()),
        cast("int", record.offset()),
        None if kind == TIMESTAMP_NOT_AVAILABLE else timestamp,
        record.key(),
        record.value(),
        headers_of(record),
    )
