"""What becomes of a record: a good one with its prediction, a bad one with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

PREDICTION: Final = "Prediction"
ERROR: Final = "PredictionError"
RECORD: Final = "Record"
"""The name under which something that is no object is handed on."""

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that its source could not read: what there is of it, and why."""

    record: Mapping[str, Any]
    reason: str


def with_error(record: Any, reason: str) -> Record:
    """A record for the bad output; what is no object is put into one."""
    return {**record, ERROR: reason} if isinstance(record, Mapping) else {RECORD: record, ERROR: reason}
