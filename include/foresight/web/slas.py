"""SLAs one by one: definitions with their revisions, and what is known of them at an as-of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

import orjson
from anyio import to_thread
from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from foresight.errors import NotFound
from foresight.services import sla_changes, sla_views
from foresight.services import slas as all_slas
from foresight.services.sla_changes import Changed, Conflict, Edit
from foresight.sla.definitions import Sla, Sli
from foresight.sla.files import Lint
from foresight.sla.json_form import sla_document
from foresight.store import StoredSla
from foresight.web import strict_json
from foresight.web.answers import (
    ImportedView,
    OutlookView,
    SlaStatusView,
    ValidView,
    ViolationsView,
)
from foresight.web.context import Doors
from foresight.web.definitions import form_of, read_document, sla_of_form, sli_of_form
from foresight.web.errors import Problem, wrong
from foresight.web.fields import PLAIN, When, Whole
from foresight.web.listing import BASE
from foresight.web.preconditions import (
    IfMatch,
    IfNoneMatch,
    Precondition,
    etag_of,
    is_known,
    not_modified,
    read_precondition,
)
from foresight.web.requests import JSON, check_media_type, media_type_of

Result = TypeVar("Result")
_OF_DIFFERENCES: Final = ("is_new", "is_changed", "added", "changed", "removed", "kept")
YAML: Final = "application/yaml"
Mask = Annotated[
    list[str] | None, Query(description="Fields of the body that count; all by default.", max_length=100)
]
SlaName = Annotated[str, Path(pattern=PLAIN, max_length=512, description="Name of the SLA")]
SliName = Annotated[str, Path(pattern=PLAIN, max_length=512, description="Name of the SLI")]
AsOf = Annotated[When | None, Query(description="The newest status at or before it; by default the newest.")]

SlaForm: Any = form_of(Sla)
SliForm: Any = form_of(Sli)
SlaPatch: Any = form_of(Sla, is_partial=True)
SliPatch: Any = form_of(Sli, is_partial=True)


def _body(*forms: Any, yaml: bool = True) -> dict[str, Any]:
    """What the schema says of a body that a route reads itself."""
    content: dict[str, Any] = (
        {JSON: {"schema": {"$ref": f"#/components/schemas/{forms[0].__name__}"}}} if forms else {}
    )
    if yaml:
        content[YAML] = {"schema": {"type": "string"}}
    return {"requestBody": {"required": True, "content": content}}


_DEFINITION: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {
            JSON: {"schema": {"$ref": "#/components/schemas/Sla"}},
            YAML: {"schema": {}},
        },
        "description": "The definition",
    },
    304: {"description": "It is what the caller holds"},
}
_CREATED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": SlaForm, "description": "Replaced, or so already"},
    201: {"model": SlaForm, "description": "Created"},
}


def install(app: FastAPI, doors: Doors) -> None:
    """Adds the routes."""
    _install_definitions(app, doors)
    _install_parts(app, doors)
    _install_views(app, doors)


def _install_definitions(app: FastAPI, doors: Doors) -> None:
    @app.post(
        f"{BASE}/slas",
        status_code=201,
        response_model=None,
        responses={201: _CREATED[201]},
        openapi_extra=_body(SlaForm),
    )
    async def create_sla(request: Request) -> Response:
        """Creates an SLA; 409 where there is one of its name."""
        sla = await _read_sla(request, doors, None)
        return await _in_thread(
            _change, request, doors, sla.name, lambda _: sla, Precondition(None, True), HTTPStatus.CONFLICT
        )

    @app.post(f"{BASE}/slaDocuments/validate", response_model=ValidView, openapi_extra=_body(SlaForm))
    async def validate_slas(request: Request) -> Any:
        """Says what is wrong with definitions, without saving them."""
        if await _is_yaml(request):
            found = await _in_thread(_some_defined, doors, await _text(request))
            return {"slas": [sla.name for sla in found.definitions.slas], "notes": _notes(found)}
        sla = sla_of_form(_checked(SlaForm, await request.json()))
        await _in_thread(sla_changes.check, doors.store, doors.catalogue, [sla])
        return {"slas": [sla.name], "notes": []}

    @app.post(f"{BASE}/slaDocuments", response_model=ImportedView, openapi_extra=_body())
    async def import_slas(
        request: Request,
        prune: Annotated[bool, Query(description="Remove SLIs that the documents do not have.")] = False,
    ) -> Any:
        """Applies every SLA and target of YAML documents (short form, OpenSLO, Sloth, Pyrra): all or none."""
        check_media_type(request, YAML)
        text, caller = await _text(request), request.state.caller.name

        def work() -> Any:
            found = _some_defined(doors, text)
            applied = all_slas.apply_found(doors.store, found, by=caller, at=doors.now, prune=prune)
            changes = [
                {"name": each.sla.name, **{field: getattr(each, field) for field in _OF_DIFFERENCES}}
                for each in applied.differences
            ]
            return {"slas": changes, "targets": applied.targets, "notes": _notes(found)}

        return await _in_thread(work)

    @app.get(
        f"{BASE}/slaDocuments",
        response_class=Response,
        responses={200: {"content": {YAML: {"schema": {}}}}},
    )
    def export_openslo(
        name: Annotated[
            list[str] | None, Query(description="Names of SLAs; all by default.", max_length=1000)
        ] = None,
    ) -> Response:
        """SLAs and the targets that their alerts name, as OpenSLO."""
        text, _ = all_slas.export(doors.store, name or ())
        return Response(text, media_type=YAML)

    @app.get(f"{BASE}/slas/{{name}}", response_model=None, responses=_DEFINITION)
    def get_sla(request: Request, name: SlaName) -> Response:
        """The definition of an SLA, as JSON or, with ``Accept: application/yaml``, as OpenSLO."""
        stored = sla_changes.find(doors.store, name)
        etag = etag_of(stored.revision)
        if is_known(request, etag):
            return not_modified(etag)
        headers = {"ETag": etag, "Vary": "Accept"}
        if YAML in request.headers.get("accept", ""):
            return Response(all_slas.export(doors.store, [name])[0], media_type=YAML, headers=headers)
        return Response(orjson.dumps(stored.document), media_type=JSON, headers=headers)

    @app.put(f"{BASE}/slas/{{name}}", response_model=None, responses=_CREATED, openapi_extra=_body(SlaForm))
    async def put_sla(
        request: Request, name: SlaName, if_match: IfMatch = None, if_none_match: IfNoneMatch = None
    ) -> Response:
        """Replaces an SLA that is as the caller knows it, or creates it."""
        condition = read_precondition(if_match, if_none_match)
        sla = await _read_sla(request, doors, name)
        return await _in_thread(_change, request, doors, name, lambda _: sla, condition)

    @app.patch(f"{BASE}/slas/{{name}}", response_model=None, responses={200: _CREATED[200]})
    def patch_sla(
        request: Request, name: SlaName, patch: SlaPatch, if_match: IfMatch = None,
        update_mask: Mask = None,
    ) -> Response:  # fmt: skip
        """Replaces some fields of an SLA."""
        condition = read_precondition(if_match)
        given = _masked(patch, update_mask)
        return _change(
            request,
            doors,
            name,
            lambda before: _patched(Sla, _document(before, name), given, name),
            condition,
        )

    @app.delete(f"{BASE}/slas/{{name}}", status_code=204, response_class=Response)
    def delete_sla(request: Request, name: SlaName, if_match: IfMatch = None) -> Response:
        """Deletes an SLA; its history stays until retention removes it."""
        condition = read_precondition(if_match)
        with _conflicts():
            sla_changes.remove(
                doors.store, name, expected=condition.revision, by=request.state.caller.name, at=doors.now
            )
        return Response(status_code=204)

    @app.get(
        f"{BASE}/slas/{{name}}/revisions/{{number}}", response_model=None, responses={200: _DEFINITION[200]}
    )
    def get_revision(name: SlaName, number: Annotated[Whole, Path(ge=1, le=2**31 - 1)]) -> Response:
        """The definition that an SLA had from a change on."""
        return Response(orjson.dumps(sla_changes.find_revision(doors.store, name, number)), media_type=JSON)


def _install_parts(app: FastAPI, doors: Doors) -> None:
    path = f"{BASE}/slas/{{name}}/slis/{{sli_name}}"

    @app.get(path, response_model=None, responses={200: {"model": SliForm}})
    def get_sli(request: Request, name: SlaName, sli_name: SliName) -> Response:
        """The definition of one SLI; its ETag is that of its SLA."""
        stored = sla_changes.find(doors.store, name)
        etag = etag_of(stored.revision)
        if is_known(request, etag):
            return not_modified(etag)
        part = _part(stored.document["slis"], name, sli_name)
        return Response(orjson.dumps(part), media_type=JSON, headers={"ETag": etag})

    @app.put(path, response_model=None, responses=_CREATED)
    def put_sli(
        request: Request, name: SlaName, sli_name: SliName, sli: SliForm, if_match: IfMatch = None
    ) -> Response:
        """Replaces an SLI, or adds it behind the others."""
        condition = read_precondition(if_match)
        if sli.name != sli_name:
            raise wrong("name", "it is not the name of the address")
        wanted = sli_of_form(sli)

        def edit(before: StoredSla | None) -> Sla:
            sla = _sla(before, name)
            others = [wanted if each.name == sli_name else each for each in sla.slis]
            return _with_slis(
                sla, others if sli_name in {each.name for each in sla.slis} else [*others, wanted]
            )

        return _change(request, doors, name, edit, condition)

    @app.patch(path, response_model=None, responses={200: _CREATED[200]})
    def patch_sli(
        request: Request, name: SlaName, sli_name: SliName, patch: SliPatch, if_match: IfMatch = None,
        update_mask: Mask = None,
    ) -> Response:  # fmt: skip
        """Replaces some fields of an SLI."""
        condition = read_precondition(if_match)
        given = _masked(patch, update_mask)

        def edit(before: StoredSla | None) -> Sla:
            sla = _sla(before, name)
            document = _part(_document(before, name)["slis"], name, sli_name)
            changed = _patched(Sli, document, given, sli_name)
            return _with_slis(sla, [changed if each.name == sli_name else each for each in sla.slis])

        return _change(request, doors, name, edit, condition)

    @app.delete(path, status_code=204, response_class=Response)
    def delete_sli(request: Request, name: SlaName, sli_name: SliName, if_match: IfMatch = None) -> Response:
        """Takes an SLI away; the last one of an SLA stays."""
        condition = read_precondition(if_match)

        def edit(before: StoredSla | None) -> Sla:
            sla = _sla(before, name)
            left = [each for each in sla.slis if each.name != sli_name]
            if len(left) == len(sla.slis):
                raise NotFound(f"SLA {name!r} has no SLI {sli_name!r}")
            return _with_slis(sla, left)

        _change(request, doors, name, edit, condition)
        return Response(status_code=204)


def _install_views(app: FastAPI, doors: Doors) -> None:
    @app.get(f"{BASE}/slas/{{name}}/status", response_model=SlaStatusView)
    def get_status(name: SlaName, as_of: AsOf = None) -> Any:
        """An SLA with its SLIs, their budgets, burn rates and probabilities."""
        found = sla_views.view(doors.store, name, as_of)
        slis = [
            {
                **row,
                "reasons": (row["details"] or {}).get("reasons", []),
                "windows": found.windows[row["sli_name"]],
            }
            for row in found.slis
        ]
        return {**found.sla, "slis": slis}

    path = f"{BASE}/slas/{{name}}/slis/{{sli_name}}"

    @app.get(f"{path}/violations", response_model=ViolationsView)
    def get_violations(
        name: SlaName, sli_name: SliName, as_of: AsOf = None,
        window_minutes: Annotated[Whole | None, Query(ge=1, le=2**31 - 1)] = None,
    ) -> Any:  # fmt: skip
        """The violations of an SLI by window: start, end and worst value, and as slots."""
        found = sla_views.view(doors.store, name, as_of, sli_name)
        rows = [
            {**row, "violated_slots": sla_views.violated_slots(row["violations"])}
            for row in found.windows[sli_name]
            if window_minutes in {None, row["window_minutes"]}
        ]
        if not rows:
            raise NotFound(f"SLI {sli_name!r} has no window of {window_minutes} minutes")
        return {**found.slis[0], "windows": rows}

    @app.get(f"{path}/outlook", response_model=OutlookView)
    def get_outlook(name: SlaName, sli_name: SliName, as_of: AsOf = None) -> Any:
        """The coming minutes of an SLI, minute by minute."""
        row, minutes = sla_views.minutes_ahead(doors.store, name, sli_name, as_of)
        return {**row, "minutes": [asdict(each) for each in minutes]}


def _change(
    request: Request,
    doors: Doors,
    name: str,
    edit: Edit,
    condition: Precondition,
    status: HTTPStatus = HTTPStatus.PRECONDITION_FAILED,
) -> Response:
    with _conflicts(status):
        done = sla_changes.change(
            doors.store, doors.catalogue, name, edit, expected=condition.revision,
            must_be_new=condition.must_be_new, by=request.state.caller.name, at=doors.now,
        )  # fmt: skip
    return _changed(request, done)


def _changed(request: Request, done: Changed) -> Response:
    headers = {"ETag": etag_of(done.sla.revision)}
    if done.is_new:
        headers["Location"] = f"{request.scope.get('root_path', '')}{BASE}/slas/{done.sla.name}"
    status = HTTPStatus.CREATED if done.is_new else HTTPStatus.OK
    return Response(orjson.dumps(sla_document(done.sla)), status, headers, JSON)


@contextmanager
def _conflicts(status: HTTPStatus = HTTPStatus.PRECONDITION_FAILED) -> Iterator[None]:
    try:
        yield
    except Conflict as error:
        raise Problem(status, str(error)) from error


async def _in_thread(work: Callable[..., Result], *given: Any) -> Result:
    """What ``work`` returns; it may wait for the database, so it runs beside the event loop."""
    return await to_thread.run_sync(partial(work, *given))


async def _is_yaml(request: Request) -> bool:
    check_media_type(request, JSON, YAML)
    return media_type_of(request) == YAML


async def _text(request: Request) -> str:
    try:
        text = (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not UTF-8: {error.reason}") from error
    if strict_json.has_control(text):
        raise Problem(HTTPStatus.BAD_REQUEST, "the body holds a control character")
    return text


def _some_defined(doors: Doors, text: str) -> Lint:
    """What documents define; raises ``Problem`` where that is nothing."""
    found = sla_changes.read_text(doors.store, doors.catalogue, text)
    if not found.definitions.slas and not found.definitions.targets:
        raise wrong("body", "it defines no SLA")
    return found


async def _read_sla(request: Request, doors: Doors, name: str | None) -> Sla:
    """The one SLA of a body, which is that of the address."""
    if await _is_yaml(request):
        found = await _in_thread(sla_changes.read_text, doors.store, doors.catalogue, await _text(request))
        slas = found.definitions.slas
        if len(slas) != 1 or found.definitions.targets:
            raise wrong("body", f"one SLA is needed here, it has {len(slas)}; slaDocuments takes many")
        sla = slas[0]
    else:
        sla = sla_of_form(_checked(SlaForm, await request.json()))
    if name is not None and sla.name != name:
        raise wrong("name", "it is not the name of the address")
    return sla


def _checked(form: Any, document: Any) -> BaseModel:
    try:
        found: BaseModel = form.model_validate(document)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_input=False)) from error
    return found


def _masked(patch: BaseModel, mask: list[str] | None) -> dict[str, Any]:
    """The fields of a patch that count. Raises ``Problem`` for a mask that names others."""
    given = patch.model_dump(exclude_unset=True)
    if mask is None:
        return given
    if unknown := [name for name in mask if name not in given]:
        raise wrong("update_mask", f"{len(unknown)} of its fields are not in the body")
    return {name: given[name] for name in mask}


def _patched(shape: Any, document: dict[str, Any], given: dict[str, Any], name: str) -> Any:
    """A definition with some fields replaced; null gives a field its default back."""
    if given.get("name", name) != name:
        raise wrong("name", "it is not the name of the address; a name cannot be changed")
    merged = {**document, **given}
    return read_document(shape, {key: value for key, value in merged.items() if value is not None})


def _document(before: StoredSla | None, name: str) -> dict[str, Any]:
    if before is None:
        raise NotFound(f"there is no SLA {name!r}")
    return dict(before.document)


def _sla(before: StoredSla | None, name: str) -> Sla:
    if before is None:
        raise NotFound(f"there is no SLA {name!r}")
    return sla_changes.sla_of(before)


def _part(slis: list[dict[str, Any]], name: str, sli_name: str) -> dict[str, Any]:
    for sli in slis:
        if sli["name"] == sli_name:
            return sli
    raise NotFound(f"SLA {name!r} has no SLI {sli_name!r}")


def _with_slis(sla: Sla, slis: list[Sli]) -> Sla:
    try:
        return replace(sla, slis=tuple(slis))
    except ValueError as error:
        raise wrong("slis", str(error)) from error


def _notes(found: Lint) -> list[dict[str, Any]]:
    return [{"line": note.line, "field": note.field, "reason": note.reason} for note in found.notes]
