"""All pages, and the files that they use."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from foresight.errors import NotFound
from foresight.web.context import Doors
from foresight.web.pages import fleet, operations, series, slas, verification
from foresight.web.pages.rendering import STATIC, static_version

TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


def install(app: FastAPI, doors: Doors) -> None:
    """Adds the routes."""
    for each in (fleet, slas, series, operations, verification):
        each.install(app, doors)

    @app.get("/pages", include_in_schema=False)
    def get_first_page(request: Request) -> Response:
        root = request.scope.get("root_path", "")
        return RedirectResponse(f"{root}/pages/fleet")

    @app.get("/pages/static/{name}", include_in_schema=False)
    def get_static(
        name: Annotated[str, Path(pattern=r"^[A-Za-z.]+\.(js|css)$", max_length=40)],
        v: Annotated[str | None, Query(max_length=12)] = None,
    ) -> Response:
        file = STATIC / name
        if not file.is_file():
            raise NotFound(f"there is no file {name!r}")
        kept = "private, max-age=31536000, immutable" if v == static_version(name) else "private, no-cache"
        return Response(file.read_bytes(), media_type=TYPES[file.suffix], headers={"Cache-Control": kept})
