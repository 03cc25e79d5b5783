"""The service over a real channel: its answers, its refusals with their codes, and when it stops."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc

from foresight.errors import FinalError, StoreUnavailable
from foresight.retrieval.guard import SERVICE
from foresight.retrieval.rows import METHODS, field_of
from foresight.retrieval.server import Address, serving
from foresight.retrieval.service import Retrieval
from foresight.retrieval.v1 import retrieval_pb2 as pb
from foresight.retrieval.v1.retrieval_pb2_grpc import RetrievalServiceStub
from foresight.services.retrieval import Selection, series_pages
from foresight.store import Store
from tests.unit.retrieval.memory import Memory
from tests.unit.retrieval.rooms import BEARER, CATALOGUE, KEYS, Tokens, reader, talk
from tests.unit.store.rows import T0

pytestmark = pytest.mark.loopback
STREAMS = [method for method in METHODS if method.is_stream and method.family]


async def collect(call: Any) -> list[Any]:
    return [message async for message in call]


async def code_of(call: Any) -> tuple[grpc.StatusCode, str]:
    try:
        if hasattr(call, "__aiter__"):
            await collect(call)
        else:
            await call
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, ""


def ask(read: Any, name: str, request: Any, metadata: Any = BEARER, **options: Any) -> Any:
    """Code and details of a call."""

    async def work(channel: Any) -> Any:
        return await code_of(getattr(RetrievalServiceStub(channel), name)(request, metadata=metadata))

    return talk(read, work, **options)


@pytest.mark.parametrize("method", STREAMS, ids=lambda method: method.name)
def test_a_stream_carries_the_rows_of_the_service(method: Any, filled: Store) -> None:
    request = method.request(selector=pb.Selector(metric="kept"))
    chunks = talk(
        reader(filled),
        lambda c: collect(getattr(RetrievalServiceStub(c), method.name)(request, metadata=BEARER)),
    )
    pages = series_pages(filled, lambda: CATALOGUE, method.family, Selection("kept"))
    expected = [
        dict(zip(map(field_of, page.rows), row, strict=True))
        for page in pages
        for row in zip(*page.rows.values(), strict=True)
    ]
    rows = [row for chunk in chunks for row in chunk.rows]
    assert len(rows) == len(expected) > 0
    for row, wanted in zip(rows, expected, strict=True):
        for name, value in wanted.items():
            if value is None:
                assert not row.HasField(name)
            else:
                assert getattr(row, name) == value
    series = [one for chunk in chunks for one in chunk.series]
    assert sorted(one.series_id for one in series) == sorted(key.id for key in KEYS["kept"])
    assert {frozenset(one.labels.items()) for one in series} == {
        frozenset(key.labels) for key in KEYS["kept"]
    }


def test_the_unary_call_goes_on_where_its_limit_ended_it(filled: Store) -> None:
    async def work(channel: Any) -> list[Any]:
        stub, found, token = RetrievalServiceStub(channel), [], ""
        for _ in range(10):
            request = pb.GetDickeyFullerRequest(limit=3, page_token=token)
            answer = await stub.GetDickeyFuller(request, metadata=BEARER)
            found += answer.rows
            token = answer.next_page_token
            if not token:
                break
        return found

    found = talk(reader(filled), work)
    assert [row.series_id for row in found] == sorted(key.id for keys in KEYS.values() for key in keys)
    assert all(row.outcome == "ok" and row.HasField("adf_p") for row in found)


def test_statuses_come_with_their_states(filled: Store) -> None:
    request = pb.ListSliStatusesRequest(states=[pb.SLI_STATE_VIOLATED])
    [chunk] = talk(
        reader(filled), lambda c: collect(RetrievalServiceStub(c).ListSliStatuses(request, metadata=BEARER))
    )
    [row] = chunk.rows
    assert (row.sla_name, row.sli_name, row.state) == ("shop", "high", pb.SLI_STATE_VIOLATED)
    assert row.as_of_seconds == T0
    assert not row.HasField("probability")


def test_chunks_have_a_thousand_rows_and_a_series_is_told_once() -> None:
    request = pb.ListDecompositionRequest(limit=3_500)
    chunks = talk(
        Memory(2, 2_500),
        lambda c: collect(RetrievalServiceStub(c).ListDecomposition(request, metadata=BEARER)),
    )
    assert [len(chunk.rows) for chunk in chunks] == [1000, 1000, 500, 1000]
    assert [len(chunk.series) for chunk in chunks] == [1, 0, 0, 0]
    assert all(chunk.next_page_token for chunk in chunks)


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (pb.ListAggregatesRequest(query="SELECT 1"), "UNIMPLEMENTED", "no SQL is run here"),
        (pb.ListAggregatesRequest(limit=-1), "INVALID_ARGUMENT", "limit: 0 or more"),
        (pb.ListAggregatesRequest(page_token="x"), "INVALID_ARGUMENT", "page_token: it is none"),  # noqa: S106 - no secret
        (
            pb.ListAggregatesRequest(selector=pb.Selector(metric="m" * 513)),
            "INVALID_ARGUMENT", "selector.metric",
        ),
        (pb.ListAggregatesRequest(selector=pb.Selector(metric="none")), "NOT_FOUND", "no series"),
        (pb.ListAggregatesRequest(as_of=Timestamp(seconds=-1)), "INVALID_ARGUMENT", "as_of: a whole second"),
        (
            pb.ListAggregatesRequest(as_of=Timestamp(seconds=2**62)),
            "INVALID_ARGUMENT", "as_of: a whole second",
        ),
        (pb.ListAggregatesRequest(as_of=Timestamp(nanos=1)), "INVALID_ARGUMENT", "as_of: a whole second"),
        (pb.ListAggregatesRequest(range=pb.TimeRange()), "INVALID_ARGUMENT", "range.start is missing"),
        (
            pb.ListAggregatesRequest(
                range=pb.TimeRange(start=Timestamp(seconds=5), end=Timestamp(seconds=5))
            ),
            "INVALID_ARGUMENT", "start has to lie before end",
        ),
        (
            pb.ListAggregatesRequest(selector=pb.Selector(matchers=[pb.LabelMatcher(label="a")])),
            "INVALID_ARGUMENT", "selector.matchers[0].operator: one of MATCHER_OPERATOR_EQUAL",
        ),
        (
            pb.ListAggregatesRequest(
                selector=pb.Selector(
                    matchers=[pb.LabelMatcher(label="a", operator=pb.MATCHER_OPERATOR_REGEX, value="(")]
                )
            ),
            "INVALID_ARGUMENT", "selector.matchers[0]:",
        ),
        (pb.ListSliStatusesRequest(states=[0]), "INVALID_ARGUMENT", "states: SLI_STATE_OK"),
        (pb.ListSliStatusesRequest(sla_name="none"), "NOT_FOUND", "no status of 'none'"),
        (pb.ListAggregatesRequest.FromString(b"\xba\x3e\x01x"), "INVALID_ARGUMENT", "field 999 is unknown"),
        (
            pb.ListAggregatesRequest.FromString(b"\x12\x04\xba\x3e\x01x"),
            "INVALID_ARGUMENT", "selector.field 999",
        ),
        (
            pb.ListAggregatesRequest(selector=pb.Selector(partition="p" * 65_536)),
            "RESOURCE_EXHAUSTED", "larger than max",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_in_our_own_words(
    request_: Any, code: str, words: str, filled: Store
) -> None:
    name = type(request_).__name__.removesuffix("Request")
    found, details = ask(reader(filled), name, request_)
    assert (found.name, words in details) == (code, True), details


def test_a_page_token_is_good_for_its_own_question_alone(filled: Store) -> None:
    async def work(channel: Any) -> list[str]:
        stub = RetrievalServiceStub(channel)
        [chunk] = await collect(stub.ListAggregates(pb.ListAggregatesRequest(limit=2), metadata=BEARER))
        token = chunk.next_page_token
        calls = (
            stub.ListForecasts(pb.ListForecastsRequest(page_token=token), metadata=BEARER),
            stub.ListAggregates(
                pb.ListAggregatesRequest(page_token=token, as_of=Timestamp(seconds=T0)), metadata=BEARER
            ),
            stub.ListAggregates(pb.ListAggregatesRequest(page_token=token), metadata=BEARER),
        )
        return [(await code_of(call))[0].name for call in calls]

    assert talk(reader(filled), work) == ["INVALID_ARGUMENT", "INVALID_ARGUMENT", "OK"]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ((), "UNAUTHENTICATED"),
        ((("authorization", "Bearer bad"),), "PERMISSION_DENIED"),
        ((("authorization", "Bearer weak"),), "PERMISSION_DENIED"),
        ((*BEARER, *BEARER), "UNAUTHENTICATED"),
    ],
)
def test_no_method_is_open_without_a_token_and_its_right(method: Any, metadata: Any, code: str) -> None:
    assert ask(Memory(1), method.name, method.request(), metadata)[0].name == code


def test_health_is_open_and_nothing_else_is() -> None:
    async def work(channel: Any) -> Any:
        health = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(service=SERVICE))
        watch = await code_of(health.Watch(health_pb2.HealthCheckRequest(service=SERVICE)))
        return answer.status, watch[0].name

    assert talk(Memory(1), work) == (health_pb2.HealthCheckResponse.SERVING, "UNAUTHENTICATED")


def test_a_database_that_is_away_is_unavailable_and_a_fault_of_ours_is_not_told() -> None:
    def away(*_: Any) -> Any:
        raise StoreUnavailable("the results database cannot be reached")

    def broken(*_: Any) -> Any:
        raise RuntimeError("secret")

    request = pb.ListAggregatesRequest()
    assert ask(away, "ListAggregates", request) == (
        grpc.StatusCode.UNAVAILABLE, "the results database cannot be reached",
    )  # fmt: skip
    code, details = ask(broken, "ListAggregates", request)
    assert code is grpc.StatusCode.INTERNAL
    assert "secret" not in details


def test_two_pages_are_held_at_most() -> None:
    """One that is sent, and the next: whatever the network takes, nothing is read before it is asked for."""
    memory, readers = Memory(1_000), ThreadPoolExecutor(1)  # so it does one thing after another

    async def work() -> list[int]:
        pages, held = Retrieval(memory, readers)._pages(None, None), []  # type: ignore[arg-type] # no question
        for _ in range(3):
            await anext(pages)
            readers.submit(int).result()  # whatever was asked for before is read by then
            held.append(memory.read)
        await pages.aclose()
        return held

    assert asyncio.run(work()) == [2, 3, 4]


def test_a_reader_that_takes_nothing_stops_the_query() -> None:
    memory = Memory(1_000)

    async def work(channel: Any) -> tuple[int, int]:
        call = RetrievalServiceStub(channel).ListDecomposition(pb.ListDecompositionRequest(), metadata=BEARER)
        await call.read()
        seen = -1
        while seen != memory.read:  # until nothing is read any more
            seen = memory.read
            await asyncio.sleep(0.5)
        n_rows = 1_000
        for _ in range(100):
            n_rows += len((await call.read()).rows)
        call.cancel()
        return seen, n_rows

    read_ahead, n_rows = talk(memory, work)
    assert n_rows == 101_000
    assert read_ahead < 500  # of 1,000 pages: what fits into the kernel's buffers differs by machine


def test_a_cancelled_call_reads_no_further_page() -> None:
    memory = Memory(1_000)

    async def work(channel: Any) -> tuple[int, int]:
        call = RetrievalServiceStub(channel).ListDecomposition(pb.ListDecompositionRequest(), metadata=BEARER)
        await call.read()
        call.cancel()
        return await _settled(memory)

    first, later = talk(memory, work)
    assert first == later < memory.n_pages


def test_a_deadline_ends_the_call_and_the_query() -> None:
    memory = Memory(1_000)
    memory.proceed.clear()  # the first page takes longer than the deadline

    async def work(channel: Any) -> tuple[str, int]:
        call = RetrievalServiceStub(channel).ListDecomposition(
            pb.ListDecompositionRequest(), metadata=BEARER, timeout=0.3
        )
        code, _ = await code_of(call)
        await asyncio.sleep(0.3)
        memory.proceed.set()
        return code.name, (await _settled(memory))[1]

    assert talk(memory, work) == ("DEADLINE_EXCEEDED", 1)


async def _settled(memory: Memory) -> tuple[int, int]:
    """How many pages were read when it went quiet, and a while later."""
    seen = -1
    while seen != memory.read:
        seen = memory.read
        await asyncio.sleep(0.3)
    await asyncio.sleep(0.5)
    return seen, memory.read


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org", "10.0.0.1"])  # noqa: S104 - they are refused
def test_plain_text_stays_on_loopback(host: str) -> None:
    with pytest.raises(FinalError, match="without TLS"):
        Address(host, 1)


def test_a_taken_port_is_said() -> None:
    async def run() -> None:
        async with (
            serving(Address(), Memory(1), Tokens()) as port,
            serving(Address(port=port), Memory(1), Tokens()),
        ):
            pass

    with pytest.raises(FinalError, match="the port is taken"):
        asyncio.run(run())


def test_every_method_is_generated_and_guarded() -> None:
    service = pb.DESCRIPTOR.services_by_name["RetrievalService"]
    assert [method.name for method in METHODS] == [method.name for method in service.methods]
    for ours, theirs in zip(METHODS, service.methods, strict=True):
        assert ours.is_stream == theirs.server_streaming
        assert theirs.input_type == ours.request.DESCRIPTOR
        assert theirs.output_type == ours.response.DESCRIPTOR
