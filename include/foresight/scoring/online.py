"""Scoring as a service answers it: ``{"fields": [...], "values": [[...]]}`` in, the same form out.

One such block, or a list of them; the answer has as many. The fields of an answer are the outputs of the
model; where a record is bad its values are null, and a further field ``PredictionError`` says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from foresight.scoring.errors import InvalidRequest
from foresight.scoring.outcome import ERROR, PREDICTION, Record
from foresight.scoring.records import RecordScorer

MAX_BLOCKS: Final = 100
MAX_RECORDS: Final = 10_000
"""Most records of one request."""
MAX_FIELDS: Final = 20_000
MAX_VALUES: Final = 2_000_000
"""Most values of one request."""
MOST_MISTAKES: Final = 20
"""So many mistakes are reported; a request full of them needs no longer answer."""

Block = dict[str, Any]


class Mistakes:
    """Collects what is wrong with a request; ``finish`` raises ``InvalidRequest`` if anything was."""

    def __init__(self) -> None:
        self._found: list[str] = []
        self._more = 0

    def add(self, text: str) -> None:
        """Notes one, or that there are more."""
        if len(self._found) < MOST_MISTAKES:
            self._found.append(text)
        else:
            self._more += 1

    def finish(self) -> None:
        """Raises ``InvalidRequest`` with all of them."""
        if self._found:
            raise InvalidRequest([*self._found, *([f"and {self._more} more"] if self._more else [])])


def answer(scorer: RecordScorer, payload: Any) -> Block | list[Block]:
    """The answer to a payload. Raises ``InvalidRequest`` where it is not of the form, or too large."""
    blocks = read_payload(payload)
    found, _ = scorer.score([record for records in blocks for record in records])
    names = [out.name for out in scorer.model.signature.outputs]
    rest = iter(found)
    answers = [_block(names, [next(rest) for _ in records]) for records in blocks]
    return answers if isinstance(payload, list) else answers[0]


def read_payload(payload: Any) -> list[list[Record]]:
    """The records of each block. Raises ``InvalidRequest`` with every mistake, by block and row."""
    blocks = payload if isinstance(payload, list) else [payload]
    mistakes = Mistakes()
    if not 1 <= len(blocks) <= MAX_BLOCKS:
        mistakes.add(f"a request holds 1 to {MAX_BLOCKS} blocks, this one {len(blocks)}")
        mistakes.finish()
    n_records = n_values = 0
    for place, block in enumerate(blocks):
        if _check_block(f"block {place}" if isinstance(payload, list) else "the payload", block, mistakes):
            n_records += len(block["values"])
            n_values += len(block["values"]) * len(block["fields"])
    check_size(n_records, n_values, mistakes)
    mistakes.finish()
    return [[dict(zip(block["fields"], row, strict=True)) for row in block["values"]] for block in blocks]


def check_size(n_records: int, n_values: int, mistakes: Mistakes) -> None:
    """Notes what is too large."""
    if n_records > MAX_RECORDS:
        mistakes.add(f"{n_records} records, at most {MAX_RECORDS} are scored in one request")
    if n_values > MAX_VALUES:
        mistakes.add(f"{n_values} values, at most {MAX_VALUES} are read in one request")


def _check_block(what: str, block: Any, mistakes: Mistakes) -> bool:
    """Whether the block has its form, but for rows that are wrong, which are noted."""
    if not isinstance(block, Mapping) or set(block) != {"fields", "values"}:
        mistakes.add(f'{what} must be {{"fields": [...], "values": [[...]]}} and nothing else')
        return False
    fields, rows = block["fields"], block["values"]
    if not _are_names(fields):
        mistakes.add(f"fields of {what} must be 1 to {MAX_FIELDS} different texts")
        return False
    if not isinstance(rows, list):
        mistakes.add(f"values of {what} must be a list of rows")
        return False
    for place, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(fields):
            held = f"{len(row)} values" if isinstance(row, list) else "no list"
            mistakes.add(f"row {place} of {what} has {held}, not {len(fields)}")
    return True


def _are_names(fields: Any) -> bool:
    return (
        isinstance(fields, list)
        and 1 <= len(fields) <= MAX_FIELDS
        and all(isinstance(name, str) for name in fields)
        and len(set(fields)) == len(fields)
    )


def _block(names: Sequence[str], found: Sequence[Record]) -> Block:
    has_errors = any(ERROR in record for record in found)
    rows = []
    for record in found:
        prediction = record.get(PREDICTION, {})
        row = [prediction.get(name) for name in names]
        rows.append([*row, record.get(ERROR)] if has_errors else row)
    return {"fields": [*names, *([ERROR] if has_errors else [])], "values": rows}
