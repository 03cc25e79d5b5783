"""Records scored in bundles by several workers: nothing is lost, each output keeps the order of the input.

A reader cuts the source into numbered bundles and stops when too many are on their way; workers score them;
whoever finishes the bundle that is next in line hands it, and those waiting behind it, to the outputs. A
bundle that fails in the model is halved until each guilty record is alone. In the end the records read
are the good and the bad ones, or the run fails.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from foresight.scoring.errors import CountsDisagree, InvalidMapping
from foresight.scoring.garbage import rare_collections
from foresight.scoring.outlet import Outlet, Sink
from foresight.scoring.patience import PatientScore, Score
from foresight.scoring.sources import Source, as_source

log = logging.getLogger(__name__)

_LIVES = 2
"""How many workers a bundle may cost before it is halved, and a single record before it is bad."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run works; ``queue_size`` counts bundles, waits are in seconds."""

    bundle_size: int = 100
    workers: int = 5
    queue_size: int = 20
    linger_seconds: float = 0.05
    single_output: bool = False
    ordered: bool = True
    retries: int = 5
    backoff_seconds: float = 0.2
    report_seconds: float = 5.0

    def __post_init__(self) -> None:
        limits = {
            "bundle_size": (1, 1_000_000),
            "workers": (1, 256),
            "queue_size": (1, 100_000),
            "linger_seconds": (0, 3600),
            "retries": (0, 100),
            "backoff_seconds": (0, 3600),
            "report_seconds": (0.01, 3600),
        }
        wrong = []
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            kinds = float | int if name.endswith("seconds") else int
            if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
                wrong.append(f"{name} must be from {low} to {high}, got {value!r}")
        if wrong:
            raise InvalidMapping("; ".join(wrong))


@dataclass(frozen=True, slots=True)
class Load:
    """How a run goes: counts since its start, ``records_per_second`` since the last report."""

    read: int
    good: int
    bad: int
    queue_depth: int
    elapsed_seconds: float
    records_per_second: float


@dataclass(slots=True)
class _Bundle:
    number: int
    records: list[Any]
    lives: int = _LIVES


class BundleRun:
    """One run; ``run`` works until the source ends or ``stop`` is called."""

    def __init__(
        self,
        source: Source | Iterable[Any],
        score: Score,
        good: Sink,
        bad: Sink | None = None,
        settings: Settings | None = None,
        on_load: Callable[[Load], None] | None = None,
    ) -> None:
        self.settings = settings or Settings()
        if bad is None and not self.settings.single_output:
            raise InvalidMapping("two outputs need a place for bad records, or single_output")
        self._source = as_source(source)
        self._patient = PatientScore(score, self.settings.retries, self.settings.backoff_seconds)
        self._on_load = on_load
        self._waiting: queue.SimpleQueue[_Bundle | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(self.settings.queue_size + self.settings.workers)
        self._outlet = Outlet(
            good,
            None if self.settings.single_output else bad,
            self._room.release,
            ordered=self.settings.ordered,
        )
        self._lock = threading.Lock()
        self._events: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._workers: dict[threading.Thread, _Bundle | None] = {}
        self._dead: set[threading.Thread] = set()
        self._leaving = 0
        self._wanted = self.settings.workers
        self._records = self._bundles = 0
        self._over = False
        self._failure: BaseException | None = None
        self._source_error: BaseException | None = None

    def stop(self) -> None:
        """Read no more; what was read is still scored and handed out."""
        self._source.stop()

    def set_workers(self, workers: int) -> None:
        """Work with this many workers from now on."""
        self._wanted = Settings(workers=workers).workers
        self._events.put("workers")

    def run(self) -> Load:
        """Score all; raises what the source, an output or the last retry raised, or ``CountsDisagree``."""
        start = time.monotonic()
        reader = threading.Thread(target=self._read_all, name="scoring-reader", daemon=True)
        reader.start()
        try:
            with rare_collections():
                self._watch(start)
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            workers = list(self._workers)
            for _ in workers:
                self._waiting.put(None)
        for thread in [reader, *workers]:
            thread.join(timeout=10.0)
        elapsed = time.monotonic() - start
        load = self._load(elapsed, self._n_out() / max(elapsed, 1e-9))
        self._report(load)
        failure = self._failure or self._source_error
        if failure is not None:
            raise failure
        if load.read != load.good + load.bad:
            raise CountsDisagree(f"{load.read} records were read, {load.good} are good and {load.bad} bad")
        return load

    def _watch(self, start: float) -> None:
        """Until all is handed out: keep the number of workers, report the load."""
        last, seen = start, 0
        self._staff()
        while not self._is_finished():
            with suppress(queue.Empty):
                self._events.get(timeout=self.settings.report_seconds)
            self._staff()
            now = time.monotonic()
            if now - last >= self.settings.report_seconds:
                self._report(self._load(now - start, (self._n_out() - seen) / (now - last)))
                seen, last = self._n_out(), now

    def _is_finished(self) -> bool:
        return self._failure is not None or (self._over and self._outlet.bundles == self._bundles)

    def _n_out(self) -> int:
        return self._outlet.good + self._outlet.bad

    def _load(self, elapsed: float, rate: float) -> Load:
        return Load(self._records, self._outlet.good, self._outlet.bad, self._waiting.qsize(), elapsed, rate)

    def _report(self, load: Load) -> None:
        log.info(
            "%d records read, %d good, %d bad, %.0f a second, %d bundles waiting",
            load.read, load.good, load.bad, load.records_per_second, load.queue_depth,
        )  # fmt: skip
        if self._on_load is not None:
            self._on_load(load)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._source.stop()
        self._room.release()
        self._events.put("failed")

    def _read_all(self) -> None:
        size, linger = self.settings.bundle_size, self.settings.linger_seconds
        try:
            while self._failure is None:
                self._room.acquire()
                records = self._source.read(size, linger)
                if records is None:
                    break
                if not records:
                    self._room.release()
                    continue
                self._records += len(records)
                self._waiting.put(_Bundle(self._bundles, records))
                self._bundles += 1
        except BaseException as error:  # noqa: BLE001 (raised again by run, after what was read is handed out)
            log.warning("the source failed after %d records: %s", self._records, error)
            self._source_error = error
        self._over = True
        self._events.put("read")

    def _staff(self) -> None:
        """Replace workers that died, with the bundle that they held, and come to the wanted number."""
        for thread in list(self._dead):
            self._dead.discard(thread)
            bundle = self._workers.pop(thread)
            if bundle is not None:
                log.warning("a worker died on bundle %d; another one takes over", bundle.number)
                bundle.lives -= 1
                self._waiting.put(bundle)
        with self._lock:
            staff = len(self._workers) - self._leaving
            for _ in range(staff - self._wanted):
                self._leaving += 1
                self._waiting.put(None)
        for _ in range(self._wanted - staff):
            thread = threading.Thread(target=self._work, name="scoring-worker", daemon=True)
            self._workers[thread] = None
            thread.start()

    def _work(self) -> None:
        me = threading.current_thread()
        while (bundle := self._waiting.get()) is not None and self._failure is None:
            self._workers[me] = bundle
            try:
                scoring = self._patient if bundle.lives > 0 else self._patient.one_by_one
                found, bad = scoring(bundle.records)
            except Exception as error:  # noqa: BLE001 (raised again by run)
                self._fail(error)
                return
            except BaseException:  # noqa: BLE001 (this worker is dead; its watcher gets the error)
                self._dead.add(me)
                self._events.put("died")
                return
            try:
                self._outlet.put(bundle.number, found, bad)
            except BaseException as error:  # noqa: BLE001 (raised again by run)
                self._fail(error)
                return
            self._workers[me] = None
            if self._is_finished():
                self._events.put("finished")
        with self._lock:
            self._leaving -= 1
            self._workers.pop(me, None)
