"""The doors within a live Airflow: rights of every role, clients as they come, and a fuzzer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi.routing import APIRoute

from foresight.web.requests import SAFE
from foresight.web.rights import RULES, Right
from tests.servers.doors import ROLES, LiveDoors, live_doors
from tests.servers.process import Unavailable
from tests.unit.iris import FLOWER
from tests.unit.web.conftest import one_app
from tests.unit.web.door import ROLES as RIGHTS

PLACES = {
    "name": "nothing", "sli_name": "nothing", "series_id": "1", "reference": "nothing", "version": "1",
    "number": "1",
}  # fmt: skip
FUZZ_SECONDS = int(os.environ.get("FORESIGHT_FUZZ_SECONDS", "20"))
CONFIG = Path(__file__).parents[1] / "servers" / "schemathesis.toml"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDoors]:
    try:
        with live_doors(tmp_path_factory.mktemp("doors") / "home") as running:
            yield running
    except Unavailable as reason:
        pytest.skip(str(reason))


def routes() -> list[tuple[str, str, Right]]:
    return [
        (method, route.path.format(**PLACES), RULES[route.name].right)
        for route in one_app().routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods)
    ]


def ask(client: httpx.Client, method: str, path: str, **headers: str) -> int:
    body = None if method in SAFE else b"{}"
    sent = {"Content-Type": "application/json", **headers} if body else headers
    return client.request(method, path, content=body, headers=sent).status_code


@pytest.mark.parametrize("role", [None, *ROLES])
def test_every_route_lets_in_who_has_its_right_and_nobody_else(live: LiveDoors, role: str | None) -> None:
    wrong = []
    with live.client(role) as client:
        for method, path, right in routes():
            status = ask(client, method, path)
            if role is None:
                is_right = status == 401
            elif right in RIGHTS[role]:
                is_right = status not in {401, 403} and status < 500
            else:
                is_right = status == 403
            if not is_right:
                wrong.append((method, path, right.name, status))
    assert not wrong


def test_a_cookie_alone_reads_and_changes_nothing(live: LiveDoors) -> None:
    with live.client(None) as client:
        cookie = f"_token={live.tokens['admin']}"
        for method, path, _ in routes():
            if method not in SAFE:
                assert ask(client, method, path, Cookie=cookie) == 403, path
                own = {"Cookie": cookie, "X-Foresight-Request": "1"}
                assert ask(client, method, path, **own) not in {401, 403}, path
        assert client.get("/api/v1/slas", headers={"Cookie": cookie}).status_code == 200
        bad = {"Cookie": cookie, "Authorization": "Bearer nonsense"}
        assert client.get("/api/v1/slas", headers=bad).status_code == 403


def test_changes_are_in_airflows_audit_log(live: LiveDoors) -> None:
    with live.client("user") as client:
        ask(client, "PUT", "/api/v1/slas/audited")
    with httpx.Client(
        base_url=live.url, headers={"Authorization": f"Bearer {live.tokens['admin']}"}
    ) as airflow:
        found = airflow.get("/api/v2/eventLogs", params={"event": "foresight.put_sla", "limit": 100}).json()
    assert ("user", True) in {
        (each["owner"], "audited" in (each["extra"] or "")) for each in found["event_logs"]
    }


def test_the_plugin_is_loaded_once_and_without_an_error(live: LiveDoors) -> None:
    with httpx.Client(
        base_url=live.url, headers={"Authorization": f"Bearer {live.tokens['admin']}"}
    ) as airflow:
        plugins = airflow.get("/api/v2/plugins").json()["plugins"]
        errors = airflow.get("/api/v2/plugins/importErrors").json()["import_errors"]
    assert [each["name"] for each in plugins].count("foresight") == 1
    assert errors == []


@pytest.mark.parametrize("binary", [True, False])
def test_tritons_client_is_used_as_it_comes(live: LiveDoors, binary: bool) -> None:
    import tritonclient.http as triton

    client = triton.InferenceServerClient(f"{live.url.removeprefix('http://')}/foresight")
    headers = {"Authorization": f"Bearer {live.tokens['user']}"}
    assert client.is_server_live(headers=headers)
    assert client.is_model_ready("iris", headers=headers)
    inputs = []
    for name, value in FLOWER.items():
        tensor = triton.InferInput(name, [2], "FP64")
        tensor.set_data_from_numpy(np.array([value, value]), binary_data=binary)
        inputs.append(tensor)
    answer = client.infer("iris", inputs, headers=headers).get_response()
    assert (answer["model_name"], answer["outputs"][0]["shape"]) == ("iris", [2])
    client.close()


def test_the_open_inference_client_is_used_as_it_comes(live: LiveDoors) -> None:
    from open_inference.openapi.client import OpenInferenceClient
    from open_inference.openapi.types import InferenceRequest

    with live.client("user") as http:
        client = OpenInferenceClient(base_url=f"{live.url}/foresight", httpx_client=http)
        client.check_server_readiness()
        assert client.read_model_metadata("iris").name == "iris"
        inputs = [
            {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
            for name, value in FLOWER.items()
        ]
        answer = client.model_infer("iris", request=InferenceRequest.parse_obj({"inputs": inputs}))
    assert answer.outputs[0].shape == [1]


@pytest.mark.parametrize("role", ROLES)
def test_a_fuzzer_finds_nothing(live: LiveDoors, role: str) -> None:
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(CONFIG), "run",
        f"{live.url}/foresight/openapi.json", "-H", f"Authorization: Bearer {live.tokens[role]}", "-c", "all",
        "--phases", "examples,coverage,fuzzing,stateful", "--max-time", str(FUZZ_SECONDS),
        "--suppress-health-check", "all",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=live.home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
