"""Who may call: Airflow's token, checked by the seam that the REST app uses."""

from __future__ import annotations

from typing import Final, Protocol

from foresight.errors import FinalError, TransientError
from foresight.web.rights import Right

AUTHORIZATION: Final = "authorization"


class Unauthenticated(FinalError):
    """Nobody, or a token that does not count any more."""


class Forbidden(FinalError):
    """A token that is none, or of somebody without the right."""


class SignInUnavailable(TransientError):
    """Airflow cannot be asked now: nobody is let in."""


class Authenticator(Protocol):
    """Lets callers in."""

    async def admit(self, authorization: str | None, right: Right) -> None:
        """Returns where the value of ``authorization`` gives a right.

        Raises ``Unauthenticated``, ``Forbidden`` or ``SignInUnavailable``.
        """
        ...


class AirflowSignIn:
    """Airflow's own tokens and rights. Airflow is imported when this is made."""

    def __init__(self) -> None:
        from foresight.web.auth import AirflowGate, start_auth_manager

        start_auth_manager()
        self._gate = AirflowGate()

    async def admit(self, authorization: str | None, right: Right) -> None:
        """See ``Authenticator``."""
        from starlette.requests import Request

        from foresight.web.errors import Problem

        if not (authorization or "").strip():
            raise Unauthenticated("Not authenticated: send metadata authorization: Bearer TOKEN")
        header = (AUTHORIZATION.encode(), (authorization or "").encode("latin-1", "replace"))
        request = Request(
            {
                "type": "http",
                "method": "POST",
                "path": "/",
                "query_string": b"",
                "headers": [header],
                "state": {},
            }
        )
        try:
            caller = await self._gate.caller(request)
            is_granted = await self._gate.may(caller, right)
        except Problem as problem:
            raise _refusal(problem.status_code, str(problem.detail)) from problem
        if not is_granted:
            raise Forbidden("Forbidden")


def _refusal(status: int, detail: str) -> FinalError | TransientError:
    kinds = {401: Unauthenticated, 403: Forbidden}
    return kinds[status](detail) if status in kinds else SignInUnavailable(detail)
