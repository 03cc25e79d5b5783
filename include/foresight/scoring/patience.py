"""Scoring that does not give up on good records: asked again, halved, one by one."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from foresight.errors import TransientError
from foresight.scoring.errors import CountsDisagree
from foresight.scoring.outcome import Record, with_error

log = logging.getLogger(__name__)

Score = Callable[[Sequence[Any]], tuple[list[Record], list[int]]]
"""Each record with its prediction or error, and the places of the bad ones."""


@dataclass(frozen=True, slots=True)
class PatientScore:
    """A scoring function that may fail: for a while (``TransientError``), or over some records."""

    score: Score
    retries: int
    backoff_seconds: float

    def __call__(self, records: list[Any]) -> tuple[list[Record], Sequence[int]]:
        """Halve what fails until each guilty record is alone; raises only ``TransientError``."""
        try:
            return self._ask_again(records)
        except TransientError:
            raise
        except Exception as error:  # noqa: BLE001 (a model may raise anything; the record says what)
            if len(records) == 1:
                return [with_error(records[0], f"the model failed: {error or type(error).__name__}")], (0,)
        middle = len(records) // 2
        first, bad_first = self(records[:middle])
        second, bad_second = self(records[middle:])
        return first + second, [*bad_first, *(middle + place for place in bad_second)]

    def one_by_one(self, records: list[Any]) -> tuple[list[Record], Sequence[int]]:
        """For a bundle that has killed workers: what would kill another is the error of its record."""
        found: list[Record] = []
        bad: list[int] = []
        for place, record in enumerate(records):
            try:
                one, wrong = self([record])
            except Exception:
                raise
            except BaseException as error:  # noqa: BLE001 (it has killed workers already)
                one, wrong = [with_error(record, f"the worker died: {error or type(error).__name__}")], (0,)
            found += one
            bad += [place] * len(wrong)
        return found, bad

    def _ask_again(self, records: list[Any]) -> tuple[list[Record], list[int]]:
        for attempt in range(self.retries):
            try:
                return self._all(records)
            except TransientError as error:
                pause = self.backoff_seconds * 2**attempt
                log.warning("the model cannot be reached, again in %.1f s: %s", pause, error)
                time.sleep(pause)
        return self._all(records)

    def _all(self, records: list[Any]) -> tuple[list[Record], list[int]]:
        found, bad = self.score(records)
        if len(found) != len(records):
            raise CountsDisagree(f"the model gave {len(found)} answers for {len(records)} records")
        return found, bad
