"""Batches of a source through a model into two outputs, each record once, whatever is killed on the way.

A batch is opened with its beginning, its end, its model and mapping, and where the outputs ended before it.
Then it is scored and sent. It is closed, in one transaction with its counts, when both outputs have
confirmed every record. Whoever comes after a crash finds it open: reads the same records, scores them with
the same model, and sends what is missing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from foresight.messaging import ClientConfig, Publication, end_offsets
from foresight.messaging.deadletters import MAX_VALUE_BYTES
from foresight.orchestration.scoring_deployments import Mappings, open_version, scorer_of
from foresight.orchestration.scoring_places import (
    SHOWN_BYTES,
    FileOutput,
    Offsets,
    Output,
    Source,
    TopicOutput,
    encode,
    numbered,
    topic_of,
)
from foresight.scoring.bundles import BundleRun, Load, Settings, Sink
from foresight.scoring.errors import CountsDisagree
from foresight.scoring.outcome import ERROR, RECORD, BadRecord, Record, with_error
from foresight.scoring.records import RecordScorer
from foresight.scoring.sources import Iterated
from foresight.store import Store
from foresight.store.scoring import SCORING_LOCK, close_batch, count_run, find_stream, open_batch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run asks for of the batches that it opens; ``bad`` is None where one output takes all."""

    stream: str
    model_name: str
    model_version: int
    mapping: Mappings
    good: str
    bad: str | None
    batch_size: int = 100_000


@dataclass(frozen=True, slots=True)
class Trace:
    """The row of ``scoring_run`` that closed batches are counted in."""

    dag_id: str
    run_id: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch under way, as it is stored."""

    number: int
    offsets: Offsets
    until: Offsets
    model_name: str
    model_version: int
    plan: dict[str, Any]
    items: list[Any] | None = field(default=None, compare=False)
    """What is in it, where it was just read."""


@dataclass(frozen=True, slots=True)
class StreamRun:
    """Scores what a source holds; settings are those of ``BundleRun``, their ``single_output`` aside."""

    store: Store
    source: Source
    plan: Plan
    config: ClientConfig
    settings: Settings
    trace: Trace

    def run(self, seconds: float) -> None:
        """Batch by batch to where the source ends now, or until the time is over."""
        deadline = time.monotonic() + seconds
        ends = self.source.ends()
        while True:
            started = time.monotonic()
            batch = self._next_batch(ends)
            if batch is None:
                return
            load = self._score(batch)
            self._close(batch, load, time.monotonic() - started)
            if time.monotonic() > deadline:
                log.warning("%s: %.0f s are over; the next run goes on from here", self.plan.stream, seconds)
                return

    def _next_batch(self, ends: Offsets) -> Batch | None:
        """The batch that is under way, else a new one, else None."""
        while True:
            held = self.store.read(lambda connection: find_stream(connection, self.plan.stream))
            offsets = _numbers(held.offsets) if held else {}
            if held and held.until is not None:
                log.info("%s: batch %d is resumed", self.plan.stream, held.number)
                model = held.model_name, held.model_version
                return Batch(held.number, offsets, _numbers(held.until), *model, held.plan)
            if all(offsets.get(number, 0) == end for number, end in ends.items()):
                return None
            items, until = self.source.take(offsets, ends, self.plan.batch_size)
            if not items and until == offsets:
                return None
            batch = self._new_batch(held.number if held else 1, offsets, until, items)
            if self._opened(batch):
                return batch

    def _new_batch(self, number: int, offsets: Offsets, until: Offsets, items: list[Any]) -> Batch:
        plan = self.plan
        places = [place for place in (plan.good, plan.bad) if place is not None]
        topics = [topic for place in places if (topic := topic_of(place))]
        starts = {topic: end_offsets(self.config, topic) for topic in topics}
        pinned = {"mapping": plan.mapping, "good": plan.good, "bad": plan.bad, "starts": _texts(starts)}
        return Batch(number, offsets, until, plan.model_name, plan.model_version, pinned, items)

    def _opened(self, batch: Batch) -> bool:
        fields = {
            "offsets": batch.offsets,
            "until": batch.until,
            "model_name": batch.model_name,
            "model_version": batch.model_version,
            "plan": batch.plan,
        }
        return self.store.transact(
            lambda c: open_batch(c, self.plan.stream, batch.number, _texts(fields), int(time.time())),
            lock=SCORING_LOCK,
        )

    def _score(self, batch: Batch) -> Load:
        """Score the batch and see it confirmed by its outputs."""
        items = batch.items
        if items is None:
            items, _ = self.source.take(batch.offsets, batch.until, None)
        model = open_version(self.store, batch.model_name, batch.model_version)
        scorer = scorer_of(model, batch.plan["mapping"], reads_text=self.source.reads_text)
        good, bad = (self._output(batch, kind) for kind in ("good", "bad"))
        assert good is not None  # noqa: S101 (every plan has one)
        scoring = _ItemScorer(self.source, scorer, encodes=bool(batch.plan["starts"]))
        load = BundleRun(
            Iterated(items), scoring, scoring.into(good), bad and scoring.into(bad), self.settings
        ).run()
        outputs = [output for output in (good, bad) if output is not None]
        with ThreadPoolExecutor(len(outputs)) as pool:
            total = sum(pool.map(lambda output: output.finish(), outputs))
        if total != len(items):
            raise CountsDisagree(f"{self.plan.stream}: {len(items)} records were read, {total} are out")
        return load

    def _output(self, batch: Batch, kind: str) -> Output | None:
        place = batch.plan[kind]
        if place is None:
            return None
        topic = topic_of(place)
        if topic is None:
            return FileOutput(numbered(place, batch.number))
        name = f"{self.plan.stream}/{batch.number}/{kind}"
        publication = Publication(name, _numbers(batch.plan["starts"][topic]))
        return TopicOutput(self.config, topic, publication, self.source.message)

    def _close(self, batch: Batch, load: Load, seconds: float) -> None:
        counts = {
            "n_batches": 1,
            "n_read": load.read,
            "n_good": load.good,
            "n_bad": load.bad,
            "seconds": seconds,
        }
        facts = {**self.trace.facts, "name": batch.model_name, "version": batch.model_version}

        def work(connection: Connection) -> bool:
            now = int(time.time())
            is_mine = close_batch(connection, self.plan.stream, batch.number, now)
            if is_mine:
                count_run(connection, self.trace.dag_id, self.trace.run_id, facts, counts, now)
            return is_mine

        is_mine = self.store.transact(work, lock=SCORING_LOCK)
        log.info(
            "%s: batch %d %s: %d good, %d bad, %.0f records a second",
            self.plan.stream, batch.number, "done" if is_mine else "was closed by another run",
            load.good, load.bad, load.read / max(seconds, 1e-9),
        )  # fmt: skip


class _ItemScorer:
    """Scores items of a source, and hands each on with what became of it."""

    def __init__(self, source: Source, scorer: RecordScorer, *, encodes: bool) -> None:
        self._record, self._score, self._encodes = source.record, scorer.score, encodes

    def __call__(self, items: Sequence[Any]) -> tuple[list[Any], list[int]]:
        found, bad = self._score([self._record(item) for item in items])
        return self._scored(items, found, bad)

    def into(self, output: Output) -> Sink:
        """The output, for records too that the model failed at, which come with their item for a record."""

        def take(scored: list[Any]) -> None:
            output([self._failed(one) if isinstance(one, dict) else one for one in scored])

        return take

    def _failed(self, record: Record) -> Any:
        item = record[RECORD]
        given = self._record(item)
        given = given.record if isinstance(given, BadRecord) else given
        return self._scored([item], [with_error(given, record[ERROR])], [0])[0][0]

    def _scored(
        self, items: Sequence[Any], found: list[Record], bad: list[int]
    ) -> tuple[list[Any], list[int]]:
        if not self._encodes:
            return [(item, record, b"") for item, record in zip(items, found, strict=True)], bad
        values = [encode(record) for record in found]
        for place, value in enumerate(values):
            if len(value) > MAX_VALUE_BYTES:
                shown = {RECORD: value[:SHOWN_BYTES].decode(errors="replace")}
                found[place] = with_error(shown, f"scored, it has {len(value)} bytes: too many for a message")
                values[place] = encode(found[place])
                bad = sorted({*bad, place})
        return list(zip(items, found, values, strict=True)), bad


def _numbers(offsets: dict[Any, int]) -> Offsets:
    return {int(number): offset for number, offset in offsets.items()}


def _texts(document: Any) -> Any:
    """The document with names of text, as JSON has them."""
    if isinstance(document, dict):
        return {str(name): _texts(value) for name, value in document.items()}
    return document
