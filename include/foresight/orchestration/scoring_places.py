"""Where records come from and where they go, as a person writes it: ``kafka:TOPIC`` or a path of a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

import orjson

from foresight.messaging import ClientConfig, Message, Publication, Received, drain, end_offsets, publish
from foresight.scoring.errors import CountsDisagree, InvalidMapping
from foresight.scoring.files import READERS, SINKS, FileSink
from foresight.scoring.outcome import RECORD, BadRecord, Record

KAFKA: Final = "kafka:"
SHOWN_BYTES: Final = 100_000
"""So much is handed on of what cannot be handed on whole."""
MAX_TAKEN: Final = 100_000
"""Most messages of one drain."""

_OURS: Final = frozenset({"id", "batch"})
Offsets = dict[int, int]
Scored = tuple[Any, Record, bytes]
"""What came from a source, what became of it, and that as JSON where a topic is to have it."""


def topic_of(place: str) -> str | None:
    """The topic that a place names, None for a file."""
    return place.removeprefix(KAFKA) if place.startswith(KAFKA) else None


def path_of(place: str, known: Mapping[str, Any]) -> Path:
    """The file that a place names. Raises ``InvalidMapping`` for one whose ending nobody reads or writes."""
    split = urlsplit(place)
    if split.scheme not in {"", "file"}:
        raise InvalidMapping(f"{place}: use kafka:TOPIC, a path, or a file:// URI")
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


def open_file(place: str) -> FileSink:
    """A file to write into; it appears under its name when it is complete."""
    path = path_of(place, SINKS)
    return SINKS[path.suffix](path)


def encode(record: Record) -> bytes:
    """A record as JSON."""
    try:
        return orjson.dumps(record, option=orjson.OPT_SERIALIZE_NUMPY)
    except (TypeError, ValueError):
        return json.dumps(record, default=str).encode()


class Source(Protocol):
    """Items with a place in an order that stays: so a part of them can be read again."""

    reads_text: bool

    def ends(self) -> Offsets:
        """Where each partition ends now."""
        ...

    def take(self, start: Offsets, until: Offsets, limit: int | None) -> tuple[list[Any], Offsets]:
        """Items from ``start`` to ``until``, all of them or about ``limit``, and where they end."""
        ...

    def record(self, item: Any) -> Any:
        """The record that an item holds, or a ``BadRecord``."""
        ...

    def message(self, item: Any, value: bytes) -> Message:
        """The message that answers an item; its id names the item for good."""
        ...


class TopicSource:
    """A Kafka topic; keys and headers go with the records."""

    reads_text = False

    def __init__(self, config: ClientConfig, topic: str) -> None:
        self._config, self._topic = config, topic

    def ends(self) -> Offsets:
        """Where each partition ends now."""
        return end_offsets(self._config, self._topic)

    def take(self, start: Offsets, until: Offsets, limit: int | None) -> tuple[list[Received], Offsets]:
        """Messages of committed transactions; see ``Source``."""
        messages: list[Received] = []
        position = start
        while True:
            drained = drain(self._config, self._topic, position, until=until, max_messages=limit or MAX_TAKEN)
            messages += drained.messages
            position = drained.offsets
            if limit is not None or not drained.remaining:
                return messages, position

    def record(self, item: Received) -> Any:
        """The JSON value of a message, or what is wrong with it."""
        try:
            return orjson.loads(item.value)  # type: ignore[arg-type] # None is refused like any other
        except ValueError:
            return _odd(item.value)

    def message(self, item: Received, value: bytes) -> Message:
        """The same key and headers, but for those that this house sets."""
        headers = item.headers and tuple(header for header in item.headers if header[0] not in _OURS)
        return Message(item.origin, item.key, value, headers)


def _odd(value: bytes | None) -> Any:
    """What only a more patient parser reads: NaN and infinities, for the mapping to name them."""
    if value is None:
        return BadRecord({RECORD: None}, "the message has no value")
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

    def take(self, start: Offsets, until: Offsets, limit: int | None) -> tuple[list[Any], Offsets]:
        """Records with their numbers; see ``Source``."""
        first, last = start.get(0, 0), until[0]
        last = last if limit is None else min(last, first + limit)
        items = list(enumerate(islice(read_file(self._place)[0], first, last), first))
        return items, {0: last}

    def record(self, item: tuple[int, Any]) -> Any:
        """The record."""
        return item[1]

    def message(self, item: tuple[int, Any], value: bytes) -> Message:
        """Its number is its id; it has no key."""
        return Message(str(item[0]), None, value)


class Output(Protocol):
    """A place for what was scored of one batch: nothing of it is there before ``finish``, all of it after."""

    def __call__(self, scored: list[Any]) -> None:
        """Take what comes next."""
        ...

    def finish(self) -> int:
        """Make it seen, once, however often the batch is scored; says how many records that are."""
        ...


class TopicOutput:
    """A Kafka topic."""

    def __init__(
        self,
        config: ClientConfig,
        topic: str,
        publication: Publication,
        message: Callable[[Any, bytes], Message],
    ) -> None:
        self._config, self._topic, self._publication = config, topic, publication
        self._message = message
        self._messages: list[Message] = []

    def __call__(self, scored: list[Scored]) -> None:
        """Take what comes next."""
        message = self._message
        self._messages += [message(item, value) for item, _, value in scored]

    def finish(self) -> int:
        """Send what is not there yet of the batch."""
        if not self._messages:
            return 0
        total = publish(self._config, self._topic, self._messages, self._publication).total
        if total != len(self._messages):
            raise CountsDisagree(f"{len(self._messages)} records for {self._topic}, {total} messages there")
        return total


class FileOutput:
    """A file of its own for the batch."""

    def __init__(self, place: str) -> None:
        self._sink = open_file(place)
        self._sink.__enter__()
        self._n = 0

    def __call__(self, scored: list[Scored]) -> None:
        """Take what comes next."""
        self._sink([record for _, record, _ in scored])
        self._n += len(scored)

    def finish(self) -> int:
        """Rename the file."""
        self._sink.__exit__(None, None, None)
        return self._n


def numbered(place: str, number: int) -> str:
    """The file of a batch: ``good.jsonl`` becomes ``good.000007.jsonl``."""
    path = Path(place)
    return str(path.with_name(f"{path.stem}.{number:06d}{path.suffix}"))
