"""A client of the app without a server, and a gate whose callers are roles."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import httpx
from fastapi import FastAPI, Request

from foresight.web.auth import COOKIE, Caller, bearer_of
from foresight.web.errors import Problem
from foresight.web.rights import Right

READS: Final = {Right.READ_SLA, Right.READ_SERIES, Right.READ_SLICE, Right.READ_MODEL}
ROLES: Final[dict[str, set[Right]]] = {
    "viewer": READS,
    "user": READS | {Right.WRITE_SLA, Right.SCORE, Right.DEPLOY},
    "op": READS | {Right.WRITE_SLA, Right.SCORE, Right.DEPLOY, Right.DELETE},
    "admin": set(Right),
}


class RoleGate:
    """Tokens are names of roles; what it is told to record is kept."""

    def __init__(self) -> None:
        self.recorded: list[tuple[str, str]] = []

    async def caller(self, request: Request) -> Caller:
        token = bearer_of(request)
        token = request.cookies.get(COOKIE) if token is None else token
        if not token:
            raise Problem(401, "Not authenticated", headers={"WWW-Authenticate": "Bearer"})
        if token not in ROLES:
            raise Problem(403, "Invalid JWT token")
        return Caller(token, token, None)

    async def may(self, caller: Caller, right: Right) -> bool:
        return right in ROLES[caller.name]

    async def record(self, caller: Caller, event: str, details: dict[str, Any]) -> None:
        self.recorded.append((caller.name, event))


class Door:
    """Calls an app as one role."""

    def __init__(self, app: FastAPI, role: str | None = "admin", base: str = "/api/v1") -> None:
        self.app, self.role, self.base = app, role, base

    def as_role(self, role: str | None) -> Door:
        return Door(self.app, role, self.base)

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        if self.role is not None:
            headers.setdefault("Authorization", f"Bearer {self.role}")
        address = path if path.startswith("//") else f"{self.base}{path}"
        return asyncio.run(self._send(method, address.replace("//", "/", 1), headers, options))

    async def _send(
        self, method: str, path: str, headers: dict[str, str], options: dict[str, Any]
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            return await client.request(method, path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.call("GET", path, **options)

    def json(self, path: str, **options: Any) -> Any:
        answer = self.get(path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()
