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
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from confluent_kafka import Message as Record

from foresight.errors import BrokerUnavailable, MessageRejected, NotFound
from foresight.messaging.connection import ClientConfig, Connection
from foresight.messaging.messages import BATCH_HEADER, ID_HEADER, Message, headers_of
from foresight.messaging.reading import SpanReader
from foresight.messaging.sender import Sender
from foresight.messaging.topics import Span, identity_of, is_another, offset_spans

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Publication:
    """One batch on one topic: its name, and the topic's end offsets from before its first message.

    ``topic_id`` is the identity of the topic that the offsets belong to, None where it is not known.
    """

    batch: str
    start_offsets: Mapping[int, int]
    topic_id: str | None = None


class PublicationLost(NotFound):
    """Nothing tells any more which messages of a batch went out."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a call did: messages it sent, and those that an earlier one had sent."""

    sent: int
    already_there: int

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
    with Publisher(config, topic, publication.batch, seconds=seconds) as publisher:
        return publisher.publish(messages, publication)


class Publisher:
    """Publishes batch after batch to a topic under one name, with one producer.

    Entering it shuts out every earlier publisher of that name, so batches that are published under a name
    belong to it: what ``publish`` says of one batch holds for all of them.
    """

    def __init__(self, config: ClientConfig, topic: str, name: str, *, seconds: float = 60.0) -> None:
        self._connection = Connection(config)
        self._topic = topic
        self._seconds = seconds
        self._sender = Sender(self._connection, topic, name, seconds)

    def __enter__(self) -> Self:
        self._sender.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sender.__exit__(kind, error, trace)

    def publish(
        self, messages: Iterable[Message], publication: Publication, *, is_new: bool = False
    ) -> Delivered:
        """Sends what is missing of a batch; raises what the function ``publish`` raises.

        ``is_new``: the batch was opened since this publisher was entered, and its ids are places in an
        order. Then nobody else can have sent anything of it, so the topic need not be read, and no two
        messages can have one id, so they need not be compared.
        """
        sender, batch = self._sender, publication.batch
        n_before = sender.confirmed
        missing = _Missing(messages, set() if is_new else self._there(publication), batch)
        rest = iter(messages if is_new else missing)
        for first in rest:
            sender.send_transaction(itertools.chain([first], rest), batch)
        sent = Delivered(sender.confirmed - n_before, missing.skipped)
        _log.info(
            "topic %s, batch %s: %d messages sent, %d were there already",
            self._topic, batch, sent.sent, sent.already_there,
        )  # fmt: skip
        return sent

    def _there(self, publication: Publication) -> set[str]:
        start, batch = publication.start_offsets, publication.batch
        known = publication.topic_id
        if known is not None and is_another(known, identity_of(self._connection, self._topic)):
            _log.warning("topic %s was made anew: all of batch %s is sent again", self._topic, batch)
            start = {}
        return _delivered_ids(self._connection, self._topic, start, batch, self._seconds)


class Publishers:
    """Publishers to any topics, each entered when it is first asked for, all left together."""

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._entered: dict[tuple[str, str], Publisher] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            for publisher in self._entered.values():
                stack.push(publisher)
            self._entered = {}

    def enter(self, topic: str, name: str) -> Publisher:
        """The publisher of that name."""
        if (topic, name) not in self._entered:
            self._entered[topic, name] = Publisher(self._config, topic, name).__enter__()
        return self._entered[topic, name]

    def renew(self, topic: str, name: str) -> Publisher:
        """Another publisher of that name: the one before has failed, and what it left open is taken back."""
        before = self._entered.pop((topic, name), None)
        if before is not None:
            before.__exit__(None, None, None)
        return self.enter(topic, name)


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
        raise PublicationLost(
            f"topic {topic}[{number}] begins at {held.start}, the publication at {start}: retention has "
            "deleted what would tell which messages went out; open a new publication to send them all"
        )
    return Span(start, held.end)


class _Missing:
    """The messages that are not on the topic yet; counts the others and refuses an id that comes twice."""

    def __init__(self, messages: Iterable[Message], there: set[str], batch: str) -> None:
        self._rest = self._find(messages, there, batch)
        self.skipped = 0

    def __iter__(self) -> Iterator[Message]:
        return self._rest

    def _find(self, messages: Iterable[Message], there: set[str], batch: str) -> Iterator[Message]:
        seen: set[str] = set()
        for message in messages:
            name = message[0]
            if name in seen:
                raise MessageRejected(f"batch {batch} has two messages with the id {name}")
            seen.add(name)
            if name in there:
                self.skipped += 1
            else:
                yield message
