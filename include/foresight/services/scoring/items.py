"""Items of a source through a scorer: each stays beside what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foresight.messaging.deadletters import MAX_VALUE_BYTES
from foresight.scoring.outcome import ERROR, RECORD, BadRecord, Record, with_error
from foresight.scoring.outlet import Sink
from foresight.scoring.records import RecordScorer
from foresight.services.scoring.places import SHOWN_BYTES, Scored, Source, encode


class ItemScorer:
    """For ``BundleRun``, whose records are then items.

    ``encodes`` where a topic is to have them, ``keeps`` the records themselves where a file or a table is.
    """

    def __init__(self, source: Source, scorer: RecordScorer, *, encodes: bool, keeps: bool) -> None:
        self._records, self._score = source.records, scorer.score
        self._encodes, self._keeps = encodes, keeps

    def __call__(self, items: Sequence[Any]) -> tuple[list[Any], list[int]]:
        """Each item with its record and that as JSON, in order, and the places of the bad ones."""
        return self._beside(items, *self._score(self._records(items)))

    def into(self, scored: list[Scored]) -> Sink:
        """Where bundles are handed to; records that the model failed at come with their item for a record."""

        def take(found: list[Any]) -> None:
            scored.extend(self._failed(one) if isinstance(one, dict) else one for one in found)

        return take

    def _failed(self, record: Record) -> Scored:
        item = record[RECORD]
        (given,) = self._records([item])
        given = given.record if isinstance(given, BadRecord) else given
        return self._beside([item], [with_error(given, record[ERROR])], [0])[0][0]

    def _beside(
        self, items: Sequence[Any], found: list[Record], bad: list[int]
    ) -> tuple[list[Scored], list[int]]:
        values = list(map(encode, found)) if self._encodes else [b""] * len(found)
        if max(map(len, values), default=0) > MAX_VALUE_BYTES:
            bad = self._cut(found, values, bad)
        # A batch that waits to be sent is hundreds of megabytes of objects, unless it lets go of the records.
        kept = found if self._keeps else [None] * len(found)
        return list(zip(items, kept, values, strict=True)), bad

    def _cut(self, found: list[Record], values: list[bytes], bad: list[int]) -> list[int]:
        """Makes what is too long for a message bad; gives the places of all bad ones."""
        for place, value in enumerate(values):
            if len(value) > MAX_VALUE_BYTES:
                shown = {RECORD: value[:SHOWN_BYTES].decode(errors="replace")}
                found[place] = with_error(shown, f"scored, it has {len(value)} bytes: too many for a message")
                values[place] = encode(found[place])
                bad = sorted({*bad, place})
        return bad
