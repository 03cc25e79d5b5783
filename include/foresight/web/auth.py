"""The only seam to Airflow: who calls, what they may do, and the audit log.

What this touches is internal to Airflow. Where it is not what this expects, nobody gets in: an import that
fails or an auth manager that raises is an answer 503, never a way around.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock
from typing import Any, Final, Generic, Protocol, TypeVar

from anyio import to_thread
from fastapi import HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials

from foresight.web.errors import RETRY_SECONDS, Problem
from foresight.web.rights import Demand, Right

log = logging.getLogger(__name__)
Value = TypeVar("Value")

COOKIE: Final = "_token"
LONGEST_CACHE_SECONDS: Final = 5.0
"""So long a checked token counts at most: the delay after which its revocation is felt."""
_MOST_TOKENS: Final = 2_000
_LONGEST_TOKEN: Final = 16_384


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. ``key`` names the credentials without telling them; ``user`` is Airflow's."""

    name: str
    key: str
    user: Any = field(repr=False)


class Gate(Protocol):
    """Signs callers in, asks for their rights and keeps the audit log."""

    async def caller(self, request: Request) -> Caller:
        """Who calls. Raises ``Problem``: 401 where nobody or an expired token, 403 for one that is bad."""
        ...

    async def may(self, caller: Caller, right: Right) -> bool:
        """Whether somebody has a right."""
        ...

    async def record(self, caller: Caller, event: str, details: dict[str, Any]) -> None:
        """Writes an entry of the audit log."""
        ...


class Fresh(Generic[Value]):
    """Values that count for some seconds; the ones asked for longest ago are forgotten first."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._values: OrderedDict[Any, tuple[float, Value]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Any) -> Value | None:
        """The value of a key; None where it is not there or too old."""
        with self._lock:
            found = self._values.get(key)
            if found is None or found[0] <= self._clock():
                return None
            return found[1]

    def put(self, key: Any, value: Value) -> None:
        """Keeps a value from now on."""
        with self._lock:
            self._values[key] = (self._clock() + self._seconds, value)
            self._values.move_to_end(key)
            while len(self._values) > _MOST_TOKENS:
                self._values.popitem(last=False)


class AirflowGate:
    """Airflow's auth manager behind a memory of a few seconds (0: none)."""

    def __init__(self, cache_seconds: float = LONGEST_CACHE_SECONDS) -> None:
        seconds = min(max(cache_seconds, 0.0), LONGEST_CACHE_SECONDS)
        self._callers: Fresh[Caller] = Fresh(seconds)
        self._rights: Fresh[bool] = Fresh(seconds)

    async def caller(self, request: Request) -> Caller:
        """See ``Gate``. A token in the header counts, whatever the cookie says."""
        bearer = bearer_of(request)
        token = request.cookies.get(COOKIE) if bearer is None else bearer
        key = hashlib.sha256((token or "").encode("utf-8", "surrogatepass")).hexdigest()
        known = self._callers.get(key) if token else None
        if known is not None:
            return known
        if token is not None and len(token) > _LONGEST_TOKEN:
            raise Problem(HTTPStatus.FORBIDDEN, "Invalid JWT token")
        user = await self._user(request, bearer)
        found = Caller(str(user.get_name()), key if token else f"user {user.get_name()}", user)
        if token:
            self._callers.put(key, found)
        return found

    async def _user(self, request: Request, bearer: str | None) -> Any:
        try:
            from airflow.api_fastapi.core_api.security import get_user

            given = (
                None if bearer is None else HTTPAuthorizationCredentials(scheme="Bearer", credentials=bearer)
            )
            user: Any = await get_user(request, None, given)
        except HTTPException as error:
            headers = {"WWW-Authenticate": "Bearer"} if error.status_code == HTTPStatus.UNAUTHORIZED else None
            raise Problem(error.status_code, str(error.detail), headers=headers) from error
        except Exception as error:
            raise _closed("signing in failed") from error
        if user is None:
            raise Problem(
                HTTPStatus.UNAUTHORIZED, "Not authenticated", headers={"WWW-Authenticate": "Bearer"}
            )
        return user

    async def may(self, caller: Caller, right: Right) -> bool:
        """See ``Gate``."""
        known = self._rights.get((caller.key, right))
        if known is not None:
            return known
        try:
            found = await to_thread.run_sync(
                lambda: all(_is_granted(each, caller.user) for each in right.value)
            )
        except Exception as error:
            raise _closed("asking for rights failed") from error
        self._rights.put((caller.key, right), found)
        return found

    async def record(self, caller: Caller, event: str, details: dict[str, Any]) -> None:
        """See ``Gate``."""
        try:
            await to_thread.run_sync(lambda: _record(caller, event, details))
        except Exception as error:
            raise _closed("writing the audit log failed") from error


def bearer_of(request: Request) -> str | None:
    """The token of the ``Authorization`` header; None where there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _closed(what: str) -> Problem:
    log.exception("%s", what)
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"{what}: nobody is let in",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def _is_granted(demand: Demand, user: Any) -> bool:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import (
        DagAccessEntity,
        DagDetails,
        VariableDetails,
    )
    from airflow.models.dag import DagModel

    manager = get_auth_manager()
    if demand.dag is None:
        return bool(
            manager.is_authorized_variable(method=demand.method, details=VariableDetails(), user=user)
        )
    return bool(
        manager.is_authorized_dag(
            method=demand.method,
            access_entity=DagAccessEntity.RUN if demand.is_run else None,
            details=DagDetails(id=demand.dag, team_name=DagModel.get_team_name(demand.dag)),
            user=user,
        )
    )


def _record(caller: Caller, event: str, details: dict[str, Any]) -> None:
    from airflow.models import Log
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(
            Log(
                event=event,
                task_instance=None,
                owner=caller.name,
                owner_display_name=caller.name,
                extra=json.dumps(details),
            )
        )


def own_origins() -> frozenset[str]:
    """The origins that Airflow is reached at, as its configuration says."""
    from urllib.parse import urlsplit

    from airflow.configuration import conf

    parts = urlsplit(conf.get("api", "base_url", fallback="") or "")
    return frozenset({f"{parts.scheme}://{parts.netloc}"}) if parts.netloc else frozenset()


def start_auth_manager() -> None:
    """Makes Airflow's auth manager in a process that is not its API server."""
    from airflow.api_fastapi.app import init_auth_manager

    init_auth_manager()
