"""``foresight retrieval``: what it shows of a server, what it refuses, and its exit status."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from foresight.cli import app
from foresight.cli.retrieval import FAMILIES
from foresight.retrieval.client import Asked, RetrievalClient
from foresight.retrieval.server import Address, serving
from foresight.store import Store
from tests.unit.retrieval.memory import Memory
from tests.unit.retrieval.rooms import KEYS, N_SLOTS, RUNS, Tokens, reader, talk

pytestmark = pytest.mark.loopback


@pytest.fixture(scope="module")
def address(filled: Store) -> Iterator[str]:
    """A server in a thread of its own."""
    started, ended, found = threading.Event(), asyncio.Event(), {}

    async def run() -> None:
        found["loop"] = asyncio.get_running_loop()
        async with serving(Address(), reader(filled), Tokens()) as port:
            found["port"] = port
            started.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert started.wait(60)
    yield f"127.0.0.1:{found['port']}"
    found["loop"].call_soon_threadsafe(ended.set)
    thread.join(60)


@pytest.fixture
def get(address: str, tmp_path: Path) -> Any:
    token = tmp_path / "token"
    token.write_text("good\n")

    def call(*words: str, token_file: Path | None = token) -> Result:
        signed = ["--token-file", str(token_file)] if token_file else []
        return CliRunner().invoke(app, ["retrieval", "get", *words, "--address", address, *signed])

    return call


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("metric", ["kept", "drawn"])
def test_every_family_of_a_metric_is_shown(metric: str, get: Any) -> None:
    shown = get(metric, "--limit", "3").stdout
    for _, title in FAMILIES.values():
        assert title in shown
    assert f'{metric}{{host="h' in shown


def test_without_a_metric_all_of_them_come_and_json_holds_every_row(get: Any) -> None:
    found = lines(get("--json", "--limit", "0"))
    n_series = sum(map(len, KEYS.values()))
    counts = {name: sum(line["family"] == name for line in found) for name in FAMILIES}
    assert counts == {
        "stationarity": n_series, "decomposition": n_series * N_SLOTS, "hodrick-prescott": n_series * N_SLOTS,
        "autocorrelation": n_series * 41, "aggregates": n_series, "forecasts": n_series * 10,
    }  # fmt: skip
    assert {line["metric"] for line in found} == set(KEYS)
    assert {line["labels"]["host"] for line in found} == {"h0", "h1", "h2", "h3"}


def test_matchers_times_and_families_choose(get: Any) -> None:
    one = ("--json", "--family", "aggregates", "-m", 'host=~"h[12]"', "-m", "zone!=a")
    at = datetime.fromtimestamp(RUNS[0], UTC).isoformat()
    [line] = lines(get("kept", *one, "--as-of", at))
    assert (line["labels"]["host"], line["as_of_seconds"]) == ("h1", RUNS[0])
    end = datetime.fromtimestamp(RUNS[1] + 1, UTC).isoformat()
    assert len(lines(get("kept", *one, "--from", at, "--to", end))) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--family", "none"], "--family none: there is stationarity"),
        (["-m", "host"], "a label, an operator"),
        (["-m", "host=~("], "--matcher 'host=~('"),
        (["--as-of", "today"], "an instant such as"),
        (["--as-of", "2026-01-01T00:00"], "has no time zone"),
        (["--from", "2026-01-01T00:00Z"], "belong together"),
        (["--as-of", "2026-01-01T00:00Z", "--from", "2026-01-01T00:00Z"], "exclude each other"),
        (["nothing"], "no series of a metric 'nothing' is stored"),
    ],
)
def test_what_cannot_be_asked_is_refused(words: list[str], said: str, get: Any) -> None:
    result = get(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.output


def test_a_token_that_is_none_or_missing_ends_the_command(get: Any, tmp_path: Path) -> None:
    assert "Not authenticated" in get("kept", token_file=None).output
    (tmp_path / "bad").write_text("bad")
    assert "Invalid JWT token" in get("kept", token_file=tmp_path / "bad").output
    assert "cannot be read" in get("kept", token_file=tmp_path / "none").output


def test_a_server_that_is_not_there_may_be_tried_again() -> None:
    result = CliRunner().invoke(app, ["retrieval", "get", "--address", "127.0.0.1:1"])
    assert result.exit_code == 75
    assert "127.0.0.1:1" in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("serve --host 0.0.0.0", "without TLS"),
        ("serve --tls-key k.pem", "belong together"),
        ("get --address example.org:1", "with TLS alone"),
    ],
)
def test_tokens_never_travel_in_the_clear(words: str, said: str, home: Path) -> None:
    result = CliRunner().invoke(app, ["retrieval", *words.split()])
    assert result.exit_code == 2
    assert said in result.output


def test_a_broken_stream_goes_on_behind_the_last_row_that_came() -> None:
    class Flaky(Memory):
        def __call__(self, family: Any, asked: Any) -> Any:
            from foresight.errors import StoreUnavailable

            done = int(asked.after[-1]) // 60 + 1 if asked.after else 0
            for number, page in enumerate(super().__call__(family, asked)):
                if number * self.page_rows < done:
                    continue
                if not asked.after and number == 2:
                    raise StoreUnavailable("away")
                yield page

    async def work(channel: Any) -> list[int]:
        client = RetrievalClient("127.0.0.1:1", lambda: "good")
        client._channel = channel
        return [row.slot_seconds async for c in client.chunks("ListDecomposition", Asked()) for row in c.rows]

    assert talk(Flaky(5, 100), work) == list(range(0, 500 * 60, 60))
