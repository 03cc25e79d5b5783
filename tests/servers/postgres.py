"""A real PostgreSQL for Airflow's own database: Debian's package in a private folder, gone afterwards.

Airflow on SQLite refuses backfills while its scheduler writes, and its scheduler can die of one.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2

from tests.servers.debian import give_to_server, system_user, unpacked
from tests.servers.process import Server, free_port, run

PACKAGE, VERSION = "postgresql-15", "15"


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """SQLAlchemy URL of an empty database on a PostgreSQL of its own; raises ``Unavailable``."""
    root = unpacked(PACKAGE)
    programs = root / "usr" / "lib" / "postgresql" / VERSION / "bin"
    libraries = ":".join(map(str, [*root.glob("usr/lib/*-linux-gnu"), *root.glob("lib/*-linux-gnu")]))
    with tempfile.TemporaryDirectory(prefix="foresight-postgres-") as name:
        home, port = Path(name), free_port()
        home.chmod(0o755)
        start = ["env", f"LD_LIBRARY_PATH={libraries}"]
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            give_to_server(home, user=system_user(root))
            start = ["setpriv", "--reuid=nobody", "--clear-groups", *start]
        data = home / "data"
        settings = ["--username=airflow", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        run([*start, str(programs / "initdb"), f"--pgdata={data}", *settings])
        server = [
            *start, str(programs / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1",
            "-k", str(home), "-F", "-c", "max_connections=200",
        ]  # fmt: skip
        with Server(server, log=home / "log", ready=lambda: _answers(port)):
            with contextlib.closing(_connect(port)) as connection:
                connection.autocommit = True
                connection.cursor().execute("CREATE DATABASE airflow")
            yield f"postgresql+psycopg2://airflow@127.0.0.1:{port}/airflow"


def _answers(port: int) -> bool:
    with contextlib.suppress(psycopg2.Error):
        _connect(port).close()
        return True
    return False


def _connect(port: int) -> psycopg2.extensions.connection:
    return psycopg2.connect(host="127.0.0.1", port=port, user="airflow", dbname="postgres", connect_timeout=5)
