"""Batches of a source through a model into two outputs, each record once, whatever is killed on the way.

A batch is opened with its beginning, its end, its model and mapping, and where the outputs ended before it.
Then it is scored and sent. It is closed, in one transaction with its counts, when both outputs have
confirmed every record. Whoever comes after a crash finds it open: reads the same records, scores them with
the same model, and sends what is missing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Connection, Row

from foresight.errors import MessageRejected, TransientError
from foresight.messaging import (
    ClientConfig,
    Publication,
    Publishers,
    end_offsets,
    is_another,
    topic_id,
)
from foresight.messaging.deadletters import MAX_LETTER_BYTES
from foresight.messaging.messages import BY_KEY
from foresight.scoring.bundles import BundleRun, Settings
from foresight.scoring.errors import CountsDisagree
from foresight.scoring.garbage import rare_collections
from foresight.scoring.isolation import IsolatedScorer
from foresight.scoring.json_text import to_json
from foresight.scoring.outcome import ERROR
from foresight.scoring.records import RecordScorer
from foresight.scoring.sources import Iterated
from foresight.services.scoring.batches import Batch, Plan, Prepared, RunRecord, numbers, texts
from foresight.services.scoring.items import ItemScorer
from foresight.services.scoring.places import Offsets, Scored, Source, topic_of
from foresight.services.scoring.scorers import Scoring
from foresight.services.scoring.tables import write_part
from foresight.store.scoring import (
    SCORING_LOCK,
    SOURCE,
    close_batch,
    count_run,
    find_stream,
    open_batch,
    restart_stream,
)
from foresight.store.scoring_parts import find_parts

log = logging.getLogger(__name__)
MAX_SHORTENED: Final = 50
"""Most attempts to send a batch some of whose records are larger than their topic takes."""


@dataclass(frozen=True, slots=True)
class StreamRun:
    """Scores what a source holds; settings are those of ``BundleRun``."""

    scoring: Scoring
    source: Source
    plan: Plan
    config: ClientConfig
    settings: Settings
    trace: RunRecord
    publishers: Publishers
    is_retry: bool = False
    """Whether this run was begun before and died: any of its records may end a process."""
    partitions: frozenset[int] | None = None
    """All partitions of the topic, where this run scores one of them and others are scored beside it."""
    topic_ids: dict[str, str | None] = field(default_factory=dict)
    """Identities of the source and of the topics written to, as far as they were asked for."""

    def run(self, seconds: float) -> None:
        """Batch by batch to where the source ends now, or until the time is over."""
        deadline = time.monotonic() + seconds
        self._find_identities()
        ends = self.source.ends()
        with self.publishers, rare_collections():
            is_suspect = self.is_retry
            while (resumed := self._finish_open()) or self._go_on(ends, deadline, is_suspect=is_suspect):
                # Whoever left a batch open may have died of the next one, which was scored meanwhile.
                is_suspect = is_suspect or resumed
        if time.monotonic() > deadline:
            log.warning("%s: %.0f s are over; the next run goes on from here", self.plan.stream, seconds)

    def _find_identities(self) -> None:
        """Asks which topics these are. A source that was made anew is read from its beginning."""
        self.topic_ids[SOURCE] = self.source.identity()
        held = self.scoring.store.read(lambda connection: find_stream(connection, self.plan.stream))
        if held is None or not is_another((held.topic_ids or {}).get(SOURCE), self.topic_ids[SOURCE]):
            return
        log.error(
            "%s: its topic was made anew: read from the beginning; %s",
            self.plan.stream,
            "no batch was under way" if held.until is None else f"batch {held.number} is given up",
        )
        self.scoring.store.transact(
            lambda c: restart_stream(
                c, self.plan.stream, {}, {SOURCE: self.topic_ids[SOURCE]}, int(time.time())
            ),
            lock=SCORING_LOCK,
        )

    def _topic_id(self, topic: str) -> str | None:
        if topic not in self.topic_ids:
            self.topic_ids[topic] = topic_id(self.config, topic)
        return self.topic_ids[topic]

    def finish(self) -> None:
        """Finishes the batch that is under way, and no other."""
        self._find_identities()
        with self.publishers, rare_collections():
            self._finish_open()

    def _held(self) -> Row[Any] | None:
        """How far the stream is. Raises ``TransientError`` where another run dealt it out or joined it."""
        stream = self.plan.stream
        held, is_dealt = self.scoring.store.read(
            lambda connection: (find_stream(connection, stream), bool(find_parts(connection, stream)))
        )
        if (held is None) if self.partitions else is_dealt:
            raise TransientError(f"{stream}: another run has dealt its partitions anew; try again")
        return held

    def _finish_open(self) -> bool:
        """Finishes the batch that is under way, as it was begun. False where none is."""
        started = time.monotonic()
        held = self._held()
        if held is None or held.until is None:
            return False
        log.info("%s: batch %d is resumed", self.plan.stream, held.number)
        pinned = {name: held.plan[name] for name in ("mapping", "good", "bad")}
        plan = replace(self.plan, model_name=held.model_name, model_version=held.model_version, **pinned)
        settings = replace(self.settings, single_output=plan.bad is None)
        as_begun = replace(self, plan=plan, settings=settings)
        offsets, until = numbers(held.offsets), numbers(held.until)
        items, _ = self.source.take(offsets, until, None)
        as_begun._finish(
            Batch(held.number, held.plan["starts"], held.topic_ids or {}),
            as_begun._scored(items, offsets, until, is_suspect=True),
            started,
        )
        return True

    def _go_on(self, ends: Offsets, deadline: float, *, is_suspect: bool) -> bool:
        """Batches from where the last one ended; the next is scored while one is sent.

        False at the end of the source or of the time, True where another run got in between.
        """
        started = time.monotonic()
        held = self._held()
        number = held.number if held else 1
        begin = numbers(held.offsets) if held else {}
        with closing(self._coming(begin, ends, is_suspect=is_suspect)) as coming:
            for prepared in coming:
                if time.monotonic() > deadline:
                    break
                for kind, topic in self._topics().items():
                    self.publishers.enter(topic, self._name(kind))
                batch = self._opened(number, prepared)
                if batch is None:
                    return True
                self._finish(batch, prepared, started)
                started, number = time.monotonic(), number + 1
        return False

    def _coming(self, offsets: Offsets, ends: Offsets, *, is_suspect: bool) -> Generator[Prepared]:
        """Batch by batch what there is; the next one is scored meanwhile. Whoever leaves waits for that."""
        with ThreadPoolExecutor(1, "scoring-ahead") as ahead:
            coming = ahead.submit(self._prepared, offsets, ends, is_suspect=is_suspect)
            while (prepared := coming.result()) is not None:
                coming = ahead.submit(self._prepared, prepared.until, ends, is_suspect=self.is_retry)
                yield prepared

    def _prepared(self, offsets: Offsets, ends: Offsets, *, is_suspect: bool = False) -> Prepared | None:
        """What comes next, scored; None at the end of the source."""
        if all(offsets.get(number, 0) == end for number, end in ends.items()):
            return None
        items, until = self.source.take(offsets, ends, self.plan.batch_size)
        if not items and until == offsets:
            return None
        found = self._scored(items, offsets, until, is_suspect=is_suspect)
        # Where an output ends now is no later than where this batch begins there; so it can be asked ahead.
        found.starts = {topic: end_offsets(self.config, topic) for topic in self._topics().values()}
        return found

    def _scored(
        self, items: list[Any], offsets: Offsets, until: Offsets, *, is_suspect: bool = False
    ) -> Prepared:
        """Items scored; those that may have ended a process before, in a process of their own."""
        with ExitStack() as stack:
            scorer: RecordScorer | IsolatedScorer = self._scorer()
            if is_suspect:
                plan = self.plan
                scorer = stack.enter_context(
                    self.scoring.isolated(
                        plan.model_name, plan.model_version, plan.mapping, reads_text=self.source.reads_text
                    )
                )
            topics, n_places = self._topics(), 1 + (self.plan.bad is not None)
            scoring = ItemScorer(self.source, scorer, encodes=bool(topics), keeps=len(topics) < n_places)
            found = Prepared(offsets, until, len(items))
            bad = None if self.settings.single_output else scoring.into(found.bad)
            load = BundleRun(Iterated(items), scoring, scoring.into(found.good), bad, self.settings).run()
            found.n_bad = load.bad
            return found

    def _scorer(self) -> RecordScorer:
        model, sha256 = self.scoring.version(self.plan.model_name, self.plan.model_version)
        return self.scoring.scorer(model, sha256, self.plan.mapping, reads_text=self.source.reads_text)

    def _topics(self) -> dict[str, str]:
        places = {"good": self.plan.good, "bad": self.plan.bad or ""}
        return {kind: topic for kind, place in places.items() if (topic := topic_of(place))}

    def _name(self, kind: str) -> str:
        return f"{self.plan.stream}/{kind}"

    def _opened(self, number: int, prepared: Prepared) -> Batch | None:
        """The batch, stored as under way; None where another run has opened one."""
        plan = self.plan
        fields = texts(
            {
                "offsets": prepared.offsets,
                "until": prepared.until,
                "model_name": plan.model_name,
                "model_version": plan.model_version,
                "plan": {
                    "mapping": plan.mapping,
                    "good": plan.good,
                    "bad": plan.bad,
                    "starts": prepared.starts,
                },
            }
        )
        identities = {topic: self._topic_id(topic) for topic in prepared.starts}
        fields["topic_ids"] = {SOURCE: self.topic_ids.get(SOURCE), **identities}

        def work(connection: Connection) -> bool:
            if self.partitions and find_stream(connection, plan.stream) is None:
                return False
            if not self.partitions and find_parts(connection, plan.stream):
                return False
            return open_batch(connection, plan.stream, number, fields, int(time.time()))

        is_mine = self.scoring.store.transact(work, lock=SCORING_LOCK)
        return Batch(number, fields["plan"]["starts"], identities, is_new=True) if is_mine else None

    def _finish(self, batch: Batch, prepared: Prepared, started: float) -> None:
        self._send(batch, prepared)
        self._close(batch, prepared, time.monotonic() - started)

    def _send(self, batch: Batch, prepared: Prepared) -> None:
        """Both outputs at once; returns when each has all of its records."""
        wanted = {"good": prepared.good, "bad": prepared.bad}
        outputs = [(kind, scored) for kind, scored in wanted.items() if scored]
        if not outputs:
            return
        with ThreadPoolExecutor(len(outputs)) as pool:
            total = sum(pool.map(lambda output: self._send_one(batch, prepared, *output), outputs))
        if total != prepared.n_items:
            raise CountsDisagree(f"{self.plan.stream}: {prepared.n_items} records were read, {total} are out")

    def _send_one(self, batch: Batch, prepared: Prepared, kind: str, scored: list[Scored]) -> int:
        place = self.plan.good if kind == "good" else self.plan.bad
        assert place is not None  # noqa: S101 (without a place for bad records, there are none apart)
        topic = topic_of(place)
        if topic is None:
            write_part(self.scoring.open_database, place, scored, batch.number, self.plan.stream)
            return len(scored)
        name = f"{self.plan.stream}/{batch.number}/{kind}"
        publication = Publication(name, numbers(batch.starts[topic]), batch.topic_ids.get(topic))
        publisher, is_new = self.publishers.enter(topic, self._name(kind)), batch.is_new
        for _ in range(MAX_SHORTENED):
            messages = self.source.messages(scored)
            if publication.start_offsets.keys() != (self.partitions or prepared.until.keys()):
                messages = (found._replace(partition=BY_KEY) for found in messages)
            try:
                return publisher.publish(messages, publication, is_new=is_new).total
            except MessageRejected as error:
                scored = _shortened(scored, error)
            publisher, is_new = self.publishers.renew(topic, self._name(kind)), False
        raise CountsDisagree(
            f"{name}: records of {MAX_SHORTENED} different sizes are larger than {topic} takes"
        )

    def _close(self, batch: Batch, prepared: Prepared, seconds: float) -> None:
        n_read, n_bad = prepared.n_items, prepared.n_bad
        n_good = len(prepared.good) + len(prepared.bad) - n_bad
        counts = {"n_batches": 1, "n_read": n_read, "n_good": n_good, "n_bad": n_bad, "seconds": seconds}
        facts = {**self.trace.facts, "name": self.plan.model_name, "version": self.plan.model_version}

        def work(connection: Connection) -> bool:
            now = int(time.time())
            is_mine = close_batch(connection, self.plan.stream, batch.number, now)
            if is_mine:
                count_run(connection, self.trace.dag_id, self.trace.run_id, facts, counts, now)
            return is_mine

        is_mine = self.scoring.store.transact(work, lock=SCORING_LOCK)
        log.info(
            "%s: batch %d %s: %d good, %d bad, %.0f records a second",
            self.plan.stream, batch.number, "done" if is_mine else "was closed by another run",
            n_good, n_bad, n_read / max(seconds, 1e-9),
        )  # fmt: skip


def _shortened(scored: list[Scored], error: MessageRejected) -> list[Scored]:
    """The records, with a short error instead of each that no topic takes. Raises ``error`` without any."""
    if error.refused is None:
        raise error
    limit = min(len(error.refused[1] or b""), MAX_LETTER_BYTES)
    short = [
        (item, record, _too_large(value) if len(value) >= limit else value) for item, record, value in scored
    ]
    if sum(len(value) for *_, value in short) >= sum(len(value) for *_, value in scored):
        raise error
    log.error("%s", error)
    return short


def _too_large(value: bytes) -> bytes:
    """What goes out instead of a scored record that is too large for its topic."""
    return to_json({ERROR: f"the scored record has {len(value)} bytes, more than the topic takes"})
