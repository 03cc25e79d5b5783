"""Run in a process of its own: makes tokens of a fresh Airflow, and prints what the service says to each."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.utils.db import initdb

from foresight.retrieval.sign_in import AirflowSignIn
from foresight.retrieval.v1 import retrieval_pb2 as pb
from foresight.retrieval.v1.retrieval_pb2_grpc import RetrievalServiceStub
from tests.unit.retrieval.memory import Memory
from tests.unit.retrieval.rooms import channel_to
from tests.unit.retrieval.test_server import code_of


async def codes(tokens: dict[str, str | None]) -> dict[str, str]:
    found: dict[str, str] = {}
    async with channel_to(Memory(1, 10), AirflowSignIn()) as channel:
        stub = RetrievalServiceStub(channel)
        for name, token in tokens.items():
            metadata: Any = () if token is None else (("authorization", token),)
            call = stub.ListDecomposition(pb.ListDecompositionRequest(), metadata=metadata)
            found[name] = (await code_of(call))[0].name
    return found


if __name__ == "__main__":
    initdb()
    manager = create_auth_manager()
    viewer, nobody = (
        SimpleAuthManagerUser(username=name, role=role) for name, role in (("v", "viewer"), ("n", None))
    )
    given = {
        "viewer": f"Bearer {manager.generate_jwt(viewer)}",
        "nobody": f"Bearer {manager.generate_jwt(nobody)}",
        "expired": f"Bearer {manager.generate_jwt(viewer, expiration_time_in_seconds=-60)}",
        "forged": f"Bearer {manager.generate_jwt(viewer)}x",
        "basic": "Basic dTpw",
        "none": None,
    }
    print(json.dumps(asyncio.run(codes(given))))
