"""The schema of the REST API, and a page that shows it; both for those who are signed in."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from foresight.web.context import Doors

SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of Airflow, from POST /auth/token.",
    },
    "cookie": {"type": "apiKey", "in": "cookie", "name": "_token", "description": "The UI's own sign-in."},
}


def install(app: FastAPI, _: Doors) -> None:
    """Adds the routes."""

    @app.get("/openapi.json", include_in_schema=False)
    def get_openapi(request: Request) -> Response:
        return JSONResponse(
            {**schema_of(app), "servers": [{"url": request.scope.get("root_path", "") or "/"}]}
        )

    @app.get("/docs", include_in_schema=False)
    def get_documentation() -> Response:
        return HTMLResponse(page_of(schema_of(app)))


def schema_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    if app.openapi_schema is None:
        schema = app.openapi()
        schema.setdefault("components", {})["securitySchemes"] = SCHEMES
        schema["security"] = [{name: []} for name in SCHEMES]
    return app.openapi()


def page_of(schema: dict[str, Any]) -> str:
    """A plain page of all operations, without a script."""
    rows = "\n".join(_rows(schema))
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(schema['info']['title'])}: "
        "REST API</title><h1>REST API</h1><p>The whole schema: <a href=openapi.json>openapi.json</a>.</p>"
        f"<table><tr><th>Method<th>Address<th>What it does</tr>\n{rows}</table></html>"
    )


def _rows(schema: dict[str, Any]) -> Iterator[str]:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            said = html.escape(operation.get("description") or operation.get("summary", ""))
            yield f"<tr><td>{method.upper()}<td><code>{html.escape(path)}</code><td>{said}</tr>"
