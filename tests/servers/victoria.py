"""A real single-node VictoriaMetrics in a private folder."""

from __future__ import annotations

import contextlib
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.servers.debian import command, unpacked
from tests.servers.process import Server, free_port
from tests.servers.prometheus import Sample


@contextlib.contextmanager
def victoria_server(samples: Iterable[Sample], *, suite: str | None = None) -> Iterator[str]:
    """Base URL of a VictoriaMetrics that holds ``samples``.

    Raises:
        Unavailable: this machine cannot have it.
    """
    program = command(unpacked("victoria-metrics", suite), "usr/bin/victoria-metrics")
    with tempfile.TemporaryDirectory(prefix="victoria-") as name:
        home, port = Path(name), free_port()
        address = f"http://127.0.0.1:{port}"
        start = [
            *program,
            f"-storageDataPath={home / 'data'}",
            "-retentionPeriod=100y",
            f"-httpListenAddr=127.0.0.1:{port}",
        ]
        with Server(start, log=home / "log", ready=lambda: _sent(f"{address}/health")):
            text = "".join(f"{name} {value!r} {round(epoch * 1000)}\n" for name, epoch, value in samples)
            _sent(f"{address}/api/v1/import/prometheus", text.encode())
            _sent(f"{address}/internal/force_flush")
            yield address


def _sent(url: str, body: bytes | None = None) -> bool:
    request = urllib.request.Request(url, body)  # noqa: S310 - http on loopback
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
        return bool(reply.status < 300)
    return False
