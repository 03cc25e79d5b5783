"""Calls to a live Airflow: what it rolled back is asked again, what it refuses is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from foresight.errors import NotFound
from foresight.local.standalone import Standalone, Unfinished


@pytest.fixture
def answering(tmp_path: Path) -> Callable[..., tuple[Standalone, list[httpx.Request]]]:
    """An Airflow that gives these status codes in turn, and what it was asked."""

    def answer(*codes: int) -> tuple[Standalone, list[httpx.Request]]:
        asked: list[httpx.Request] = []

        def handle(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return httpx.Response(codes[len(asked) - 1], json={"is_paused": False})

        airflow = Standalone(tmp_path, {})
        airflow._client = httpx.Client(base_url=airflow.url, transport=httpx.MockTransport(handle))
        return airflow, asked

    return answer


def test_what_a_busy_airflow_rolled_back_is_asked_again(answering: Callable[..., tuple]) -> None:
    airflow, asked = answering(500, 200)
    assert airflow.call("PATCH", "dags/batch_scoring", json={"is_paused": False}) == {"is_paused": False}
    assert len(asked) == 2
    assert asked[0].content == asked[1].content == b'{"is_paused":false}'


@pytest.mark.parametrize(("code", "error"), [(404, NotFound), (409, Unfinished), (422, Unfinished)])
def test_what_airflow_refuses_is_asked_once(
    answering: Callable[..., tuple], code: int, error: type[Exception]
) -> None:
    airflow, asked = answering(code)
    with pytest.raises(error, match=f"PATCH dags/x: .*{'' if code == 404 else code}"):
        airflow.call("PATCH", "dags/x")
    assert len(asked) == 1
