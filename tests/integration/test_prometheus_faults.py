"""A Prometheus that misbehaves: what is tried again, what is refused, and what the errors say."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.grid import Grid
from foresight.series import SeriesKey
from foresight.telemetry.catalogue import WatchedMetric
from foresight.telemetry.prometheus import PrometheusSource
from foresight.telemetry.source import Extraction, Selection, Shard
from tests.servers.process import free_port

GRID = Grid(600, 10)
KEY = SeriesKey.of("m", {"i": "0"})
SHARD = Shard(0, GRID, (Selection(WatchedMetric(name="m", metric="m"), (KEY,)),))
QUERY = "avg_over_time"

Behaviour = Callable[[BaseHTTPRequestHandler, dict[str, str]], None]


def answering(body: bytes, status: int = 200, **headers: str) -> Behaviour:
    def behave(handler: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", headers.pop("length", str(len(body))))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def matrix(points: list[list[Any]], **more: Any) -> bytes:
    result = [{"metric": {"i": "0"}, "values": points}]
    return json.dumps(
        {"status": "success", "data": {"resultType": "matrix", "result": result}} | more
    ).encode()


def as_prometheus(handler: BaseHTTPRequestHandler, asked: dict[str, str]) -> None:
    """The right answer: in every slot its number."""
    first, last = int(asked["start"]), int(asked["end"])
    answering(matrix([[epoch, str(epoch // 60)] for epoch in range(first, last + 1, 60)]))(handler, asked)


def silent(handler: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
    time.sleep(1.0)


def cut_off(handler: BaseHTTPRequestHandler, asked: dict[str, str]) -> None:
    answering(matrix([[60, "1"]])[:-20], length="1000")(handler, asked)
    handler.close_connection = True


def hung_up(handler: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
    handler.connection.close()


@dataclass
class Fake:
    """A server whose range queries behave as told, one after the other; the last one for ever."""

    address: str
    behaviours: list[Behaviour]
    ends_of_a_range: str = "2"
    series: list[Any] | None = None
    """What instant queries but the first find, which asks for the ends of a range."""
    requests: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)

    def source(self, **more: Any) -> PrometheusSource:
        given = {"attempts": 3, "backoff_seconds": 0.01, "timeout_seconds": 0.3} | more
        return PrometheusSource(self.address, **given)

    def extract(self, **more: Any) -> Extraction:
        return self.source(**more).extract(SHARD)

    @property
    def range_queries(self) -> list[dict[str, str]]:
        return [asked for path, asked, _ in self.requests if path.endswith("query_range")]


@contextmanager
def serving(*behaviours: Behaviour) -> Iterator[Fake]:
    fake = Fake("", list(behaviours))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            asked = {name: values[0] for name, values in parse_qs(body).items()}
            fake.requests.append((self.path, asked, dict(self.headers)))
            if self.path.endswith("query_range"):
                behave = fake.behaviours.pop(0) if len(fake.behaviours) > 1 else fake.behaviours[0]
                behave(self, asked)
            else:
                vector: list[Any] = [{"metric": {}, "value": [0, fake.ends_of_a_range]}]
                if len(fake.requests) > 1 and fake.series is not None:
                    vector = fake.series
                data = {"resultType": "vector", "result": vector}
                answering(json.dumps({"status": "success", "data": data}).encode())(self, asked)

        def do_GET(self) -> None:
            answering(b"404 page not found", 404)(self, {})

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    fake.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "fault",
    [
        answering(b"overloaded", 503),
        answering(b'{"status":"error","error":"query timed out"}', 503),
        answering(b"too many", 429),
        answering(b"", 200),
        answering(b"<html>Sign in</html>"),
        answering(matrix([[60, "1"]])[:-5]),
        cut_off,
        hung_up,
        silent,
    ],
    ids=["503", "503 JSON", "429", "empty", "HTML", "truncated", "cut off", "hung up", "time-out"],
)
def test_what_may_pass_is_tried_again(fault: Behaviour) -> None:
    with serving(fault, fault, as_prometheus) as fake:
        extraction = fake.extract()
        assert len(fake.range_queries) == 3
    assert extraction.matrix.values[0].tolist() == [float(slot) for slot in range(1, 11)]
    assert extraction.is_complete


def test_when_it_does_not_pass_the_error_names_address_query_and_status() -> None:
    with serving(answering(b'{"status":"error","error":"out of order"}', 500)) as fake:
        with pytest.raises(SourceUnavailable) as caught:
            fake.extract()
        assert len(fake.range_queries) == 3
        for part in (fake.address, QUERY, "status 500", "out of order", "3 attempts"):
            assert part in str(caught.value)


def test_an_unreachable_server_is_unavailable_and_named() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(SourceUnavailable, match=address):
        PrometheusSource(address, attempts=2, backoff_seconds=0.01).describe()


def test_a_name_that_nobody_knows_is_unavailable() -> None:
    with pytest.raises(SourceUnavailable, match=r"nowhere\.invalid"):
        PrometheusSource("http://nowhere.invalid", attempts=1).describe()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_not_tried_again(status: int) -> None:
    with serving(answering(b'{"status":"error","error":"no thanks"}', status)) as fake:
        with pytest.raises(BadAnswer, match=f"status {status}.*no thanks.*{QUERY}"):
            fake.extract()
        assert len(fake.range_queries) == 1


@pytest.mark.parametrize("series", [{"metric": None}, {"metric": {"i": 5}}, {"metric": {"i": None}}, {}, 5])
def test_what_is_no_series_is_refused_when_it_is_discovered_and_when_it_is_read(series: Any) -> None:
    body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [series]}}).encode()
    with serving(answering(body)) as fake:
        fake.series = [series]
        with pytest.raises(BadAnswer, match="not a list of series"):
            fake.source().discover(SHARD.selections[0].entry, GRID)
        with pytest.raises(BadAnswer, match="not a list of series"):
            fake.extract()
        assert len(fake.range_queries) <= 1


@pytest.mark.parametrize("value", [None, [], 5])
def test_a_range_whose_ends_cannot_be_told_is_refused(value: Any) -> None:
    with serving(as_prometheus) as fake:
        fake.requests.append(("", {}, {}))
        fake.series = [{"metric": {}, "value": value}]
        with pytest.raises(BadAnswer, match="not a list of series"):
            fake.extract()


def test_a_server_that_tells_no_version_is_described_without_one() -> None:
    with serving(as_prometheus) as fake:
        described = fake.source().describe()
    assert (described.version, described.address) == ("unknown", fake.address)


def test_a_reply_that_is_too_large_is_refused() -> None:
    with serving(answering(matrix([[60, "1"]]) + b" " * 100_000)) as fake:
        with pytest.raises(BadAnswer, match="more than 10000 bytes"):
            fake.extract(max_reply_bytes=10_000)
        assert len(fake.range_queries) == 1


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(BadAnswer, match="gopher"):
        PrometheusSource("gopher://prometheus", attempts=1).describe()


def test_a_certificate_authority_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadAnswer, match="/no/such/file"):
        PrometheusSource("https://127.0.0.1:1", verify="/no/such/file", attempts=1).describe()


def test_warnings_are_kept_and_the_answer_is_not_complete() -> None:
    with serving(answering(matrix([[60, "1"]], warnings=["store gateway 3 is away"]))) as fake:
        extraction = fake.extract()
    assert extraction.warnings == ("store gateway 3 is away",)
    assert not extraction.is_complete


def test_another_step_than_asked_for_shows_in_the_counts() -> None:
    with serving(answering(matrix([[epoch, "1"] for epoch in range(60, 601, 45)]))) as fake:
        extraction = fake.extract()
    assert extraction.counts["points"].tolist() == [13]
    assert extraction.counts["off_grid"].tolist() == [9]


def test_points_of_another_range_show_in_the_counts() -> None:
    with serving(answering(matrix([[0, "1"], [600, "1"], [660, "1"]]))) as fake:
        extraction = fake.extract()
    assert extraction.counts["off_grid"].tolist() == [1]
    assert extraction.counts["future"].tolist() == [1]
    assert np.isfinite(extraction.matrix.values).sum() == 1


def test_the_question_goes_into_the_body_not_into_the_address() -> None:
    with serving(as_prometheus) as fake:
        fake.extract()
        [(path, asked, _)] = [each for each in fake.requests if each[0].endswith("query_range")]
    assert path == "/api/v1/query_range"
    assert asked == {
        "query": 'avg_over_time({__name__="m"}[59999ms])',
        "start": "60",
        "end": "600",
        "step": "60",
    }


def test_ranges_are_spelled_as_the_server_understands_them() -> None:
    with serving(as_prometheus) as fake:
        fake.ends_of_a_range = "1"
        fake.extract()
        assert fake.range_queries[0]["query"] == 'avg_over_time({__name__="m"}[60s])'


def test_user_token_and_headers_are_sent() -> None:
    with serving(as_prometheus) as fake:
        secret, token = "s3cret", "t0ken"
        fake.extract(user="me", password=secret, headers={"X-Scope-OrgID": "7"})
        fake.extract(bearer_token=token)
        sent = [headers for path, _, headers in fake.requests if path.endswith("query_range")]
    assert base64.b64decode(sent[0]["Authorization"].removeprefix("Basic ")) == b"me:s3cret"
    assert sent[0]["X-Scope-OrgID"] == "7"
    assert sent[1]["Authorization"] == "Bearer t0ken"


def test_errors_never_show_a_password() -> None:
    with serving(answering(b"", 500)) as fake:
        fake.address = fake.address.replace("http://", "http://me:s3cret@")
        with pytest.raises(SourceUnavailable) as caught:
            fake.extract()
    shown = f"{caught.value}{caught.value.__cause__}"
    assert "s3cret" not in shown
    assert "127.0.0.1" in shown


def test_bodies_are_asked_for_plain_or_compressed() -> None:
    body = gzip.compress(matrix([[60, "1"]]))
    with serving(as_prometheus) as fake:
        fake.extract()
        fake.behaviours = [answering(body, Content_Encoding="gzip")]
        extraction = fake.extract(compress=True)
        sent = [headers for path, _, headers in fake.requests if path.endswith("query_range")]
    assert [headers["Accept-Encoding"] for headers in sent] == ["identity", "gzip"]
    assert extraction.matrix.values[0, 0] == 1.0


def test_a_long_window_is_asked_for_in_parts_that_join_without_a_seam() -> None:
    shard = Shard(0, Grid(60 * 12_345, 12_345), SHARD.selections)
    with serving(as_prometheus) as fake:
        extraction = fake.source(points_per_query=10**9, timeout_seconds=5).extract(shard)
        asked = [(int(each["start"]), int(each["end"])) for each in fake.range_queries]
    assert asked == [(60, 660_000), (660_060, 740_700)]
    assert extraction.matrix.values[0].tolist() == [float(slot) for slot in range(1, 12_346)]
