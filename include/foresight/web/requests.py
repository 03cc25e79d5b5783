"""What every request goes through before its route: sign-in, rights, forged requests, size, spelling.

The order: who calls, whether a browser was made to call, what they may, how often, then what was sent. So
nothing of a body is read for somebody who may not send it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message, Receive

from foresight.web import strict_json
from foresight.web.auth import COOKIE, Caller, bearer_of
from foresight.web.errors import Problem, wrong
from foresight.web.rights import RULES, Rule

if TYPE_CHECKING:
    from foresight.web.context import Doors

JSON: Final = "application/json"
OWN_HEADER: Final = "X-Foresight-Request"
"""A page of another origin cannot set it, so a browser that sends it was not made to."""
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class StrictRequest(Request):
    """A request whose body is bounded and whose JSON is read strictly."""

    async def json(self) -> Any:
        """The document; raises ``Problem``."""
        return strict_json.loads(await self.body())


class GuardedRoute(APIRoute):
    """A route behind its rule. Making one that has no rule fails."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.rule: Rule = RULES[options.get("name") or endpoint.__name__]
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of the route, behind everything else."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            doors: Doors = request.app.state.doors
            request.state.caller = await self._admit(request, doors)
            self._check_address(request)
            if request.headers.get("content-encoding", "identity") != "identity":
                raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a body is sent uncompressed here")
            strict = StrictRequest(request.scope, self._limited(request))
            if self.body_field is not None:
                check_media_type(strict, JSON)
            return await handle(strict)

        return guarded

    async def _admit(self, request: Request, doors: Doors) -> Caller:
        """Who calls, where they may. Raises ``Problem``."""
        if self.rule.takes_scrape_token and (scraper := await doors.scraper(bearer_of(request))):
            return scraper
        caller = await doors.gate.caller(request)
        if request.method not in SAFE:
            refuse_forged(request, doors.own_origins)
        if not await doors.gate.may(caller, self.rule.right):
            raise Problem(HTTPStatus.FORBIDDEN, "Forbidden")
        if self.rule.calls is not None:
            doors.limits.take(self.rule.calls, caller.name)
        if self.rule.writes:
            told = {"method": request.method, **{k: str(v) for k, v in request.path_params.items()}}
            await doors.gate.record(caller, f"foresight.{self.name}", told)
        return caller

    def _check_address(self, request: Request) -> None:
        """Refuses parameters that the route does not know or that are given twice, and control characters."""
        declared = {each.alias: each for each in self.dependant.query_params}
        listed = {name for name, each in declared.items() if _is_list(each)}
        seen: set[str] = set()
        for name, value in request.query_params.multi_items():
            if name not in declared:
                known = ", ".join(sorted(declared)) or "none"
                raise wrong(name[:80], f"there is no such parameter here; there are {known}")
            if name in seen and name not in listed:
                raise wrong(name, "given twice")
            seen.add(name)
            if strict_json.has_control(value):
                raise wrong(name, "holds a control character")
        for name, value in request.path_params.items():
            if strict_json.has_control(str(value)):
                raise wrong(name, "holds a control character")

    def _limited(self, request: Request) -> Receive:
        given = request.headers.get("content-length", "")
        if given.isdecimal() and int(given) > self.rule.max_bytes:
            raise too_large(self.rule.max_bytes)
        return counted(request.receive, self.rule.max_bytes)


def _is_list(parameter: Any) -> bool:
    annotation = parameter.field_info.annotation
    return "list" in str(annotation)


def refuse_forged(request: Request, own_origins: frozenset[str]) -> None:
    """Refuses a change that another site made a browser ask for. Raises ``Problem`` (403).

    That a header ``Authorization`` is there proves nothing: a middleware of Airflow may have added it. So
    whatever comes with a cookie or from a browser must carry ``X-Foresight-Request: 1`` besides.
    """
    headers = request.headers
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in {"same-origin", "none"}:
        raise Problem(HTTPStatus.FORBIDDEN, "this request was made by another site")
    if origin is not None and not _is_own(origin, request, own_origins):
        raise Problem(HTTPStatus.FORBIDDEN, "this request was made by another site")
    is_of_browser = site is not None or origin is not None or COOKIE in request.cookies
    if is_of_browser and headers.get(OWN_HEADER) != "1":
        raise Problem(HTTPStatus.FORBIDDEN, f"a change with a cookie needs the header {OWN_HEADER}: 1")


def _is_own(origin: str, request: Request, own_origins: frozenset[str]) -> bool:
    if origin in own_origins:
        return True
    try:
        return bool(origin != "null" and urlsplit(origin).netloc == request.headers.get("host"))
    except ValueError:
        return False


def counted(receive: Receive, most: int) -> Receive:
    """The same messages; raises ``Problem`` (413) once the body is longer than ``most`` bytes."""
    n_bytes = 0

    async def limited() -> Message:
        nonlocal n_bytes
        message = await receive()
        n_bytes += len(message.get("body", b""))
        if n_bytes > most:
            raise too_large(most)
        return message

    return limited


def too_large(most: int) -> Problem:
    """A body that is too long; the connection is closed, for the rest of it is not read."""
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"a body has at most {most} bytes here",
        headers={"Connection": "close"},
    )


def media_type_of(request: Request) -> str:
    """The media type of a body without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def check_media_type(request: Request, *allowed: str) -> None:
    """Refuses a body of another media type. Raises ``Problem`` (415)."""
    given = media_type_of(request)
    if given in allowed:
        return
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if given or has_body:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"a body here is {' or '.join(allowed)}")
