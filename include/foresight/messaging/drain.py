"""Reads what is on a topic since stored offsets, up to the end seen at the start.

No group, nothing committed: the caller stores the offsets that it gets back in one transaction with what it
made of the messages, and the next drain begins there. So nothing is lost or read twice, whatever dies in
between.
"""

from __future__ import annotations

import logging
from bisect import bisect
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE
from confluent_kafka import Message as Record

from foresight.errors import BrokerUnavailable
from foresight.messaging.connection import ClientConfig, Connection
from foresight.messaging.messages import Headers, header_bytes, headers_of
from foresight.messaging.reading import SpanReader
from foresight.messaging.topics import Span, identity_of, is_another, offset_spans

MAX_MESSAGES: Final = 100_000
MAX_BYTES: Final = 256 * 1024 * 1024

_log = logging.getLogger(__name__)


class Received(NamedTuple):
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
        """Bytes of key, value and headers."""
        return len(self.key or b"") + len(self.value or b"") + header_bytes(self.headers)


@dataclass(frozen=True, slots=True)
class Gap:
    """The stored offset could not be used: reading went on at ``resumed`` instead of at ``wanted``.

    ``resumed > wanted``: retention deleted what lies between, unread. ``resumed < wanted``: the topic was
    made anew, for it has another id or ends before ``wanted``, and is read from its beginning.
    """

    partition: int
    wanted: int
    resumed: int

    def __str__(self) -> str:
        if self.resumed > self.wanted:
            lost = f"offsets {self.wanted} to {self.resumed - 1}"
            return f"partition {self.partition}: {lost} were deleted before they were read"
        return (
            f"partition {self.partition}: the topic was made anew; read from {self.resumed}, "
            f"and not from {self.wanted}"
        )


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain read: each partition in its order, and per partition the offset to go on from."""

    messages: tuple[Received, ...]
    offsets: dict[int, int]
    gaps: tuple[Gap, ...]
    remaining: int
    """Offsets between ``offsets`` and the end seen at the start: 0 unless a bound stopped the drain."""
    topic_id: str | None = None
    """Identity of the topic, to be stored with the offsets; None where it is not known."""


def drain(
    config: ClientConfig,
    topic: str,
    offsets: Mapping[int, int],
    *,
    topic_id: str | None = None,
    max_messages: int = MAX_MESSAGES,
    max_bytes: int = MAX_BYTES,
    seconds: float = 60.0,
) -> Drained:
    """Messages from ``offsets`` on; a partition that is not among them is read from its beginning.

    ``topic_id`` is what was stored with the offsets: where the topic has another one now, they belong to a
    topic that is gone, and this one is read from its beginning.

    Stops at the end seen at the start, or at the first bound (always after one message at least). Messages
    of transactions that are still open wait for a later drain. Raises ``BrokerUnavailable`` when nothing
    could be read although something is there, ``NotFound`` for an unknown topic.
    """
    with closing(Drain(config, topic)) as one:
        return one.take(
            offsets, topic_id=topic_id, max_messages=max_messages, max_bytes=max_bytes, seconds=seconds
        )


class Drain:
    """Drains a topic part by part; a part that begins where the last one ended costs no new connection."""

    def __init__(self, config: ClientConfig, topic: str) -> None:
        self._connection = Connection(config)
        self._topic = topic
        self._until: Mapping[int, int] | None = None
        self._topic_id: str | None = None
        self._spans: dict[int, Span] = {}
        self._positions: dict[int, int] = {}
        self._reader = SpanReader(self._connection, topic, {}, 0)
        self._lists: Iterator[list[Received]] = iter(())
        self._left: list[Received] = []
        self._goes_on = False

    def take(
        self,
        offsets: Mapping[int, int],
        *,
        topic_id: str | None = None,
        until: Mapping[int, int] | None = None,
        max_messages: int = MAX_MESSAGES,
        max_bytes: int = MAX_BYTES,
        seconds: float = 60.0,
    ) -> Drained:
        """What ``drain`` says, and no further than ``until``, whose partitions alone are read."""
        gaps: tuple[Gap, ...] = ()
        if not self._goes_on or offsets != self._positions or until != self._until:
            gaps = self._begin(offsets, until, topic_id)
        before = dict(self._positions)
        self._reader.allow(seconds)
        messages = self._take(max_messages, max_bytes)
        for number in self._spans.keys() - self._reader.unfinished - {one.partition for one in self._left}:
            # What follows the last message is markers and compacted ones.
            self._positions[number] = self._spans[number].end
        remaining = sum(span.end - self._positions[number] for number, span in self._spans.items())
        if remaining and not messages and self._positions == before:
            raise BrokerUnavailable(
                f"topic {self._topic} at {self._connection.servers}: none of {remaining} messages could be "
                f"read within {seconds:g} s"
            )
        _log.info("topic %s: %d messages read, %d offsets left", self._topic, len(messages), remaining)
        return Drained(tuple(messages), dict(self._positions), gaps, remaining, self._topic_id)

    def close(self) -> None:
        """Lets go of the connection; the next part begins anew."""
        self._lists, self._left = iter(()), []
        self._goes_on = False

    def _begin(
        self, offsets: Mapping[int, int], until: Mapping[int, int] | None, topic_id: str | None
    ) -> tuple[Gap, ...]:
        self._topic_id = identity_of(self._connection, self._topic)
        is_anew = is_another(topic_id, self._topic_id)
        held = offset_spans(self._connection, self._topic, committed=True)
        found = (_gap(number, span, offsets, is_anew=is_anew) for number, span in held.items())
        gaps = tuple(gap for gap in found if gap is not None)
        for gap in gaps:
            _log.error("topic %s, %s", self._topic, gap)
        jumps = {gap.partition: gap.resumed for gap in gaps}
        if is_anew:
            offsets, until = {}, None
        starts = {number: jumps.get(number, offsets.get(number, span.start)) for number, span in held.items()}
        ends = {number: span.end for number, span in held.items()}
        if until is not None:
            ends = {number: min(end, until.get(number, starts[number])) for number, end in ends.items()}
        self._until, self._positions = until, starts
        self._spans = {number: Span(start, max(start, ends[number])) for number, start in starts.items()}
        self._reader = SpanReader(self._connection, self._topic, self._spans, 0)
        self._left = []
        self._lists = ([_received(self._topic, one) for one in found] for found in self._reader.lists())
        return gaps

    def _take(self, max_messages: int, max_bytes: int) -> list[Received]:
        messages: list[Received] = []
        self._goes_on = False
        found = self._left or next(self._lists, [])
        while found and not self._goes_on:
            taken = found[: max_messages - len(messages)]
            sizes = [one.size for one in taken]
            if sum(sizes) > max_bytes:
                n_fitting = bisect(list(accumulate(sizes)), max_bytes)
                taken = taken[: n_fitting if messages else max(n_fitting, 1)]
            max_bytes -= sum(sizes[: len(taken)])
            messages += taken
            self._positions |= {one.partition: one.offset + 1 for one in taken}
            found = found[len(taken) :]
            self._goes_on = bool(found) or len(messages) >= max_messages
            if not self._goes_on:
                found = next(self._lists, [])
        self._left = found
        return messages


def _gap(number: int, held: Span, offsets: Mapping[int, int], *, is_anew: bool) -> Gap | None:
    wanted = offsets.get(number, held.start)
    if is_anew:
        return None if wanted == held.start else Gap(number, wanted, held.start)
    return None if held.start <= wanted <= held.end else Gap(number, wanted, held.start)


def _received(topic: str, record: Record) -> Received:
    kind, timestamp = record.timestamp()
    known = None if kind == TIMESTAMP_NOT_AVAILABLE else timestamp
    partition, offset, headers = record.partition(), record.offset(), headers_of(record)
    # The tuple made directly: half of the time, and every message that comes in passes here.
    return tuple.__new__(Received, (topic, partition, offset, known, record.key(), record.value(), headers))
