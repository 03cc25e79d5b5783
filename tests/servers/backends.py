"""Fakes of what stands behind the HTTP API of Prometheus: each request is answered by a behaviour of a test.

The replies of Thanos, Mimir and VictoriaMetrics are written after their documented formats.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Labels = dict[str, str]


@dataclass(frozen=True)
class Request:
    """What the server got: parameters of body and address together, headers in lower case."""

    method: str
    path: str
    asked: dict[str, str]
    headers: dict[str, str]

    @property
    def is_range(self) -> bool:
        """Whether values over time are asked for."""
        return self.path.endswith("/query_range")


Behaviour = Callable[[BaseHTTPRequestHandler, Request], None]


def answering(body: bytes | str, status: int = 200, **headers: str) -> Behaviour:
    """Always the same answer; underscores in the names of headers are dashes."""
    content = body.encode() if isinstance(body, str) else body

    def behave(handler: BaseHTTPRequestHandler, _: Request) -> None:
        given = {"Content-Length": str(len(content))}
        given |= {name.replace("_", "-").title(): value for name, value in headers.items()}
        handler.send_response(status)
        for name, value in given.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return behave


def failing(status: int, error: str, kind: str = "execution") -> Behaviour:
    """An error as Prometheus writes one."""
    return answering(json.dumps({"status": "error", "errorType": kind, "error": error}), status)


def success(kind: str, result: Any, **more: Any) -> Behaviour:
    """A result of a kind, with further keys such as ``warnings`` and ``isPartial`` beside it."""
    return answering(json.dumps({"status": "success", "data": {"resultType": kind, "result": result}} | more))


def holding(*series: Labels, **more: Any) -> Behaviour:
    """A server that holds these series: every slot of a range has its number as the value."""

    def behave(handler: BaseHTTPRequestHandler, request: Request) -> None:
        if request.is_range:
            first, last = int(request.asked["start"]), int(request.asked["end"])
            step = int(request.asked["step"])
            values = [[epoch, str(epoch // step)] for epoch in range(first, last + 1, step)]
            matrix = [{"metric": labels, "values": values} for labels in series]
            success("matrix", matrix, **more)(handler, request)
        elif not request.path.endswith("/query"):
            answering(b"404 page not found", 404)(handler, request)
        else:
            at = int(request.asked["time"])
            success("vector", [{"metric": labels, "value": [at, "1"]} for labels in series], **more)(
                handler, request
            )

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One behaviour after the other; the last one for ever."""
    left = list(behaviours)
    lock = threading.Lock()

    def behave(handler: BaseHTTPRequestHandler, request: Request) -> None:
        with lock:
            chosen = left.pop(0) if len(left) > 1 else left[0]
        chosen(handler, request)

    return behave


def by_query(otherwise: Behaviour, **named: Behaviour) -> Behaviour:
    """The behaviour whose name stands in the query."""

    def behave(handler: BaseHTTPRequestHandler, request: Request) -> None:
        query = request.asked.get("query", "")
        next((named[name] for name in named if name in query), otherwise)(handler, request)

    return behave


def silent(handler: BaseHTTPRequestHandler, _: Request, seconds: float = 1.0) -> None:
    """Says nothing for a while, and then nothing either."""
    time.sleep(seconds)


def hung_up(handler: BaseHTTPRequestHandler, _: Request) -> None:
    """Closes the connection without an answer."""
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def dripping(handler: BaseHTTPRequestHandler, _: Request, *, of_headers: bool = False) -> None:
    """A byte every twentieth of a second: no silence is long, and the answer never ends."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
    try:
        handler.wfile.write(head if of_headers else head + b"\r\n")
        handler.wfile.write(b"X-Slow: " if of_headers else b"{")
        for _ in range(400):
            handler.wfile.write(b"a" if of_headers else b" ")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass
    handler.close_connection = True


def redirecting(target: str, status: int = 302) -> Behaviour:
    """To ``target``; ``{path}`` in it is the path that was asked for."""

    def behave(handler: BaseHTTPRequestHandler, request: Request) -> None:
        answering(b"", status, location=target.format(path=request.path))(handler, request)

    return behave


def dropping_bodies(behaviour: Behaviour) -> Behaviour:
    """A proxy that hands on a POST without its body, before a Prometheus."""

    def behave(handler: BaseHTTPRequestHandler, request: Request) -> None:
        if request.method == "GET":
            behaviour(handler, request)
        elif request.is_range:
            failing(400, 'invalid parameter "start": cannot parse "" to a valid timestamp', "bad_data")(
                handler, request
            )
        else:
            error = 'invalid parameter "query": unknown position: parse error: no expression found in input'
            failing(400, error, "bad_data")(handler, request)

    return behave


@dataclass
class Backend:
    """A running fake: its address, and the requests that it got."""

    address: str
    behaviour: Behaviour
    closed_ranges: bool = True
    requests: list[Request] = field(default_factory=list)

    @property
    def queries(self) -> list[Request]:
        """The requests but those that ask for the borders of a range and whether anybody is there."""
        return [request for request in self.requests if not _is_check(request)]

    @property
    def range_queries(self) -> list[Request]:
        """The requests for values over time."""
        return [request for request in self.requests if request.is_range]


def _is_check(request: Request) -> bool:
    query = request.asked.get("query", "")
    return "vector(1)" in query


@contextmanager
def backend(behaviour: Behaviour, *, answers_checks: bool = True) -> Iterator[Backend]:
    """A server on loopback that behaves so; whether it is there, and how ranges end, it tells by itself."""
    fake = Backend("", behaviour)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

        def do_GET(self) -> None:
            self._answer("")

        def _answer(self, body: str) -> None:
            url = urlsplit(self.path)
            given = parse_qs(url.query, keep_blank_values=True) | parse_qs(body, keep_blank_values=True)
            asked = {name: values[0] for name, values in given.items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, url.path, asked, headers)
            fake.requests.append(request)
            if answers_checks and _is_check(request):
                ends = "2" if fake.closed_ranges else "1"
                success("vector", [{"metric": {}, "value": [0, ends]}])(self, request)
            else:
                fake.behaviour(self, request)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    fake.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
