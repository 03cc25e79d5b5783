"""Run as a process of its own: writes half of a shard and is gone."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
from sqlalchemy import Connection

from foresight.store import open_store, upsert
from foresight.store.tables import sample
from tests.unit.store.rows import sample_columns


def work(connection: Connection) -> None:
    """Many rows, few rows, the end."""
    upsert(connection, sample, sample_columns(1.0, np.arange(2000)))
    upsert(connection, sample, sample_columns(1.0, np.arange(2000, 2010)))
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    open_store(sys.argv[1]).transact(work)
