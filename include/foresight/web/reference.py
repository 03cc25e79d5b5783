"""Writes the reference of the REST API: ``python -m foresight.web.reference docs/rest-reference.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from foresight.web.documentation import schema_of
from foresight.web.rights import RULES

HEAD = """# Reference of the REST API

Who this is for: whoever calls Foresight over HTTP. Made by `python -m foresight.web.reference`; the guide is
[rest.md](rest.md), and the whole schema is served at `/foresight/openapi.json`. All addresses are below
`/foresight`. Every list may also be had as CSV at the same address with `.csv` behind it.
"""


def reference_of(app: FastAPI) -> str:
    """All operations with their rights and parameters."""
    rules = {
        (method.lower(), route.path): RULES[route.name]
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    schema = schema_of(app)
    lines = [HEAD]
    for path, operations in schema["paths"].items():
        if path.endswith(".csv"):
            continue
        for method, operation in operations.items():
            right = rules[method, path].right.name.lower().replace("_", " ")
            lines += [f"## `{method.upper()} {path}`", "", _told(operation), "", f"Right: {right}.", ""]
            lines += _parameters(operation)
    return "\n".join(lines).rstrip() + "\n"


def _told(operation: dict[str, Any]) -> str:
    return " ".join(str(operation.get("description") or operation["summary"]).split())


def _parameters(operation: dict[str, Any]) -> Iterator[str]:
    parameters = [each for each in operation.get("parameters", ()) if each["in"] != "path"]
    if not parameters:
        return
    yield "| parameter | in | what it is |"
    yield "| --- | --- | --- |"
    for each in parameters:
        told = each.get("description") or each["schema"].get("description") or _kind(each["schema"])
        yield f"| `{each['name']}` | {each['in']} | {told} |"
    yield ""


def _kind(schema: dict[str, Any]) -> str:
    options = [schema, *schema.get("anyOf", ())]
    kinds = [
        str(each.get("format") or each["type"]) for each in options if each.get("type", "null") != "null"
    ]
    return ", ".join(kinds)


if __name__ == "__main__":
    from foresight.web.app import create_app
    from foresight.web.context import Doors

    made = create_app(Doors(None, None, None, None))  # type: ignore[arg-type] # no route is called
    Path(sys.argv[1]).write_text(reference_of(made), encoding="utf-8")
