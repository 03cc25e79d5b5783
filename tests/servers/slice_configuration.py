"""A small configuration service of slices: answers what it was told, and misbehaves where it was told to."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Service:
    """Limits by (cell, slice), and how often each was asked for."""

    url: str
    limits: dict[tuple[str, str], Any] = field(default_factory=dict)
    statuses: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def configuration_service(limits: Mapping[tuple[str, str], Any] | None = None) -> Iterator[Service]:
    """The service on a free port of loopback, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536  # one packet an answer: two would wait for each other
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            given = body["inputParameters"]
            self._answer((given["cellLocalId"], given["sNssai"]))

        def do_GET(self) -> None:
            _, cell, _, snssai = self.path.strip("/").split("/")[-4:]
            self._answer((cell, snssai))

        def _answer(self, key: tuple[str, str]) -> None:
            service.asked.append(key)
            given = service.limits.get(key)
            status = 200 if given is not None else 404
            if service.statuses.get(key):
                status = service.statuses[key].pop(0)
            if isinstance(given, float):
                time.sleep(given)
                status = 503
            body = given if isinstance(given, bytes) else json.dumps({"maxNumberOfConns": given}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # whoever asked has gone
                self.wfile.write(body)
                self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Nothing: tests look at ``asked``."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

    server = Server(("127.0.0.1", 0), Handler)
    service = Service(f"http://127.0.0.1:{server.server_address[1]}", dict(limits or {}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
