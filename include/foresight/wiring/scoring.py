"""The scoring service of this process."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from foresight.wiring.connections import open_database, results
from foresight.wiring.files import model_files

if TYPE_CHECKING:
    from foresight.files import Files
    from foresight.services.scoring.scorers import Scoring
    from foresight.store import Store


def scoring() -> Scoring:
    """One service for each results store of this process, so models stay loaded between calls."""
    return _scoring_of(results(), model_files())


@lru_cache(maxsize=2)
def _scoring_of(store: Store, files: Files) -> Scoring:
    from foresight.services.scoring.scorers import Scoring

    return Scoring(store, files, open_database)
