"""Scoring over HTTP: in fields and values, as Watson's clients send it, by the Open Inference Protocol."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from foresight.scoring.binary_tensors import with_data
from foresight.scoring.errors import InvalidRequest
from foresight.store import Store
from foresight.store.models import Change
from foresight.web.context import Doors
from foresight.web.limits import Limits, Rate
from tests.unit import registry
from tests.unit.iris import FLOWER, IRIS
from tests.unit.web.door import Door, RoleGate

BLOCK = {"fields": list(FLOWER), "values": [list(FLOWER.values())]}
INFER = {
    "id": "7",
    "inputs": [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]} for name, value in FLOWER.items()
    ],
}


@pytest.fixture
def iris(door: Door, store: Store) -> Door:
    change = Change("test", 1)
    registry.add("iris", str(IRIS), change)
    registry.deploy("iris", change)
    return door


def score(door: Door, body: Any) -> Any:
    return door.call("POST", "/deployments/iris/score", json=body)


def test_all_three_forms_give_the_same_answer(iris: Door) -> None:
    block = score(iris, BLOCK).json()
    assert score(iris, [BLOCK, BLOCK]).json() == [block, block]
    watson = iris.call(
        "POST",
        "//ml/v4/deployments/iris/predictions",
        params={"version": "2026-01-01"},
        json={"input_data": [BLOCK]},
    )
    assert watson.json() == {"predictions": [block]}
    answer = iris.call("POST", "//v2/models/iris/infer", json=INFER).json()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("7", "iris", "1")
    assert {out["name"]: out["data"] for out in answer["outputs"]} == dict(
        zip(block["fields"], ([value] for value in block["values"][0]), strict=True)
    )


def test_binary_inputs_give_the_same_answer(iris: Door) -> None:
    inputs = [
        {"name": name, "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": 8}}
        for name in FLOWER
    ]
    import orjson

    head = orjson.dumps({"id": "7", "inputs": inputs})
    tail = np.array(list(FLOWER.values()), "<f8").tobytes()
    binary = iris.call(
        "POST",
        "//v2/models/iris/infer",
        content=head + tail,
        headers={"Inference-Header-Content-Length": str(len(head))},
    )
    assert binary.json() == iris.call("POST", "//v2/models/iris/infer", json=INFER).json()


def test_the_protocol_describes_server_and_model(iris: Door) -> None:
    assert iris.json("//v2")["extensions"] == ["binary_tensor_data"]
    assert iris.json("//v2/health/live") == {"live": True}
    assert iris.json("//v2/health/ready") == {"ready": True}
    model = iris.json("//v2/models/iris")
    assert {tensor["name"] for tensor in model["inputs"]} == set(FLOWER)
    assert iris.json("//v2/models/iris/versions/1") == model
    assert iris.json("//v2/models/iris/ready") == {"name": "iris", "ready": True}
    assert iris.get("//v2/models/iris/versions/2").status_code == 404
    assert iris.get("//v2/models/none/ready").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("/deployments/iris/score", {"field": [], "values": []}, "fields"),
        ("/deployments/iris/score", {}, "fields"),
        (
            "//ml/v4/deployments/iris/predictions",
            {"input_data": [{"field": ["a"], "values": []}]},
            "called fields",
        ),
        (
            "//ml/v4/deployments/iris/predictions",
            {"input_data": [{"fields": [["a"]], "values": []}]},
            "list in a list",
        ),
        ("//ml/v4/deployments/iris/predictions", {"records": []}, "input_data"),
        ("//v2/models/iris/infer", {"inputs": []}, "inputs"),
        (
            "//v2/models/iris/infer",
            {"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [1]}]},
            "x",
        ),
    ],
)
def test_a_request_that_is_no_one_is_refused(iris: Door, path: str, body: Any, word: str) -> None:
    answer = iris.call("POST", path, json=body)
    assert answer.status_code == (400 if path.startswith("//v2") else 422)
    assert word in answer.text
    assert set(answer.json()) == ({"error"} if path.startswith("//v2") else set(answer.json()))


def test_who_may_read_may_not_score(iris: Door) -> None:
    viewer = iris.as_role("viewer")
    assert score(viewer, BLOCK).status_code == 403
    assert viewer.get("//v2/models/iris").status_code == 200
    assert viewer.call("POST", "//v2/models/iris/infer", json=INFER).json() == {"error": "Forbidden"}
    assert iris.as_role(None).get("//v2/health/live").status_code == 401


def test_a_user_who_calls_too_often_is_told_when_to_come_again(iris: Door, doors: Doors) -> None:
    doors.limits = Limits({"scoring": Rate(0.5, 2)}, lambda: 0.0)
    assert [score(iris, BLOCK).status_code for _ in range(3)] == [200, 200, 429]
    answer = score(iris, BLOCK)
    assert answer.headers["retry-after"] == "2"
    assert score(iris.as_role("user"), BLOCK).status_code == 200


def test_versions_are_deployed_rolled_back_and_taken_away(iris: Door, gate: RoleGate) -> None:
    def put(role: str, body: Any) -> Any:
        return iris.as_role(role).call("PUT", "/deployments/iris@canary", json=body)

    assert put("viewer", {}).status_code == 403
    assert put("user", {"version": 1, "note": "try"}).json() == {
        "reference": "iris@canary", "version": 1, "action": "deployed",
    }  # fmt: skip
    assert put("user", {}).json()["action"] is None
    assert put("user", {"version": 9}).status_code == 404
    assert put("user", {"version": "1"}).status_code == 422
    assert put("user", {"defaults": {"colour": 1}}).status_code == 409
    assert iris.call("POST", "/deployments/iris@canary/rollback", json={}).status_code == 409
    assert iris.as_role("user").call("DELETE", "/deployments/iris@canary").status_code == 403
    assert iris.call("DELETE", "/deployments/iris@canary?expected_version=2").status_code == 409
    assert iris.call("DELETE", "/deployments/iris@canary").status_code == 204
    assert ("user", "foresight.deploy") in gate.recorded
    actions = [row["action"] for row in iris.json("/models/iris/changes")["changes"]]
    assert actions == ["added", "deployed", "deployed", "undeployed"]


def test_what_is_not_deployed_is_not_found(door: Door) -> None:
    assert score(door, BLOCK).status_code == 404
    assert door.call("POST", "//v2/models/a b/infer", json=INFER).status_code in {404, 409}


def test_a_compressed_body_is_refused(iris: Door) -> None:
    sent = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert iris.call("POST", "//v2/models/iris/infer", content=b"x", headers=sent).status_code == 415


@pytest.mark.parametrize(
    ("datatype", "values", "data"),
    [
        ("FP32", [1.5, -2.0], np.array([1.5, -2], "<f4").tobytes()),
        ("FP16", [1.5], np.array([1.5], "<f2").tobytes()),
        ("INT64", [-1, 2**60], np.array([-1, 2**60], "<i8").tobytes()),
        ("BOOL", [True, False], b"\x01\x00"),
        ("BYTES", ["ab", "", "ü"], b"\x02\x00\x00\x00ab" + b"\x00\x00\x00\x00" + b"\x02\x00\x00\x00\xc3\xbc"),
        ("FP64", [None], struct.pack("<d", float("nan"))),
    ],
)
def test_binary_data_is_read_as_numpy_writes_it(datatype: str, values: list[Any], data: bytes) -> None:
    tensor = {"name": "x", "datatype": datatype, "parameters": {"binary_data_size": len(data)}}
    assert with_data({"inputs": [tensor]}, data)["inputs"][0]["data"] == values


@pytest.mark.parametrize(
    ("tensor", "data"),
    [
        ({"datatype": "FP32", "parameters": {"binary_data_size": 8}}, b"1234"),
        ({"datatype": "FP32", "parameters": {"binary_data_size": 4}}, b"12345678"),
        ({"datatype": "FP32", "parameters": {"binary_data_size": 3}}, b"123"),
        ({"datatype": "FP32", "parameters": {"binary_data_size": -1}}, b""),
        ({"datatype": "FP32", "parameters": {"binary_data_size": True}}, b"1"),
        ({"datatype": "FP32", "parameters": {"binary_data_size": 4}, "data": [1]}, b"1234"),
        ({"datatype": "WHAT", "parameters": {"binary_data_size": 4}}, b"1234"),
        ({"datatype": "BYTES", "parameters": {"binary_data_size": 6}}, b"\xff\xff\xff\xffab"),
        ({"datatype": "BYTES", "parameters": {"binary_data_size": 2}}, b"ab"),
        ({"datatype": "BYTES", "parameters": {"binary_data_size": 5}}, b"\x01\x00\x00\x00\xff"),
    ],
)
def test_binary_data_that_does_not_fit_is_refused(tensor: dict[str, Any], data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        with_data({"inputs": [{"name": "x", **tensor}]}, data)
