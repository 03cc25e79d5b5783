"""The schema of the REST API, and a page that shows it; both for those who are signed in."""

from __future__ import annotations

import html
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from foresight.web.context import Doors
from foresight.web.errors import MEDIA_TYPE
from foresight.web.requests import JSON

SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Airflow's, from POST /auth/token."}
}
_OF_READS: Final = (400, 401, 403, 404, 422, 429, 503)
_OF_CHANGES: Final = (*_OF_READS, 409, 412, 413, 415, 428)
_TEXT: Final = {"type": "string"}
_PROBLEM: Final = {
    "type": "object",
    "description": "A refusal (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "errors"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "instance": _TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "reason"],
                "properties": {"field": _TEXT, "reason": _TEXT},
            },
        },
    },
}
_ERROR: Final = {
    "type": "object",
    "description": "A refusal, as the Open Inference Protocol has it.",
    "required": ["error"],
    "properties": {"error": _TEXT},
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
        components = schema.setdefault("components", {})
        components["securitySchemes"] = SCHEMES
        components["schemas"] |= {"Problem": _PROBLEM, "InferenceError": _ERROR}
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                operation["responses"] |= _refusals(path, method)
        schema["security"] = [{name: []} for name in SCHEMES]
    return app.openapi()


def _refusals(path: str, method: str) -> dict[str, Any]:
    """What an operation may answer besides, by status."""
    is_inference = path.startswith("/v2")
    name, media_type = ("InferenceError", JSON) if is_inference else ("Problem", MEDIA_TYPE)
    content = {media_type: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    statuses = _OF_READS if method == "get" else _OF_CHANGES
    return {
        str(status): {"description": HTTPStatus(status).phrase, "content": content} for status in statuses
    }


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
