"""A real Prometheus in a private folder, with history written before it starts, and a real node exporter."""

from __future__ import annotations

import contextlib
import math
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.servers.debian import command, unpacked
from tests.servers.process import Server, free_port, run

Sample = tuple[str, float, float]
"""A series as PromQL spells it, an epoch second, a value."""

NEWEST = "unstable"
"""The Debian suite with Prometheus 3."""

HISTORY_METRIC = "test_load"
HISTORY_SERIES = 50
HISTORY_HOURS = 13


def history_value(series: int, epoch: float) -> float:
    """The value that the generated history holds; three decimals, so its text is exact."""
    return round(100 * (series + 1) + 20 * math.sin(2 * math.pi * epoch / 3600 + series), 3)


def history(
    end: int, *, n_series: int = HISTORY_SERIES, hours: int = HISTORY_HOURS, every: int = 60
) -> Iterator[Sample]:
    """Generated history of ``test_load`` up to ``end``, a sample every ``every`` seconds."""
    for series in range(n_series):
        name = f'{HISTORY_METRIC}{{instance="host-{series:04d}",job="test"}}'
        for epoch in range(end - hours * 3600 + every, end + 1, every):
            yield name, epoch, history_value(series, epoch)


def write_openmetrics(path: Path, samples: Iterable[Sample]) -> Path:
    """Writes samples, grouped by metric and series, in the format that promtool backfills from."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{name} {value!r} {epoch!r}\n" for name, epoch, value in samples)
        file.write("# EOF\n")
    return path


@contextlib.contextmanager
def prometheus_server(
    openmetrics: str | Path | None = None,
    *,
    scrape: str = "scrape_configs: []\n",
    suite: str | None = None,
    options: Sequence[str] = (),
) -> Iterator[str]:
    """Base URL of a Prometheus that holds ``openmetrics`` (text, a file, or by default generated history).

    ``suite`` is the Debian suite that it comes from: the machine's own has version 2, ``NEWEST`` version 3.

    Raises:
        Unavailable: this machine cannot have it.
    """
    with tempfile.TemporaryDirectory(prefix="prometheus-") as name:
        home = Path(name)
        if openmetrics is None:
            openmetrics = write_openmetrics(home / "history.txt", history(int(time.time()) // 60 * 60))
        elif isinstance(openmetrics, str):
            (home / "history.txt").write_text(openmetrics, encoding="utf-8")
            openmetrics = home / "history.txt"
        data = home / "data"
        backfill = ["tsdb", "create-blocks-from", "openmetrics", str(openmetrics), str(data)]
        if openmetrics.stat().st_size > len("# EOF\n"):
            run([*_program("prometheus", "promtool", suite), *backfill])
        (home / "prometheus.yml").write_text(scrape)
        port = free_port()
        start = [
            *_program("prometheus", "prometheus", suite),
            f"--config.file={home / 'prometheus.yml'}",
            f"--storage.tsdb.path={data}",
            "--storage.tsdb.retention.time=20y",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-lifecycle",
            *options,
        ]
        address = f"http://127.0.0.1:{port}"
        with Server(start, log=home / "log", ready=lambda: _answers(f"{address}/-/ready")):
            yield address


@contextlib.contextmanager
def node_exporter_server() -> Iterator[str]:
    """``host:port`` of a node exporter that measures this machine."""
    port = free_port()
    program = _program("prometheus-node-exporter", "prometheus-node-exporter")
    with tempfile.TemporaryDirectory(prefix="node-exporter-") as name:
        start = [*program, f"--web.listen-address=127.0.0.1:{port}"]
        address = f"127.0.0.1:{port}"
        with Server(start, log=Path(name) / "log", ready=lambda: _answers(f"http://{address}/metrics")):
            yield address


@contextlib.contextmanager
def scraping_prometheus(target: str, *, every_seconds: int = 1, job: str = "host") -> Iterator[str]:
    """Base URL of a Prometheus that scrapes ``target`` and holds no history."""
    scrape = (
        f"global: {{scrape_interval: {every_seconds}s, scrape_timeout: {every_seconds}s}}\n"
        f"scrape_configs: [{{job_name: {job}, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    with prometheus_server("# EOF\n", scrape=scrape) as address:
        yield address


def _program(package: str, name: str, suite: str | None = None) -> list[str]:
    """The program on PATH, else the one in the Debian package."""
    if suite is not None:
        return command(unpacked(package, suite), f"usr/bin/{name}")
    return [shutil.which(name) or str(unpacked(package) / "usr" / "bin" / name)]


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310 - http on loopback
        return bool(reply.status == 200)
    return False
