"""Everything that a door refuses, as ``application/problem+json`` (RFC 9457), and errors of ours as such.

A problem never repeats what was sent: ``field`` says where, ``reason`` what is allowed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Match

from foresight.errors import (
    FinalError,
    ForesightError,
    InvalidDocument,
    NotFound,
    TransientError,
)
from foresight.scoring.errors import InvalidRequest
from foresight.store import SchemaMismatch

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 5
"""What a client is told to wait where the world failed."""
MOST_ERRORS: Final = 100

Errors = list[dict[str, str]]


class Problem(HTTPException):
    """A refusal; ``errors`` are the fields that are wrong and why."""

    def __init__(
        self, status: int, detail: str, errors: Errors | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.errors = errors or []


def wrong(field: str, reason: str, status: int = HTTPStatus.UNPROCESSABLE_ENTITY) -> Problem:
    """A problem with one field."""
    return Problem(status, f"{field}: {reason}", [{"field": field, "reason": reason}])


@contextmanager
def as_mistakes(*kinds: type[Exception]) -> Iterator[None]:
    """What is refused for good inside, or is of other ``kinds``, is a mistake of the request: 422, not 409.

    What is not there stays 404, and a document keeps the places of its mistakes.
    """
    caught: tuple[type[Exception], ...] = (FinalError, *kinds)
    try:
        yield
    except (NotFound, InvalidDocument):
        raise
    except caught as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error


def problem_of(error: ForesightError) -> Problem:
    """What an error of ours is over HTTP."""
    if isinstance(error, InvalidDocument):
        errors = [
            {"field": mistake.field, "reason": _placed(mistake.line, mistake.reason)}
            for mistake in error.mistakes[:MOST_ERRORS]
        ]
        n = len(error.mistakes)
        return Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"{n} {'mistake' if n == 1 else 'mistakes'} in it", errors
        )
    if isinstance(error, InvalidRequest):
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    if isinstance(error, NotFound):
        return Problem(HTTPStatus.NOT_FOUND, str(error))
    if isinstance(error, TransientError | SchemaMismatch):
        return Problem(
            HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers={"Retry-After": str(RETRY_SECONDS)}
        )
    if isinstance(error, FinalError):
        return Problem(HTTPStatus.CONFLICT, str(error))
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Foresight failed; the log of the API server says why")


def answer(request: Request, problem: StarletteHTTPException) -> Response:
    """A problem as an answer; the Open Inference Protocol has a form of its own."""
    status, detail = problem.status_code, str(problem.detail)
    headers = {"Cache-Control": "no-store", **(problem.headers or {})}
    path = request.scope.get("path", "").removeprefix(request.scope.get("root_path", ""))
    if path == "/v2" or path.startswith("/v2/"):
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            status = HTTPStatus.BAD_REQUEST
        return Response(orjson.dumps({"error": detail}), status, headers, "application/json")
    if path.startswith("/pages"):
        return _page(request, status, detail, headers)
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.scope.get("path", ""),
        "errors": getattr(problem, "errors", []),
    }
    return Response(orjson.dumps(content), status, headers, MEDIA_TYPE)


_ADVICE: Final = {
    HTTPStatus.UNAUTHORIZED: "Sign in to Airflow in this browser, then load this page again.",
    HTTPStatus.FORBIDDEN: "Your role in Airflow lacks the right. Ask whoever administers it.",
    HTTPStatus.NOT_FOUND: "It may have been renamed or removed. The fleet page lists what there is.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Load this page again in a moment. foresight doctor says what is wrong.",
}


def _page(request: Request, status: int, detail: str, headers: Mapping[str, str]) -> Response:
    from foresight.web.pages.rendering import page

    title = HTTPStatus(status).phrase
    answered = page(
        request, "error.html", status, title=title, detail=detail, advice=_ADVICE.get(HTTPStatus(status), "")
    )
    answered.headers.update(headers)
    return answered


def install(app: FastAPI) -> None:
    """Makes an app answer every error as a problem."""

    async def http(request: Request, error: Any) -> Response:
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = ", ".join(sorted(_methods(app, request)))
            return answer(
                request, Problem(error.status_code, f"allowed here: {allowed}", headers={"Allow": allowed})
            )
        if error.status_code == HTTPStatus.NOT_FOUND and not isinstance(error, Problem):
            return answer(request, Problem(error.status_code, "there is nothing at this address"))
        return answer(request, error)

    async def invalid(request: Request, error: Any) -> Response:
        return answer(request, of_validation(error.errors()))

    async def ours(request: Request, error: Any) -> Response:
        problem = problem_of(error)
        if problem.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.warning("%s: %s", type(error).__name__, error)
        return answer(request, problem)

    async def unforeseen(request: Request, _: Exception) -> Response:
        return answer(request, problem_of(ForesightError()))  # Starlette raises it again: it is logged

    app.add_exception_handler(StarletteHTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ForesightError, ours)
    app.add_exception_handler(Exception, unforeseen)


def of_validation(found: Iterable[Mapping[str, Any]]) -> Problem:
    """What Pydantic found, without what was sent."""
    errors = [{"field": _dotted(each["loc"]), "reason": str(each["msg"])} for each in found][:MOST_ERRORS]
    shown = "; ".join(f"{each['field']}: {each['reason']}" for each in errors[:3])
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, shown or "the request is not valid", errors)


def _dotted(location: Iterable[Any]) -> str:
    steps = list(location)
    if steps and steps[0] in {"body", "query", "path", "header"}:
        steps = steps[1:] or ["body"]
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def _placed(line: int, reason: str) -> str:
    return f"line {line}: {reason}" if line else reason


def _methods(app: FastAPI, request: Request) -> set[str]:
    found: set[str] = set()
    for route in app.router.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= set(getattr(route, "methods", None) or ())
    return found | ({"HEAD"} if "GET" in found else set())
