"""A client that knows no protocol of ours: it asks the server what there is, and calls all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from foresight.store import Store
from tests.unit.retrieval.rooms import BEARER, KEYS, N_SLOTS, reader, talk

pytestmark = pytest.mark.loopback
OURS = "foresight.retrieval.v1.RetrievalService"
N_SERIES = sum(map(len, KEYS.values()))


class Stranger:
    """What a server says of itself, in a pool of its own."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        self._pool = descriptor_pool.DescriptorPool()
        self._known: set[str] = set()

    async def services(self) -> list[str]:
        [answer] = await self._ask(list_services="")
        return [service.name for service in answer.list_services_response.service]

    async def learn(self, service: str) -> Any:
        """The descriptor of a service, with the files that it needs."""
        await self._add(file_containing_symbol=service)
        return self._pool.FindServiceByName(service)

    async def call(self, method: Any, **fields: Any) -> list[Any]:
        wanted = message_factory.GetMessageClass(method.input_type)
        answered = message_factory.GetMessageClass(method.output_type)
        path = f"/{method.containing_service.full_name}/{method.name}"
        kind = self._channel.unary_stream if method.server_streaming else self._channel.unary_unary
        call = kind(path, wanted.SerializeToString, answered.FromString)(wanted(**fields), metadata=BEARER)
        return [message async for message in call] if method.server_streaming else [await call]

    async def _add(self, **question: str) -> None:
        for answer in await self._ask(**question):
            for serialized in answer.file_descriptor_response.file_descriptor_proto:
                file = descriptor_pb2.FileDescriptorProto.FromString(serialized)
                if file.name not in self._known:
                    self._known.add(file.name)
                    for name in file.dependency:
                        await self._add(file_by_filename=name)
                    self._pool.Add(file)

    async def _ask(self, **question: str) -> list[Any]:
        async def requests() -> AsyncIterator[Any]:
            yield reflection_pb2.ServerReflectionRequest(**question)

        call = self._stub.ServerReflectionInfo(requests(), metadata=BEARER)
        return [answer async for answer in call]


def test_a_stranger_lists_and_calls_everything(filled: Store) -> None:
    async def work(channel: Any) -> tuple[list[str], dict[str, int]]:
        stranger = Stranger(channel)
        services = await stranger.services()
        service = await stranger.learn(OURS)
        counts = {
            method.name: sum(len(message.rows) for message in await stranger.call(method))
            for method in service.methods
        }
        health = await stranger.learn("grpc.health.v1.Health")
        [answer] = await stranger.call(health.methods_by_name["Check"], service=OURS)
        assert answer.status == 1
        return services, counts

    services, counts = talk(reader(filled), work)
    assert set(services) == {OURS, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert counts == {
        "GetDickeyFuller": N_SERIES,
        "ListDecomposition": N_SERIES * N_SLOTS,
        "ListHodrickPrescott": N_SERIES * N_SLOTS,
        "ListAutocorrelation": N_SERIES * 41,
        "ListAggregates": N_SERIES,
        "ListForecasts": N_SERIES * 10,
        "ListSliStatuses": 3,
    }


def test_a_stranger_without_a_token_learns_nothing() -> None:
    async def work(channel: Any) -> str:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
        try:
            await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
            await call.done_writing()
            return repr(await call.read())
        except grpc.aio.AioRpcError as error:
            return error.code().name

    assert talk(None, work) == "UNAUTHENTICATED"  # type: ignore[arg-type] # nothing is read
