"""A Prometheus that misbehaves: what is tried again, what is refused, and what the errors say."""

from __future__ import annotations

import base64
import gzip
import json
from http.server import BaseHTTPRequestHandler
from typing import Any

import numpy as np
import pytest

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.grid import Grid
from foresight.series import SeriesKey
from foresight.telemetry.catalogue import WatchedMetric
from foresight.telemetry.prometheus import PrometheusSource
from foresight.telemetry.source import Extraction, Selection, Shard
from tests.servers.backends import (
    Backend,
    Behaviour,
    Request,
    answering,
    backend,
    hung_up,
    in_turn,
    silent,
    success,
)
from tests.servers.process import free_port

GRID = Grid(600, 10)
KEY = SeriesKey.of("m", {"i": "0"})
SHARD = Shard(0, GRID, (Selection(WatchedMetric(name="m", metric="m"), (KEY,)),))
QUERY = "avg_over_time"


def matrix(points: list[list[Any]], **more: Any) -> bytes:
    result = [{"metric": {"i": "0"}, "values": points}]
    return json.dumps(
        {"status": "success", "data": {"resultType": "matrix", "result": result}} | more
    ).encode()


def as_prometheus(handler: BaseHTTPRequestHandler, request: Request) -> None:
    """The right answer: in every slot its number."""
    first, last = int(request.asked["start"]), int(request.asked["end"])
    answering(matrix([[epoch, str(epoch // 60)] for epoch in range(first, last + 1, 60)]))(handler, request)


def cut_off(handler: BaseHTTPRequestHandler, request: Request) -> None:
    answering(matrix([[60, "1"]])[:-20], content_length="1000")(handler, request)
    handler.close_connection = True


def source(fake: Backend | str, **more: Any) -> PrometheusSource:
    address = fake if isinstance(fake, str) else fake.address
    given = {"attempts": 3, "backoff_seconds": 0.01, "timeout_seconds": 0.3} | more
    return PrometheusSource(address, **given)


def extracted(fake: Backend, **more: Any) -> Extraction:
    return source(fake, **more).extract(SHARD)


@pytest.mark.parametrize(
    "fault",
    [
        answering(b"overloaded", 503),
        answering(b'{"status":"error","error":"query timed out"}', 503),
        answering(b"too many", 429),
        answering(b"", 200),
        answering(b"<html>Bad gateway</html>"),
        answering(matrix([[60, "1"]])[:-5]),
        cut_off,
        hung_up,
        silent,
    ],
    ids=["503", "503 JSON", "429", "empty", "HTML", "truncated", "cut off", "hung up", "time-out"],
)
def test_what_may_pass_is_tried_again(fault: Behaviour) -> None:
    with backend(in_turn(fault, fault, as_prometheus)) as fake:
        extraction = extracted(fake)
        assert len(fake.range_queries) == 3
    assert extraction.matrix.values[0].tolist() == [float(slot) for slot in range(1, 11)]
    assert extraction.is_complete


def test_when_it_does_not_pass_the_reason_names_address_query_and_status() -> None:
    with backend(answering(b'{"status":"error","error":"out of order"}', 500)) as fake:
        reason = extracted(fake).refused["m"]
        assert len(fake.range_queries) == 3
    for part in (fake.address, QUERY, "status 500", "out of order", "3 attempts", "others"):
        assert part in reason.replace("other questions", "others")


def test_an_unreachable_server_is_unavailable_and_named() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(SourceUnavailable, match=rf"{address}/api/v1/query: Connection refused; asked for"):
        source(address).describe()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (silent, "no answer within the time-out"),
        (hung_up, "closed the connection without an answer"),
        (cut_off, "the answer is cut off"),
    ],
)
def test_what_goes_wrong_on_the_way_is_said_without_names_of_classes(fault: Behaviour, words: str) -> None:
    with backend(fault) as fake:
        reason = extracted(fake, attempts=1).refused["m"]
    assert words in reason
    for name in ("Error", "Pool", "urllib3", "object at"):
        assert name not in reason


def test_a_name_that_nobody_knows_is_unavailable() -> None:
    with pytest.raises(SourceUnavailable, match=r"nowhere\.invalid.*: the name of the host is not known"):
        PrometheusSource("http://nowhere.invalid", attempts=1).describe()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_not_tried_again(status: int) -> None:
    with backend(answering(b'{"status":"error","error":"no thanks"}', status)) as fake:
        reason = extracted(fake).refused["m"]
        assert len(fake.range_queries) == 1
    assert f"status {status}" in reason
    assert "no thanks" in reason
    assert QUERY in reason


@pytest.mark.parametrize("series", [{"metric": None}, {"metric": {"i": 5}}, {"metric": {"i": None}}, {}, 5])
def test_what_is_no_series_is_refused_when_it_is_discovered_and_when_it_is_read(series: Any) -> None:
    with (
        backend(success("vector", [series])) as fake,
        pytest.raises(BadAnswer, match="not a list of series"),
    ):
        source(fake).discover(SHARD.selections[0].entry, GRID)
    with backend(success("matrix", [series])) as fake:
        assert "not a list of series" in extracted(fake).refused["m"]


@pytest.mark.parametrize("value", [None, [], 5])
def test_a_range_whose_ends_cannot_be_told_is_refused(value: Any) -> None:
    odd = success("vector", [{"metric": {}, "value": value}])
    with (
        backend(odd, answers_checks=False) as fake,
        pytest.raises(BadAnswer, match="not a list of series"),
    ):
        extracted(fake)


def test_a_server_that_tells_no_version_is_described_without_one() -> None:
    with backend(answering(b"404 page not found", 404)) as fake:
        described = source(fake).describe()
    assert (described.version, described.address) == ("unknown", fake.address)


def test_a_reply_that_is_too_large_is_refused() -> None:
    with backend(answering(matrix([[60, "1"]]) + b" " * 100_000)) as fake:
        reason = extracted(fake, max_reply_bytes=10_000).refused["m"]
        assert len(fake.range_queries) == 1
    assert "more than 10000 bytes" in reason


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(BadAnswer, match="gopher"):
        PrometheusSource("gopher://prometheus", attempts=1).describe()


def test_a_certificate_authority_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadAnswer, match="/no/such/file"):
        PrometheusSource("https://127.0.0.1:1", verify="/no/such/file", attempts=1).describe()


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([[epoch, "1"] for epoch in range(60, 601, 45)], "9 points lie off the grid"),
        ([[0, "1"], [600, "1"]], "1 points lie off the grid"),
        ([[600, "1"], [660, "1"]], "1 points lie after the as-of instant"),
        ([[540, "1"], [600, "1"], [540, "1"]], "1 points came twice"),
    ],
)
def test_an_entry_whose_points_were_not_asked_for_is_left_out(points: list[list[Any]], words: str) -> None:
    with backend(answering(matrix(points))) as fake:
        extraction = extracted(fake)
    assert words in extraction.refused["m"]
    assert extraction.missing == (KEY,)
    assert np.isnan(extraction.matrix.values).all()


def test_the_question_goes_into_the_body_not_into_the_address() -> None:
    with backend(as_prometheus) as fake:
        extracted(fake)
        [request] = fake.range_queries
    assert (request.method, request.path) == ("POST", "/api/v1/query_range")
    assert request.asked == {
        "query": 'avg_over_time({__name__="m"}[59999ms])',
        "start": "60",
        "end": "600",
        "step": "60",
    }


def test_ranges_are_spelled_as_the_server_understands_them() -> None:
    with backend(as_prometheus) as fake:
        fake.closed_ranges = False
        extracted(fake)
        assert fake.range_queries[0].asked["query"] == 'avg_over_time({__name__="m"}[60s])'


def test_user_token_and_headers_are_sent() -> None:
    with backend(as_prometheus) as fake:
        secret, token = "s3cret", "t0ken"
        extracted(fake, user="me", password=secret, headers={"X-Scope-OrgID": "7"})
        extracted(fake, bearer_token=token)
        sent = [request.headers for request in fake.range_queries]
    assert base64.b64decode(sent[0]["authorization"].removeprefix("Basic ")) == b"me:s3cret"
    assert sent[0]["x-scope-orgid"] == "7"
    assert sent[1]["authorization"] == "Bearer t0ken"


def test_errors_never_show_a_password() -> None:
    with backend(answering(b"", 500), answers_checks=False) as fake:
        fake.address = fake.address.replace("http://", "http://me:s3cret@")
        with pytest.raises(SourceUnavailable) as caught:
            extracted(fake)
    shown = f"{caught.value}{caught.value.__cause__}"
    assert "s3cret" not in shown
    assert "127.0.0.1" in shown


def test_bodies_are_asked_for_plain_or_compressed() -> None:
    body = gzip.compress(matrix([[60, "1"]]))
    with backend(as_prometheus) as fake:
        extracted(fake)
        fake.behaviour = answering(body, content_encoding="gzip")
        extraction = extracted(fake, compress=True)
        sent = [request.headers["accept-encoding"] for request in fake.range_queries]
    assert sent == ["identity", "gzip"]
    assert extraction.matrix.values[0, 0] == 1.0


def test_a_long_window_is_asked_for_in_parts_that_join_without_a_seam() -> None:
    shard = Shard(0, Grid(60 * 12_345, 12_345), SHARD.selections)
    with backend(as_prometheus) as fake:
        extraction = source(fake, points_per_query=10**9, timeout_seconds=5).extract(shard)
        asked = [(int(each.asked["start"]), int(each.asked["end"])) for each in fake.range_queries]
    assert asked == [(60, 660_000), (660_060, 740_700)]
    assert extraction.matrix.values[0].tolist() == [float(slot) for slot in range(1, 12_346)]
