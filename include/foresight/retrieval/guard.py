"""What stands before every call: sign-in, requests that are no messages, and errors as gRPC's codes."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from foresight.errors import NotFound, TransientError
from foresight.retrieval.requests import InvalidRequest, Malformed, QueryRefused, parse
from foresight.retrieval.rows import METHODS
from foresight.retrieval.sign_in import AUTHORIZATION, Authenticator, Forbidden, Unauthenticated
from foresight.retrieval.v1 import retrieval_pb2 as pb
from foresight.web.rights import Right

log = logging.getLogger(__name__)

SERVICE: Final = pb.DESCRIPTOR.services_by_name["RetrievalService"].full_name
_MOST_WORDS: Final = 1_000

CODES: Final = {
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    QueryRefused: grpc.StatusCode.UNIMPLEMENTED,
    NotFound: grpc.StatusCode.NOT_FOUND,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    TransientError: grpc.StatusCode.UNAVAILABLE,
}
"""The code of each error; the first that fits. What is none of these is INTERNAL, and the log says what."""

RIGHTS: Final[dict[str, Right | None]] = {
    **{
        f"/{SERVICE}/{method.name}": Right.READ_SERIES if method.family else Right.READ_SLA
        for method in METHODS
    },
    "/grpc.health.v1.Health/Check": None,
    "/grpc.health.v1.Health/Watch": Right.READ_SERIES,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Right.READ_SERIES,
}
"""The right that each method wants; None: nobody has to sign in."""

REQUESTS: Final[dict[str, type[Message]]] = {
    **{f"/{SERVICE}/{method.name}": method.request for method in METHODS},
    "/grpc.health.v1.Health/Check": health_pb2.HealthCheckRequest,
    "/grpc.health.v1.Health/Watch": health_pb2.HealthCheckRequest,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": (
        reflection_pb2.ServerReflectionRequest
    ),
}
Behaviour = Callable[[Any, Any], Any]


class Guard(grpc.aio.ServerInterceptor):  # type: ignore[misc] # grpcio ships no types
    """Wraps every method that the server knows; one without an entry in ``RIGHTS`` is not served."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """The handler of a method behind this guard."""
        name = handler_call_details.method
        handler = await continuation(handler_call_details)
        if handler is None or name not in RIGHTS:
            return None
        options = {
            "request_deserializer": partial(parse, REQUESTS[name]),
            "response_serializer": handler.response_serializer,
        }
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(
                self._streams(name, handler.stream_stream), **options
            )
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(self._stream(name, handler.unary_stream), **options)
        return grpc.unary_unary_rpc_method_handler(self._unary(name, handler.unary_unary), **options)

    async def _admit(self, name: str, context: Any) -> None:
        right = RIGHTS[name]
        if right is None:
            return
        given = [value for key, value in context.invocation_metadata() or () if key == AUTHORIZATION]
        if len(given) > 1:
            raise Unauthenticated("authorization is sent twice")
        authorization = given[0] if given else None
        await self._authenticator.admit(authorization if isinstance(authorization, str | None) else "", right)

    def _unary(self, name: str, behaviour: Behaviour) -> Behaviour:
        async def guarded(request: Any, context: Any) -> Any:
            try:
                await self._admit(name, context)
                return await behaviour(_whole(request), context)
            except Exception as error:  # noqa: BLE001 - it becomes a code; faults of ours are logged
                await _abort(context, error)

        return guarded

    def _stream(self, name: str, behaviour: Behaviour) -> Behaviour:
        async def guarded(request: Any, context: Any) -> AsyncIterator[Any]:
            try:
                await self._admit(name, context)
                if inspect.isasyncgenfunction(behaviour):
                    async for message in behaviour(_whole(request), context):
                        yield message
                else:
                    await behaviour(_whole(request), context)
            except Exception as error:  # noqa: BLE001 - it becomes a code; faults of ours are logged
                await _abort(context, error)

        return guarded

    def _streams(self, name: str, behaviour: Behaviour) -> Behaviour:
        async def guarded(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
            try:
                await self._admit(name, context)
                async for message in behaviour(_all_whole(requests), context):
                    yield message
            except Exception as error:  # noqa: BLE001 - it becomes a code; faults of ours are logged
                await _abort(context, error)

        return guarded


def _whole(request: Any) -> Any:
    if isinstance(request, Malformed):
        raise InvalidRequest(f"these bytes are no {request.wanted}")
    return request


async def _all_whole(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield _whole(request)


async def _abort(context: Any, error: Exception) -> None:
    """Ends a call with the code of an error; one that aborts it already is passed on."""
    if isinstance(error, grpc.aio.AbortError):
        raise error
    for kind, code in CODES.items():
        if isinstance(error, kind):
            await context.abort(code, str(error)[:_MOST_WORDS])
    log.error("a call failed", exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, "the service failed; its log says why")
