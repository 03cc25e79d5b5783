"""The doors at 100,000 SLIs on a real MySQL, and scoring over HTTP against ONNX Runtime behind bare FastAPI.

``make bench NAME=doors`` prints one JSON object; FORESIGHT_BENCH_SLIS makes it smaller.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
from tests.servers.doors import LiveDoors, live_doors
from tests.servers.mysql import mysql_server
from tests.unit.iris import FLOWER

from foresight.services import lists, sla_views
from foresight.services.listings import read_page
from foresight.services.metrics import Wanted, exposition
from foresight.store import Store, migrate, open_store, upsert
from foresight.store.tables import sla, sla_status, sli, sli_latest, sli_status, sli_window

N_SLIS = int(os.environ.get("FORESIGHT_BENCH_SLIS", "100000"))
N_WITH_HISTORY = min(500, N_SLIS)
DAYS = int(os.environ.get("FORESIGHT_BENCH_DAYS", "30"))
SLIS_AN_SLA = 10
AS_OF = 1_780_000_200
SECONDS = float(os.environ.get("FORESIGHT_BENCH_SECONDS", "5"))
CONNECTIONS, RECORDS = 5, 100
BODY = json.dumps({"fields": list(FLOWER), "values": [list(FLOWER.values())] * RECORDS}).encode()


def main() -> None:
    found: dict[str, float] = {}
    with mysql_server() as url:
        store = open_store(url)
        migrate(store)
        fill(store)
        found |= read(store)
        store.close()
    found |= score()
    print(json.dumps(found))


def fill(store: Store) -> None:
    """Every SLI at the newest as-of, and some of them every ten minutes before it."""
    names = [(f"sla-{at // SLIS_AN_SLA:06d}", f"sli-{at % SLIS_AN_SLA}") for at in range(N_SLIS)]
    draw = np.random.default_rng(1)
    risk = draw.random(N_SLIS)
    slas = sorted({name for name, _ in names})
    columns = {"sla_name": [name for name, _ in names], "sli_name": [name for _, name in names]}
    definition = {
        "name": slas,
        "owner": "ops",
        "description": "",
        "revision": "x",
        "document": [{}] * len(slas),
    }
    steps = [AS_OF - 600 * step for step in range(1, DAYS * 144 + 1)]
    history = [(name, at) for name in names[:N_WITH_HISTORY] for at in steps]

    def head(connection: Any) -> None:
        upsert(connection, sla, {**definition, "document": [{}] * len(slas)})
        upsert(connection, sli, {
            "sla_name": columns["sla_name"], "name": columns["sli_name"], "position": 0, "metric": "m",
            "matchers": [[]] * N_SLIS, "objective": 0.99, "windows_minutes": [[60]] * N_SLIS,
        })  # fmt: skip
        upsert(connection, sli_latest, columns | {
            "as_of": AS_OF, "state": ["violated" if each > 0.99 else "ok" for each in risk], "n_series": 1,
            "risk": risk, "probability": risk, "is_alerting": False, "burn_rate": risk, "window_minutes": 60,
        })  # fmt: skip

    store.transact(head)
    for start in range(0, N_SLIS, 20_000):
        some = [(name, AS_OF) for name in names[start : start + 20_000]]
        store.transact(lambda connection, some=some: statuses(connection, some))
    for start in range(0, len(history), 50_000):
        some = history[start : start + 50_000]
        store.transact(lambda connection, some=some: statuses(connection, some))


def statuses(connection: Any, some: list[tuple[tuple[str, str], int]]) -> None:
    """Rows of one status table each."""
    key = {
        "sla_name": [name[0] for name, _ in some], "sli_name": [name[1] for name, _ in some],
        "as_of": [at for _, at in some],
    }  # fmt: skip
    upsert(connection, sli_status, key | {"state": "ok", "revision": "x", "n_series": 1})
    upsert(connection, sli_window, key | {
        "window_minutes": 60, "n_observed": 60, "n_missing": 0, "n_violated": 0, "good_share": 1.0,
        "burn_rate": 0.0, "budget_left_share": 1.0, "budget_left_minutes": 0.6, "n_violations": 0,
        "is_budget_below_one_slot": True, "is_list_cut": False, "violations": [[]] * len(some),
    })  # fmt: skip
    slas = sorted({(name[0], at) for name, at in some})
    upsert(connection, sla_status, {
        "sla_name": [name for name, _ in slas], "as_of": [at for _, at in slas], "state": "ok",
        "revision": "x", "n_sli": 10, "n_ok": 10, "n_violated": 0, "n_at_risk": 0, "n_no_data": 0,
    })  # fmt: skip


def read(store: Store) -> dict[str, float]:
    """What lists and metrics take, in the services that the doors call."""
    first = read_page(store, lists.STATUSES)
    assert first.total == N_SLIS
    assert first.following is not None

    def one_sla() -> None:
        sla_views.view(store, "sla-000000")
        where = [sli_status.c.sla_name == "sla-000000", sli_status.c.sli_name == "sli-0"]
        assert read_page(store, lists.SLI_HISTORY, always=where, limit=100).rows

    started = time.perf_counter()
    text = exposition(store, Wanted(has_all=True))
    seconds = time.perf_counter() - started
    assert text.count("foresight_sli_burn_rate{") == N_SLIS
    return {
        "list_p95_ms": p95(lambda: read_page(store, lists.STATUSES, cursor=first.following)),
        "list_first_p95_ms": p95(lambda: read_page(store, lists.STATUSES)),
        "sla_p95_ms": p95(one_sla),
        "metrics_seconds": seconds,
    }


def p95(work: Callable[[], Any], n: int = 50) -> float:
    """Milliseconds that 95 % of the calls stay below."""
    work()
    taken = []
    for _ in range(n):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return quantiles(taken, n=20)[-1]


def score() -> dict[str, float]:
    """Records a second over five connections: with the memory of tokens, without it, and the peer."""
    found = {}
    for key, seconds in (("rest_records_per_second", 5.0), ("rest_uncached_records_per_second", 0.0)):
        with tempfile.TemporaryDirectory() as folder, live_doors(Path(folder) / "home", seconds) as live:
            url, headers = f"{live.url}/foresight/api/v1/deployments/iris/score", authorised(live)
            found[key] = asyncio.run(throughput(url, headers))
            if seconds:
                found["single_p95_ms"] = single(url, headers)
    return found


def authorised(live: LiveDoors) -> dict[str, str]:
    return {"Authorization": f"Bearer {live.tokens['user']}", "Content-Type": "application/json"}


async def throughput(url: str, headers: dict[str, str]) -> float:
    """Records a second. The client is bare sockets, for an HTTP library costs more than the server does."""
    parts = urlsplit(url)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{head}Content-Length: {len(BODY)}\r\n\r\n"
    ).encode() + BODY
    until, n_records = time.perf_counter() + SECONDS, 0

    async def work() -> None:
        nonlocal n_records
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while time.perf_counter() < until:
            writer.write(request)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            content = await reader.readexactly(length)
            assert answer.startswith(b"http/1.1 200"), content
            n_records += len(json.loads(content)["values"])
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return n_records / (time.perf_counter() - started)


def single(url: str, headers: dict[str, str]) -> float:
    """Milliseconds of one record at a time, 95 %."""
    body = json.dumps({"fields": list(FLOWER), "values": [list(FLOWER.values())]}).encode()
    with httpx.Client(headers=headers) as client:
        return p95(lambda: client.post(url, content=body).raise_for_status(), 200)


if __name__ == "__main__":
    sys.exit(main())
