"""What becomes of a record: a good one with its prediction, a bad one with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

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


class Answer(dict[str, Any]):
    """A prediction that many records share: it is read, encoded and copied as a dict, but not changed."""

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("this prediction belongs to many records: change a copy of it, dict(prediction)")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied or pickled, it is a dict of its own."""
        return dict, (dict(self),)


def with_error(record: Any, reason: str) -> Record:
    """A record for the bad output, without an earlier prediction; what is no object is put into one."""
    if not isinstance(record, Mapping):
        return {RECORD: record, ERROR: reason}
    made = {**record, ERROR: reason}
    made.pop(PREDICTION, None)
    return made


def with_prediction(record: Mapping[str, Any], prediction: Mapping[str, Any]) -> Record:
    """A record for the good output, without an earlier error."""
    made = {**record, PREDICTION: prediction}
    made.pop(ERROR, None)
    return made
