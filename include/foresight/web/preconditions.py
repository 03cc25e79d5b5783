"""Conditional requests: the ETag of an SLA is its revision, so two writers never undo each other."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Header, Request, Response

from foresight.web.errors import Problem

ANY: Final = "*"

IfMatch = Annotated[
    str | None, Header(description="The ETag of what is changed, or * for any; needed.", max_length=1000)
]
IfNoneMatch = Annotated[
    str | None, Header(description="* to create, where there must be none yet.", max_length=1000)
]


@dataclass(frozen=True, slots=True)
class Precondition:
    """What must hold of an SLA before it is changed."""

    revision: str | None
    must_be_new: bool = False


def etag_of(revision: str) -> str:
    """The ETag of a revision."""
    return f'"{revision}"'


def read_precondition(if_match: str | None, if_none_match: str | None = None) -> Precondition:
    """The condition of a change. Raises ``Problem`` 428 where none is given, 412 where none can hold."""
    if if_none_match is not None:
        if if_none_match.strip() != ANY or if_match is not None:
            raise Problem(HTTPStatus.PRECONDITION_FAILED, "If-None-Match is * here, and stands alone")
        return Precondition(None, must_be_new=True)
    if if_match is None:
        raise Problem(
            HTTPStatus.PRECONDITION_REQUIRED,
            "send If-Match with the ETag that you have read; If-None-Match: * creates",
        )
    if if_match.strip() == ANY:
        return Precondition(None)
    tags = _tags(if_match)
    if len(tags) != 1:
        raise Problem(
            HTTPStatus.PRECONDITION_FAILED, "If-Match is one strong ETag, such as one that you have read"
        )
    return Precondition(tags[0])


def is_known(request: Request, etag: str) -> bool:
    """Whether the caller holds what would be answered, as ``If-None-Match`` says."""
    given = request.headers.get("if-none-match")
    if given is None:
        return False
    return given.strip() == ANY or etag.strip('"') in {
        tag.strip().removeprefix("W/").strip('"') for tag in given.split(",")
    }


def not_modified(etag: str) -> Response:
    """The answer to a caller who holds it."""
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag})


def _tags(header: str) -> list[str]:
    tags = [tag.strip() for tag in header.split(",")]
    return [tag[1:-1] for tag in tags if len(tag) > 2 and tag[0] == tag[-1] == '"']
