"""Publishes a batch of messages so that each is on its topic exactly once, whatever was killed on the way.

1. Whoever opens a publication stores the topic's end offsets first (``end_offsets``).
2. ``publish`` registers the batch's transactional id: from here on no earlier process can add to this batch,
   and what such a process left uncommitted is discarded.
3. It reads the topic from the stored offsets to its end, and notes which message ids of this batch are there.
4. It sends the others in transactions, checks every delivery report, and commits.

So a resumed publication sends what is missing, which may be nothing. The embedded broker knows transactions
by name only, and a connection may go without (an empty ``transactional.id``): a resume still loses and
doubles nothing, but two processes that publish the same batch at the same moment are not kept apart.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import Message as Record

from foresight.errors import BrokerUnavailable, MessageRejected, NotFound
from foresight.messaging.connection import ClientConfig, Connection
from foresight.messaging.messages import BATCH_HEADER, ID_HEADER, Message, headers_of
from foresight.messaging.reading import SpanReader
from foresight.messaging.sender import Sender
from foresight.messaging.topics import Span, offset_spans

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Publication:
    """One batch on one topic: its name, and the topic's end offsets from before its first message."""

    batch: str
    start_offsets: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a call did: messages it sent (and their bytes), and those that an earlier one had sent."""

    sent: int
    already_there: int
    sent_bytes: int

    @property
    def total(self) -> int:
        """Messages of the batch that are on the topic now."""
        return self.sent + self.already_there


def publish(
    config: ClientConfig,
    topic: str,
    messages: Iterable[Message],
    publication: Publication,
    *,
    seconds: float = 60.0,
) -> Delivered:
    """Sends what is missing of a batch and returns when the broker has confirmed all of it.

    ``seconds`` bounds each step (a message's delivery, a transaction) and must not exceed the broker's
    ``transaction.max.timeout.ms``. Raises ``BrokerUnavailable`` when anything was not confirmed (call again
    to resume), ``MessageRejected`` for a message too large or an id used twice, ``NotFound`` for an unknown
    topic or when retention has deleted what would tell which messages went out.
    """
    connection = Connection(config)
    with Sender(connection, topic, publication.batch, seconds) as sender:
        there = _delivered_ids(connection, topic, publication.start_offsets, publication.batch, seconds)
        missing = _Missing(messages, there, publication.batch)
        for first in missing:
            sender.send_transaction(itertools.chain([first], missing))
    _log.info(
        "topic %s, batch %s: %d messages sent, %d were there already",
        topic, publication.batch, sender.confirmed, missing.skipped,
    )  # fmt: skip
    return Delivered(sender.confirmed, missing.skipped, sender.confirmed_bytes)


def delivered_ids(
    config: ClientConfig, topic: str, start_offsets: Mapping[int, int], batch: str, *, seconds: float = 60.0
) -> set[str]:
    """Ids of the batch's committed messages on the topic, from ``start_offsets`` to its present end."""
    return _delivered_ids(Connection(config), topic, start_offsets, batch, seconds)


def _delivered_ids(
    connection: Connection, topic: str, start_offsets: Mapping[int, int], batch: str, seconds: float
) -> set[str]:
    # To the very end, not to the first open transaction: ours may lie behind somebody else's open one.
    held = offset_spans(connection, topic, committed=False, seconds=seconds)
    spans = {number: _span_since(topic, number, start_offsets, span) for number, span in held.items()}
    # Where nothing was even tried, nobody's open transaction needs to be waited for.
    tried = SpanReader(connection, topic, spans, seconds, committed=False)
    if next(_ids_of(tried, batch), None) is None and not tried.unfinished:
        return set()
    reader = SpanReader(connection, topic, spans, seconds)
    ids = set(_ids_of(reader, batch))
    if reader.unfinished:
        raise BrokerUnavailable(
            f"topic {topic}: partitions {sorted(reader.unfinished)} could not be read to their ends within "
            f"{seconds:g} s; a transaction may be open there"
        )
    return ids


def _ids_of(records: Iterable[Record], batch: str) -> Iterator[str]:
    """Ids of those records that belong to the batch."""
    name = batch.encode()
    for record in records:
        headers = dict(headers_of(record))
        if headers.get(BATCH_HEADER) == name:
            yield (headers.get(ID_HEADER) or b"").decode()


def _span_since(topic: str, number: int, start_offsets: Mapping[int, int], held: Span) -> Span:
    """What to read of one partition; one that is new since then, or was made anew, from its beginning."""
    start = start_offsets.get(number, held.start)
    if start > held.end:
        _log.warning("topic %s[%d] ends at %d, before %d: it was made anew", topic, number, held.end, start)
        return held
    if start < held.start:
        raise NotFound(
            f"topic {topic}[{number}] begins at {held.start}, the publication at {start}: retention has "
            "deleted what would tell which messages went out; open a new publication to send them all"
        )
    return Span(start, held.end)


class _Missing(Iterator[Message]):
    """The messages that are not on the topic yet; counts the others and refuses an id that comes twice."""

    def __init__(self, messages: Iterable[Message], there: set[str], batch: str) -> None:
        self._messages = iter(messages)
        self._there = there
        self._batch = batch
        self._seen: set[str] = set()
        self.skipped = 0

    def __next__(self) -> Message:
        for message in self._messages:
            if message.id in self._seen:
                raise MessageRejected(f"batch {self._batch} has two messages with the id {message.id}")
            self._seen.add(message.id)
            if message.id not in self._there:
                return message
            self.skipped += 1
        raise StopIteration
