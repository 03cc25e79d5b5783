"""Rows of each family as messages: which method reads what, and how its chunks are built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from foresight.retrieval.requests import STATE_NUMBERS
from foresight.retrieval.v1 import retrieval_pb2 as pb
from foresight.services import retrieval as service
from foresight.services.retrieval import Family, Page
from foresight.store.pages import FoundSeries

CHUNK_ROWS: Final = 1_000

_INSTANTS: Final = {"as_of", "slot", "current_slot", "expected_first_slot"}


@dataclass(frozen=True, slots=True)
class Method:
    """One method: its request and response, and the family that it reads; None for the statuses of SLIs."""

    name: str
    family: Family | None
    is_stream: bool = True

    @property
    def request(self) -> type[Message]:
        """The type of its request."""
        found: type[Message] = getattr(pb, f"{self.name}Request")
        return found

    @property
    def response(self) -> type[Message]:
        """The type of its response, or of a chunk of it."""
        found: type[Message] = getattr(pb, f"{self.name}Response")
        return found


METHODS: Final = (
    Method("GetDickeyFuller", service.DICKEY_FULLER, is_stream=False),
    Method("ListDecomposition", service.DECOMPOSITION),
    Method("ListHodrickPrescott", service.HODRICK_PRESCOTT),
    Method("ListAutocorrelation", service.AUTOCORRELATION),
    Method("ListAggregates", service.AGGREGATES),
    Method("ListForecasts", service.FORECASTS),
    Method("ListSliStatuses", None),
)


def field_of(column: str) -> str:
    """The field of a column: instants say their unit."""
    return f"{column}_seconds" if column in _INSTANTS else column


def chunk(method: Method, page: Page, start: int, end: int, last_series: int | None) -> Any:
    """The rows ``start`` to ``end`` of a page as a message, with the series that begin there.

    ``last_series`` is the one that the rows before are of: it was sent already.
    """
    made: Any = method.response()
    names = [field_of(name) for name in page.rows]
    columns = [column[start:end] for column in page.rows.values()]
    if method.family is None:
        columns[names.index("state")] = [STATE_NUMBERS[state] for state in page.rows["state"][start:end]]
    add = made.rows.add
    for row in zip(*columns, strict=True):
        add(**dict(zip(names, row, strict=True)))
    if method.family is not None:
        for one in dict.fromkeys(page.rows["series_id"][start:end]):
            if one != last_series:
                _fill(made.series.add(), page.series[one])
    return made


def add_left_out(made: Any, page: Page) -> None:
    """Adds the series of a page that have no rows."""
    for one, reason in page.left_out.items():
        _fill(made.left_out.add(reason=reason).series, page.series[one])


def _fill(message: Any, found: FoundSeries) -> None:
    message.series_id, message.metric, message.partition = found.id, found.key.metric, found.partition_name
    message.labels.update(found.key.labels)
