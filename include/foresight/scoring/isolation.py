"""Scoring in a process of its own: a record that ends the process is found, set aside, and ends no run.

A crash inside of a library cannot be caught. So records that may have ended a process before are handed to
a child; when it dies, another one is handed a part of them after the other, until the guilty record stands
alone.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import IO, Any, Final, Self

from foresight.errors import TransientError
from foresight.scoring.errors import InvalidModel
from foresight.scoring.kinds import load_model
from foresight.scoring.mapping import read_mapping
from foresight.scoring.outcome import BadRecord, Record, with_error
from foresight.scoring.records import RecordScorer

PARTS: Final = 16
"""Into how many parts records are divided after a death: a new child costs more than many small parts."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a child makes its scorer of: file and kind of a model, a mapping as ``read_mapping`` takes it."""

    data: bytes
    kind: str
    mapping: Any = None
    reads_text: bool = False


class _Ended(Exception):
    """The child is gone; its text says how."""


class IsolatedScorer:
    """Scores as ``RecordScorer`` does; safe to use from several threads, one after the other."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._end()

    def score(self, records: Sequence[Any]) -> tuple[list[Record], list[int]]:
        """Each record with its prediction or its error, and the places of the bad ones."""
        with self._lock:
            return self._divided(list(records))

    def _divided(self, records: list[Any]) -> tuple[list[Record], list[int]]:
        try:
            return self._ask(records)
        except _Ended as error:
            if len(records) == 1:
                (one,) = records
                given = one.record if isinstance(one, BadRecord) else one
                return [with_error(given, f"the model ended its process {error}")], [0]
        step = -(-len(records) // PARTS)
        found, bad = list[Record](), list[int]()
        for start in range(0, len(records), step):
            more, worse = self._divided(records[start : start + step])
            found += more
            bad += [start + place for place in worse]
        return found, bad

    def _ask(self, records: list[Any]) -> tuple[list[Record], list[int]]:
        child = self._running()
        state, answer = self._exchange(child, records)
        if state == "transient":
            raise TransientError(answer)
        if state == "failed":
            raise RuntimeError(answer)
        return answer  # type: ignore[no-any-return] # our own child sends what this returns

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        command = [sys.executable, "-W", "ignore", "-m", "foresight.scoring.isolation"]
        self._child = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            state, answer = self._exchange(self._child, self._recipe)
        except _Ended as error:
            raise InvalidModel(f"loading the model ended its process {error}") from error
        if state != "ready":
            raise InvalidModel(answer)
        return self._child

    def _exchange(self, child: subprocess.Popen[bytes], message: Any) -> tuple[str, Any]:
        assert child.stdin is not None  # noqa: S101 (it was started with pipes)
        assert child.stdout is not None  # noqa: S101
        try:
            pickle.dump(message, child.stdin)
            child.stdin.flush()
            return pickle.load(child.stdout)  # type: ignore[no-any-return] # noqa: S301 (from our own child)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            status = child.wait()
            self._end()
            raise _Ended(_how(status)) from error

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _how(status: int) -> str:
    return f"with signal {signal.Signals(-status).name}" if status < 0 else f"with status {status}"


def main() -> None:
    """Answers what comes on standard input until that ends."""
    into: IO[bytes] = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # libraries print what they like: not into the answers
    given = sys.stdin.buffer
    try:
        recipe: Recipe = pickle.load(given)  # noqa: S301 (from our own parent)
        model = load_model(recipe.data, recipe.kind)
        mapping = read_mapping(recipe.mapping, model.signature, reads_text=recipe.reads_text)
        scorer = RecordScorer(model, mapping)
        _say(into, "ready", None)
    except Exception as error:  # noqa: BLE001 (reported to the caller)
        _say(into, "failed", str(error) or type(error).__name__)
        return
    while True:
        try:
            records = pickle.load(given)  # noqa: S301 (from our own parent)
        except EOFError:
            return
        try:
            _say(into, "scored", scorer.score(records))
        except TransientError as error:
            _say(into, "transient", str(error))
        except Exception as error:  # noqa: BLE001 (a model may raise anything)
            _say(into, "failed", str(error) or type(error).__name__)


def _say(into: IO[bytes], state: str, answer: Any) -> None:
    # Made whole first: what cannot be pickled must not leave half an answer.
    into.write(pickle.dumps((state, answer)))
    into.flush()


if __name__ == "__main__":
    # Under its own name: what is pickled here is unpickled there.
    from foresight.scoring import isolation

    isolation.main()
