"""The scoring service of this process."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from foresight.conventions import RESULTS_CONNECTION
from foresight.wiring.connections import database_of, open_database, results
from foresight.wiring.files import model_files, placed

if TYPE_CHECKING:
    from foresight.files import Files
    from foresight.services.scoring.bounds import Bounds
    from foresight.services.scoring.scorers import Scoring
    from foresight.store import Store


def scoring() -> Scoring:
    """One service for each results store of this process, so models stay loaded between calls."""
    return _scoring_of(results(), model_files())


@lru_cache(maxsize=2)
def _scoring_of(store: Store, files: Files) -> Scoring:
    from foresight.services.scoring.scorers import Scoring

    return Scoring(store, files, open_database)


def bounds() -> Bounds:
    """What runs may name: files below ``FORESIGHT_FILES`` (by default ``files`` in Airflow's home), and the
    connections that ``FORESIGHT_CONNECTIONS`` lists, separated by commas (by default ``results``)."""
    from foresight.services.scoring.bounds import Bounds

    listed = os.environ.get("FORESIGHT_CONNECTIONS", RESULTS_CONNECTION).split(",")
    return Bounds(
        Path(placed("FORESIGHT_FILES", "files").removeprefix("file://")),
        frozenset(filter(None, map(str.strip, listed))),
        database_of,
    )
