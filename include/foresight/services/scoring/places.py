"""Where records come from and where they go, as a person writes it: ``kafka:TOPIC`` or a path of a file.

Tables (``table:NAME``) are in ``scoring_tables``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

import orjson

from foresight.messaging import ClientConfig, Drain, Message, Received, end_offsets, topic_id
from foresight.scoring.csv_files import read_csv
from foresight.scoring.errors import InvalidMapping
from foresight.scoring.files import READERS, SINKS, FileSink
from foresight.scoring.mapping import FieldMapping
from foresight.scoring.outcome import RECORD, BadRecord, Record

KAFKA: Final = "kafka:"
SHOWN_BYTES: Final = 100_000
"""So much is handed on of what cannot be handed on whole."""
MAX_TAKEN: Final = 100_000
"""Most messages of one drain."""

_OURS: Final = frozenset({"id", "batch"})
Offsets = dict[int, int]
Scored = tuple[Any, Record | None, bytes]
"""What came from a source, what became of it, and that as JSON where a topic is to have it: then the second
is None, unless a file or a table is to have others of the same run."""


def topic_of(place: str) -> str | None:
    """The topic that a place names, None for a file."""
    return place.removeprefix(KAFKA) if place.startswith(KAFKA) else None


def path_of(place: str, known: Mapping[str, Any]) -> Path:
    """The file that a place names. Raises ``InvalidMapping`` for one whose ending nobody reads or writes."""
    split = urlsplit(place)
    if split.scheme not in {"", "file"}:
        raise InvalidMapping(f"{place}: use kafka:TOPIC, table:NAME, a path, or a file:// URI")
    path = Path(unquote(split.path) if split.scheme else place)
    if path.suffix not in known:
        raise InvalidMapping(f"{place}: its ending must be one of {', '.join(known)}")
    return path


def read_file(place: str) -> tuple[Iterator[Any], bool]:
    """The records of a file, and whether it knows only text. Raises ``InvalidMapping`` without it."""
    path = path_of(place, READERS)
    if not path.is_file():
        raise InvalidMapping(f"there is no file {path}")
    return READERS[path.suffix](path), path.suffix == ".csv"


def check_header(place: str, mapping: FieldMapping) -> None:
    """Raises ``InvalidMapping``, once, where a CSV file lacks a column that every record needs."""
    if topic_of(place) is None and place.endswith(".csv"):
        path = path_of(place, READERS)
        if not path.is_file():
            raise InvalidMapping(f"there is no file {path}")
        needed = [feed.source for feed in mapping.feeds if feed.is_mandatory and feed.default is None]
        wanted = needed if mapping.array_field is None else [mapping.array_field]
        next(read_csv(path, wanted=wanted), None)


def open_file(place: str) -> FileSink:
    """A file to write into; it appears under its name when it is complete."""
    path = path_of(place, SINKS)
    return SINKS[path.suffix](path)


class Source(Protocol):
    """Items with a place in an order that stays: so a part of them can be read again."""

    reads_text: bool

    def ends(self) -> Offsets:
        """Where each partition ends now."""
        ...

    def identity(self) -> str | None:
        """What tells the source from another one that had its name before; None where that is not known."""
        ...

    def take(self, start: Offsets, until: Offsets, limit: int | None) -> tuple[list[Any], Offsets]:
        """Items from ``start`` to ``until``, all of them or about ``limit``, and where they end."""
        ...

    def records(self, items: Sequence[Any]) -> list[Any]:
        """The record that each item holds, or a ``BadRecord``."""
        ...

    def messages(self, scored: Iterable[Scored]) -> Iterator[Message]:
        """The messages that answer items; their ids name the items for good."""
        ...


class TopicSource:
    """A Kafka topic; keys and headers go with the records."""

    reads_text = False

    def __init__(self, config: ClientConfig, topic: str, only: int | None = None) -> None:
        """With ``only``, the topic is that partition alone."""
        self._config, self._topic, self._only = config, topic, only
        self._drain = Drain(config, topic)

    def part(self, partition: int) -> TopicSource:
        """One partition of the topic."""
        return TopicSource(self._config, self._topic, partition)

    def ends(self) -> Offsets:
        """Where each partition ends now."""
        found = end_offsets(self._config, self._topic)
        return {number: end for number, end in found.items() if self._only in {None, number}}

    def identity(self) -> str | None:
        """The id of the topic."""
        return topic_id(self._config, self._topic)

    def take(self, start: Offsets, until: Offsets, limit: int | None) -> tuple[list[Received], Offsets]:
        """Messages of committed transactions; see ``Source``."""
        messages: list[Received] = []
        position = start
        while True:
            drained = self._drain.take(position, until=until, max_messages=limit or MAX_TAKEN)
            messages += drained.messages
            position = drained.offsets
            if limit is not None or not drained.remaining:
                return messages, position

    def records(self, items: Sequence[Received]) -> list[Any]:
        """The JSON value of each message, or what is wrong with it."""
        loads = orjson.loads
        try:
            return [loads(item.value) for item in items]  # type: ignore[arg-type] # None is refused, too
        except ValueError:
            return [_read(item.value) for item in items]

    def messages(self, scored: Iterable[Scored]) -> Iterator[Message]:
        """Each with partition, key and headers of its item, but for those headers that this house sets."""
        for item, _, value in scored:
            topic, partition, offset, _, key, _, headers = item
            kept = headers and tuple(header for header in headers if header[0] not in _OURS)
            # The tuple made directly, and its id here: a batch has a hundred thousand.
            yield tuple.__new__(Message, (f"{topic}:{partition}:{offset}", key, value, kept, partition))


def _read(value: bytes | None) -> Any:
    """The value, read by a more patient parser if need be: it knows NaN, for the mapping to name it."""
    if value is None:
        return BadRecord({RECORD: None}, "the message has no value")
    try:
        return orjson.loads(value)
    except ValueError:
        pass
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        reason = f"the message is not JSON: {error}"
        return BadRecord({RECORD: value[:SHOWN_BYTES].decode(errors="replace")}, reason)


class FileSource:
    """A file whose records are numbered as they come: a topic with one partition."""

    def __init__(self, place: str) -> None:
        self._place = place
        _, self.reads_text = read_file(place)

    def ends(self) -> Offsets:
        """How many records there are."""
        return {0: sum(1 for _ in read_file(self._place)[0])}

    def identity(self) -> str | None:
        """Not known: a file written anew looks like the one before."""
        return None

    def take(self, start: Offsets, until: Offsets, limit: int | None) -> tuple[list[Any], Offsets]:
        """Records with their numbers; see ``Source``."""
        first, last = start.get(0, 0), until[0]
        last = last if limit is None else min(last, first + limit)
        items = list(enumerate(islice(read_file(self._place)[0], first, last), first))
        return items, {0: last}

    def records(self, items: Sequence[tuple[int, Any]]) -> list[Any]:
        """The records."""
        return [record for _, record in items]

    def messages(self, scored: Iterable[Scored]) -> Iterator[Message]:
        """The number of a record is its id; it has no key."""
        return (Message(str(number), None, value) for (number, _), _, value in scored)


def write_file(place: str, scored: Iterable[Scored], number: int) -> None:
    """The file of a batch, written aside and renamed: ``good.000007.jsonl`` for ``good.jsonl``."""
    path = Path(place)
    with open_file(str(path.with_name(f"{path.stem}.{number:06d}{path.suffix}"))) as sink:
        sink([record for _, record, _ in scored if record is not None])
