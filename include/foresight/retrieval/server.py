"""The server: on loopback in plain text, elsewhere with TLS alone; health, reflection, and a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from foresight.errors import FinalError
from foresight.retrieval.guard import SERVICE, Guard
from foresight.retrieval.requests import MAX_REQUEST_BYTES
from foresight.retrieval.service import Reader, Retrieval
from foresight.retrieval.sign_in import Authenticator

READERS: Final = 8
"""Pages that are read at the same time, a database connection each."""
MOST_CALLS: Final = 200
"""Calls that are open at the same time; others get RESOURCE_EXHAUSTED."""
_GRACE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of the server's certificate, with its chain, and of its key; both PEM."""

    certificate: Path
    key: Path

    def credentials(self) -> Any:
        """For gRPC. Raises ``FinalError`` where a file cannot be read."""
        try:
            pair = self.key.read_bytes(), self.certificate.read_bytes()
        except OSError as error:
            raise FinalError(f"the TLS file {error.filename} cannot be read: {error.strerror}") from error
        return grpc.ssl_server_credentials([pair])


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens. Raises ``FinalError`` for plain text anywhere but on loopback."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: Tls | None = None

    def __post_init__(self) -> None:
        if self.tls is None and not is_loopback(self.host):
            raise FinalError(
                f"{self.host} is not loopback: tokens travel in the clear without TLS; give a certificate and"
                " a key, or listen on 127.0.0.1"
            )

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether nothing outside this machine reaches a host; a name but ``localhost`` may lead anywhere."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@asynccontextmanager
async def serving(address: Address, read: Reader, authenticator: Authenticator) -> AsyncIterator[int]:
    """A server that takes calls inside the block; answers its port. Raises ``FinalError``."""
    readers = ThreadPoolExecutor(READERS, "retrieval")
    server = grpc.aio.server(
        interceptors=[Guard(authenticator)],
        options=[
            ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
            ("grpc.so_reuseport", 0),
        ],
        maximum_concurrent_rpcs=MOST_CALLS,
    )
    state = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    server.add_generic_rpc_handlers((Retrieval(read, readers).handlers(),))
    reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    port = _listen(server, address)
    await state.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
    await server.start()
    try:
        yield port
    finally:
        await state.enter_graceful_shutdown()
        await server.stop(_GRACE_SECONDS)
        readers.shutdown(wait=False, cancel_futures=True)


def _listen(server: Any, address: Address) -> int:
    try:
        if address.tls is None:
            port = server.add_insecure_port(str(address))
        else:
            port = server.add_secure_port(str(address), address.tls.credentials())
    except RuntimeError as error:
        raise FinalError(
            f"nothing can listen on {address}: the port is taken or the address is not here"
        ) from error
    return int(port)


def serve(address: Address, read: Reader, authenticator: Authenticator, ready: Callable[[int], None]) -> None:
    """Serves until SIGINT or SIGTERM; ``ready`` is told the port once calls are taken."""

    async def run() -> None:
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        async with serving(address, read, authenticator) as port:
            ready(port)
            await ended.wait()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())
