"""An async client: for the command line, and for programs that would rather not speak gRPC themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from foresight.errors import FinalError, ForesightError, NotFound, TransientError
from foresight.matchers import Matcher
from foresight.retrieval.rows import METHODS, Method
from foresight.retrieval.server import is_loopback
from foresight.retrieval.sign_in import Forbidden, Unauthenticated
from foresight.retrieval.v1 import retrieval_pb2 as pb

_OPERATORS: Final = {
    "=": pb.MATCHER_OPERATOR_EQUAL,
    "!=": pb.MATCHER_OPERATOR_NOT_EQUAL,
    "=~": pb.MATCHER_OPERATOR_REGEX,
    "!~": pb.MATCHER_OPERATOR_NOT_REGEX,
}
_BY_NAME: Final = {method.name: method for method in METHODS}
_MOST_BYTES: Final = 16 * 1024 * 1024
_RESUMES: Final = 3


class ServiceUnavailable(TransientError):
    """The service cannot be reached, or not in time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a stream of rows of series; instants are epoch seconds."""

    metric: str = ""
    matchers: Sequence[Matcher] = field(default=())
    as_of: int | None = None
    span: tuple[int, int] | None = None
    limit: int = 0

    def fill(self, request: Any, page_token: str) -> Any:
        """The request of a method with this in it."""
        request.selector.metric = self.metric
        for each in self.matchers:
            request.selector.matchers.add(label=each.label, operator=_OPERATORS[each.op], value=each.value)
        if self.as_of is not None:
            request.as_of.CopyFrom(Timestamp(seconds=self.as_of))
        if self.span is not None:
            request.range.start.CopyFrom(Timestamp(seconds=self.span[0]))
            request.range.end.CopyFrom(Timestamp(seconds=self.span[1]))
        request.limit, request.page_token = self.limit, page_token
        return request


class RetrievalClient:
    """Asks one server; an async context manager.

    Args:
        address: ``host:port``.
        token: gives Airflow's token; it is called for each call, so a new token counts at once.
        tls: the PEM file of the authority that signed the server's certificate; ``True`` for those that the
            system trusts; None for plain text, which only loopback is spoken to in.

    Raises ``FinalError`` for plain text to anywhere else.
    """

    def __init__(
        self, address: str, token: Callable[[], str] | None = None, tls: Path | bool | None = None
    ) -> None:
        host = address.rpartition(":")[0].strip("[]")
        options = [("grpc.max_receive_message_length", _MOST_BYTES)]
        self._address, self._token = address, token
        if tls is None or tls is False:
            if not is_loopback(host):
                raise FinalError(f"{host} is not loopback: a token is sent there with TLS alone")
            self._channel = grpc.aio.insecure_channel(address, options)
        else:
            trusted = tls.read_bytes() if isinstance(tls, Path) else None
            self._channel = grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(trusted), options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def dickey_fuller(self, asked: Asked) -> Any:
        """Every test, in one ``GetDickeyFullerResponse``. Raises as ``chunks`` does."""
        method, whole, token = _BY_NAME["GetDickeyFuller"], pb.GetDickeyFullerResponse(), ""
        call_of = self._channel.unary_unary(
            _path(method), method.request.SerializeToString, method.response.FromString
        )
        while True:
            request = asked.fill(method.request(), token)
            if asked.limit:
                request.limit = asked.limit - len(whole.rows)
            try:
                answer = await call_of(request, metadata=self._metadata())
            except grpc.aio.AioRpcError as error:
                raise self._translated(error) from error
            whole.MergeFrom(answer)
            token = answer.next_page_token
            if not token or (asked.limit and len(whole.rows) >= asked.limit):
                whole.next_page_token = token
                return whole

    async def chunks(self, method: str, asked: Asked) -> AsyncIterator[Any]:
        """The chunks of a stream, such as ``ListForecasts``; a stream that breaks is continued.

        Raises ``NotFound``, ``Unauthenticated``, ``Forbidden``, ``FinalError`` for what is refused otherwise,
        and ``ServiceUnavailable``.
        """
        wanted, token, n_rows, failed = _BY_NAME[method], "", 0, 0
        call_of = self._channel.unary_stream(
            _path(wanted), wanted.request.SerializeToString, wanted.response.FromString
        )
        while True:
            request = asked.fill(wanted.request(), token)
            if asked.limit:
                request.limit = asked.limit - n_rows
            try:
                async for chunk in call_of(request, metadata=self._metadata()):
                    token, n_rows, failed = chunk.next_page_token or token, n_rows + len(chunk.rows), 0
                    yield chunk
            except grpc.aio.AioRpcError as error:
                failed += 1
                if error.code() is not grpc.StatusCode.UNAVAILABLE or not token or failed > _RESUMES:
                    raise self._translated(error) from error
                if asked.limit and n_rows >= asked.limit:
                    return
                continue
            return

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self._token()}"),) if self._token else ()

    def _translated(self, error: Any) -> ForesightError:
        kinds: dict[Any, type[ForesightError]] = {
            grpc.StatusCode.NOT_FOUND: NotFound,
            grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
            grpc.StatusCode.PERMISSION_DENIED: Forbidden,
            grpc.StatusCode.UNAVAILABLE: ServiceUnavailable,
            grpc.StatusCode.DEADLINE_EXCEEDED: ServiceUnavailable,
            grpc.StatusCode.RESOURCE_EXHAUSTED: ServiceUnavailable,
        }
        kind = kinds.get(error.code(), FinalError)
        return kind(f"{self._address}: {error.details() or error.code().name}")


def _path(method: Method) -> str:
    from foresight.retrieval.guard import SERVICE

    return f"/{SERVICE}/{method.name}"
