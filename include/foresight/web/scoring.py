"""Scoring: in fields and values, the same as Watson's clients send it, and by the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from inspect import Parameter, Signature
from typing import Annotated, Any, Final

import orjson
from anyio import to_thread
from fastapi import FastAPI, Path, Query, Request, Response
from pydantic import Field

from foresight import __version__
from foresight.errors import NotFound
from foresight.scoring.binary_tensors import with_data
from foresight.scoring.errors import InvalidRequest
from foresight.services.scoring.deployments import Deployed, InvalidName
from foresight.services.scoring.scorers import Scoring
from foresight.web import strict_json
from foresight.web.auth import Fresh
from foresight.web.context import Doors
from foresight.web.errors import Problem, as_mistakes
from foresight.web.fields import PLAIN, Shown, Whole
from foresight.web.listing import BASE
from foresight.web.requests import JSON, check_media_type

DEPLOYED_SECONDS: Final = 1.0
"""So long it may take until a call sees that another version was deployed."""
SMALL_BYTES: Final = 64 * 1024
"""So small a request to a model of a few questions is answered in the event loop: a thread costs more."""

Reference = Annotated[
    str, Path(pattern=PLAIN, max_length=300, description="name@alias, or name for its champion")
]
WatsonVersion = Annotated[
    str | None,
    Query(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="A date; it changes nothing."),
]
Version = Annotated[Whole, Path(ge=1, le=2**31 - 1)]
INFERENCE_LENGTH: Final = "inference-header-content-length"


class Block(Shown):
    """Records as rows."""

    fields: list[str]
    values: list[list[Any]]


class Predictions(Shown):
    """An answer for each block that was sent."""

    predictions: list[Block]


class Tensor(Shown):
    """What a model takes or gives."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Shown):
    """A model as the Open Inference Protocol describes it."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[Tensor]
    outputs: list[Tensor]


class ServerMetadata(Shown):
    """This server."""

    name: str
    version: str
    extensions: list[str]


class Live(Shown):
    """That the server is there."""

    live: bool


class Ready(Shown):
    """That requests can be answered."""

    ready: bool


class ModelReady(Ready):
    """That a model can be asked."""

    name: str


class Output(Tensor):
    """Values that a model gave."""

    data: list[Any]


class Inferred(Shown):
    """The answer to an inference request."""

    id: str | None = Field(default=None)
    model_name: str
    model_version: str
    outputs: list[Output]


def _sent(example: Any) -> dict[str, Any]:
    schema = {"type": "object", "example": example}
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


_BLOCK: Final = {"fields": ["sepal_length", "sepal_width"], "values": [[5.1, 3.5], [6.0, 3.0]]}
_INFER: Final = {"inputs": [{"name": "sepal_length", "shape": [2], "datatype": "FP64", "data": [5.1, 6.0]}]}


class _Deployments:
    """What is deployed, asked for once a second at most."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._known: Fresh[tuple[Scoring, Deployed]] = Fresh(DEPLOYED_SECONDS)

    async def get(self, reference: str, version: int | None = None) -> tuple[Scoring, Deployed]:
        """The scoring service and a deployment. Raises ``NotFound``, also for another version."""
        scoring = self._doors.scoring
        found = self._known.get((id(scoring), reference))
        if found is None:
            try:
                found = (scoring, await to_thread.run_sync(scoring.deployed, reference))
            except InvalidName as error:
                raise NotFound(str(error)) from error
            self._known.put((id(scoring), reference), found)
        if version not in {None, found[1].version}:
            raise NotFound(f"{reference} has version {found[1].version} deployed, no other one")
        return found

    def check(self) -> None:
        """Raises where the store cannot be asked what is deployed."""
        self._doors.scoring.store.read(lambda connection: connection.exec_driver_sql("SELECT 1").scalar())


async def _scored(found: Deployed, size: int, work: Callable[..., Any], *given: Any) -> Any:
    with as_mistakes():  # of a request that does not fit the model
        if size <= SMALL_BYTES and found.model.decisions is not None:
            return work(found, *given)
        return await to_thread.run_sync(work, found, *given)


def _answer(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type=JSON)


def install(app: FastAPI, doors: Doors) -> None:
    """Adds the routes."""
    deployments = _Deployments(doors)
    _install_blocks(app, deployments)
    _install_protocol(app, deployments)


def _install_blocks(app: FastAPI, deployments: _Deployments) -> None:
    @app.post(
        f"{BASE}/deployments/{{reference}}/score",
        response_model=None,
        responses={200: {"model": Block | list[Block]}},
        openapi_extra=_sent(_BLOCK),
    )
    async def score(request: Request, reference: Reference) -> Response:
        """Scores records in the form of fields and values; one block, or a list of them."""
        check_media_type(request, JSON)
        body = await request.body()
        payload = strict_json.loads(body)
        scoring, found = await deployments.get(reference)
        return _answer(await _scored(found, len(body), scoring.answer, payload))

    @app.post(
        "/ml/v4/deployments/{reference}/predictions",
        response_model=None,
        responses={200: {"model": Predictions}},
        openapi_extra=_sent({"input_data": [_BLOCK]}),
    )
    async def predict(
        request: Request, reference: Reference,
        version: WatsonVersion = None,  # noqa: ARG001 - clients send it
    ) -> Response:  # fmt: skip
        """Scores records as clients of Watson Machine Learning send them."""
        check_media_type(request, JSON)
        body = await request.body()
        blocks = _watson_blocks(strict_json.loads(body))
        scoring, found = await deployments.get(reference)
        return _answer({"predictions": await _scored(found, len(body), scoring.answer, blocks)})


def _watson_blocks(payload: Any) -> list[Any]:
    """The blocks of a Watson request. Raises ``InvalidRequest`` with what is wrong by its name."""
    blocks = payload.get("input_data") if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or set(payload) != {"input_data"} or not isinstance(blocks, list):
        raise InvalidRequest(
            ['a request is {"input_data": [{"fields": […], "values": [[…]]}]} and nothing else']
        )
    mistakes = []
    for place, block in enumerate(blocks):
        if isinstance(block, dict) and "field" in block:
            mistakes.append(f"block {place} has the key field: it is called fields")
        elif isinstance(block, dict) and any(isinstance(name, list) for name in _listed(block.get("fields"))):
            mistakes.append(f"fields of block {place} is a list in a list: it is a list of names")
    if mistakes:
        raise InvalidRequest(mistakes)
    return blocks


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _install_protocol(app: FastAPI, deployments: _Deployments) -> None:
    @app.get("/v2", response_model=ServerMetadata)
    async def get_server() -> Any:
        """What this server is, as the Open Inference Protocol asks."""
        return {"name": "foresight", "version": __version__, "extensions": ["binary_tensor_data"]}

    @app.get("/v2/health/live", response_model=Live)
    async def get_live() -> Any:
        """That the server is there."""
        return {"live": True}

    @app.get("/v2/health/ready", response_model=Ready)
    def get_ready() -> Any:
        """That the store and the models can be reached; 503 where they cannot."""
        deployments.check()
        return {"ready": True}

    for path, suffix in (
        ("/v2/models/{reference}", ""),
        ("/v2/models/{reference}/versions/{version}", "_version"),
    ):
        _install_model(app, deployments, path, suffix)


def _install_model(app: FastAPI, deployments: _Deployments, path: str, suffix: str) -> None:
    """The routes of a model; with a suffix, of one version of it."""

    async def get_model(reference: str, version: int | None = None) -> Any:
        scoring, found = await deployments.get(reference, version)
        return scoring.describe(found)

    async def get_model_ready(reference: str, version: int | None = None) -> Any:
        await deployments.get(reference, version)
        return {"name": reference, "ready": True}

    async def infer(request: Request, reference: str, version: int | None = None) -> Response:
        body = await request.body()
        inference = _inference(request, body)
        scoring, found = await deployments.get(reference, version)
        return _answer(await _scored(found, len(body), scoring.infer, inference))

    told = {
        "get_model": "A model.",
        "get_model_ready": "That a model can be asked.",
        "infer": "Scores tensors.",
    }
    for function in (get_model, get_model_ready, infer):
        annotations = {"reference": Reference, "version": Version} if suffix else {"reference": Reference}
        function.__doc__ = told[function.__name__]
        _sign(function, annotations, has_request=function is infer)
        function.__name__ += suffix
    app.get(path, response_model=ModelMetadata)(get_model)
    app.get(f"{path}/ready", response_model=ModelReady)(get_model_ready)
    app.post(
        f"{path}/infer",
        response_model=None,
        responses={200: {"model": Inferred}},
        openapi_extra=_sent(_INFER),
    )(infer)


def _inference(request: Request, body: bytes) -> Any:
    """An inference request with its binary part. No media type is asked for: Triton's client sends none."""
    given = request.headers.get(INFERENCE_LENGTH)
    if given is None:
        return strict_json.loads(body)
    if not given.isdecimal() or not given.isascii() or int(given) > len(body):
        raise Problem(
            HTTPStatus.BAD_REQUEST, "Inference-Header-Content-Length is the length of the JSON in the body"
        )
    return with_data(strict_json.loads(body[: int(given)]), body[int(given) :])


def _sign(function: Any, annotations: dict[str, Any], *, has_request: bool) -> None:
    kinds = {"request": Request, **annotations} if has_request else annotations
    function.__signature__ = Signature(
        [Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind) for name, kind in kinds.items()]
    )
