"""The gRPC service beside an Airflow of this machine: same secrets, same results, on loopback."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from foresight.errors import SourceUnavailable
from foresight.local.standalone import Standalone, stop_session


@contextmanager
def retrieval_beside(airflow: Standalone, port: int = 0, seconds: float = 120) -> Iterator[str]:
    """Serves while the block runs; answers the address. Raises ``SourceUnavailable``."""
    program = "from foresight.cli import main; main()"
    command = [sys.executable, "-c", program, "retrieval", "serve", "--port", str(port)]
    log = airflow.home / "retrieval.log"
    with log.open("ab") as file:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
            command, env=airflow.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=file,
            start_new_session=True,
        )  # fmt: skip
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        is_there, _, _ = select.select([process.stdout], [], [], seconds)
        said = process.stdout.readline().decode().split() if is_there else []
        if len(said) < 3:
            raise SourceUnavailable(f"the retrieval service did not come up; see {log}")
        yield said[2]
    finally:
        stop_session(process)
        if process.stdout is not None:
            process.stdout.close()
