"""Requests as questions to the service: what may be asked, in our own words where it may not."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
from google.protobuf import unknown_fields
from google.protobuf.message import DecodeError, Message

from foresight.errors import FinalError
from foresight.matchers import Matcher, Operator
from foresight.retrieval.v1 import retrieval_pb2 as pb
from foresight.services.retrieval import AsOf, Between, Place, Selection, StatusSelection, When

MAX_REQUEST_BYTES: Final = 64 * 1024
MAX_MATCHERS: Final = 64
MAX_METRIC: Final = 512
MAX_PARTITION: Final = 4_096
_MAX_TOKEN: Final = 4_096
_LAST_SECOND: Final = 253_402_300_799
"""9999-12-31T23:59:59Z, the last second that databases know."""
_LAST_ID: Final = 2**63 - 1
_DIGEST_BYTES: Final = 12

_OPERATORS: Final[dict[int, Operator]] = {
    pb.MATCHER_OPERATOR_EQUAL: "=",
    pb.MATCHER_OPERATOR_NOT_EQUAL: "!=",
    pb.MATCHER_OPERATOR_REGEX: "=~",
    pb.MATCHER_OPERATOR_NOT_REGEX: "!~",
}
STATES: Final[dict[int, str]] = {
    number: name.removeprefix("SLI_STATE_").lower() for name, number in pb.SliState.items() if number
}
STATE_NUMBERS: Final = {name: number for number, name in STATES.items()}


class InvalidRequest(FinalError):
    """A request that says something wrong."""


class QueryRefused(FinalError):
    """A request with SQL text: nothing here runs it."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that are no message of the type that was wanted."""

    wanted: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: of which series or SLIs, of when, how many rows, after which one."""

    selection: Selection | StatusSelection
    when: When
    limit: int
    after: Place
    digest: str
    """What a page token is good for: the same method, selection and time."""

    def token(self, place: Place) -> str:
        """The page token that goes on after a row."""
        return base64.urlsafe_b64encode(orjson.dumps([self.digest, *place])).decode()


def parse(message: type[Message], data: bytes) -> Message | Malformed:
    """The message in these bytes; nothing is raised, for a server would answer that with INTERNAL."""
    try:
        return message.FromString(data)
    except (DecodeError, ValueError):
        return Malformed(message.DESCRIPTOR.full_name)


def question(request: Any, n_keys: int) -> Question:
    """What a request asks. Raises ``InvalidRequest`` or ``QueryRefused``.

    ``n_keys``: how many columns tell the rows of one series apart; unused for statuses.
    """
    if request.query:
        raise QueryRefused("no SQL is run here: leave query empty and fill the other fields")
    for where in _unknown(request, ""):
        raise InvalidRequest(f"{where} is unknown to this version of the service")
    if request.limit < 0:
        raise InvalidRequest(f"limit: 0 or more is allowed, got {request.limit}")
    is_status = isinstance(request, pb.ListSliStatusesRequest)
    selection = _statuses(request) if is_status else _selection(request.selector)
    when = _when(request)
    said = [type(request).__name__, *_plain(selection), type(when).__name__, *_plain(when)]
    digest = hashlib.sha256(orjson.dumps(said)).hexdigest()[: 2 * _DIGEST_BYTES]
    kinds: list[type] = [str, str, int] if is_status else [int] * (2 + n_keys)
    return Question(selection, when, request.limit, _place(request.page_token, digest, kinds), digest)


def _plain(given: Selection | StatusSelection | When) -> list[Any]:
    if given is None:
        return []
    if isinstance(given, Selection):
        return [given.metric, [str(each) for each in given.matchers], given.partition]
    if isinstance(given, StatusSelection):
        return [given.sla_name, given.sli_name, given.states]
    return [given.instant] if isinstance(given, AsOf) else [given.start, given.end]


def _selection(selector: Any) -> Selection:
    if len(selector.metric) > MAX_METRIC:
        raise InvalidRequest(f"selector.metric: at most {MAX_METRIC} characters are allowed")
    if len(selector.partition) > MAX_PARTITION:
        raise InvalidRequest(f"selector.partition: at most {MAX_PARTITION} characters are allowed")
    if len(selector.matchers) > MAX_MATCHERS:
        raise InvalidRequest(f"selector.matchers: at most {MAX_MATCHERS} are allowed")
    matchers = tuple(_matcher(row, each) for row, each in enumerate(selector.matchers))
    partition = selector.partition if selector.HasField("partition") else None
    return Selection(selector.metric, matchers, partition)


def _matcher(row: int, given: Any) -> Matcher:
    operator = _OPERATORS.get(given.operator)
    if operator is None:
        allowed = ", ".join(pb.MatcherOperator.Name(number) for number in _OPERATORS)
        raise InvalidRequest(f"selector.matchers[{row}].operator: one of {allowed} is wanted")
    try:
        return Matcher(given.label, operator, given.value)
    except ValueError as error:
        raise InvalidRequest(f"selector.matchers[{row}]: {error}") from error


def _statuses(request: Any) -> StatusSelection:
    for name in ("sla_name", "sli_name"):
        if len(getattr(request, name)) > MAX_METRIC:
            raise InvalidRequest(f"{name}: at most {MAX_METRIC} characters are allowed")
    unknown = [number for number in request.states if number not in STATES]
    if unknown:
        allowed = ", ".join(pb.SliState.Name(number) for number in STATES)
        raise InvalidRequest(f"states: {allowed} are allowed, got {unknown[0]}")
    states = tuple(sorted({STATES[number] for number in request.states}))
    return StatusSelection(request.sla_name, request.sli_name, states)


def _when(request: Any) -> When:
    which = request.WhichOneof("time")
    if which is None:
        return None
    if which == "as_of":
        return AsOf(_seconds("as_of", request.as_of))
    span = request.range
    for name in ("start", "end"):
        if not span.HasField(name):
            raise InvalidRequest(f"range.{name} is missing")
    start, end = _seconds("range.start", span.start), _seconds("range.end", span.end)
    if start >= end:
        raise InvalidRequest("range: start has to lie before end")
    return Between(start, end)


def _seconds(name: str, instant: Any) -> int:
    seconds = int(instant.seconds)
    if instant.nanos or not 0 <= seconds <= _LAST_SECOND:
        raise InvalidRequest(f"{name}: a whole second of the years 1970 to 9999 is wanted")
    return seconds


def _place(token: str, digest: str, kinds: list[type]) -> Place:
    """The place that a page token names; ``kinds`` are the types of its parts."""
    if not token:
        return ()
    wrong = InvalidRequest("page_token: it is none of this question; send what an answer to it said")
    if len(token) > _MAX_TOKEN:
        raise wrong
    try:
        found = orjson.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except ValueError as error:
        raise wrong from error
    if not isinstance(found, list) or found[:1] != [digest] or len(found) != 1 + len(kinds):
        raise wrong
    for row, (value, kind) in enumerate(zip(found[1:], kinds, strict=True)):
        most = _LAST_ID if row == 0 else _LAST_SECOND
        if type(value) is not kind or (isinstance(value, int) and not 0 <= value <= most):
            raise wrong
    return tuple(found[1:])


def _unknown(message: Any, path: str) -> Iterator[str]:
    """Where a message has fields that its type does not know."""
    for each in unknown_fields.UnknownFieldSet(message):
        yield f"{path}field {each.field_number}"
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.file is pb.DESCRIPTOR:
            many = value if field.is_repeated else [value]
            for row, inner in enumerate(many):
                yield from _unknown(
                    inner, f"{path}{field.name}[{row}]." if field.is_repeated else f"{path}{field.name}."
                )
