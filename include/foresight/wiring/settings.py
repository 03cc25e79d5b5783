"""Where the files are that a user edits, and what they say."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from foresight.conventions import CATALOGUE_FILE
from foresight.errors import NotFound

if TYPE_CHECKING:
    from foresight.telemetry import Catalogue, WatchedMetric

SHIPPED = Path(__file__).parents[2] / "config"
"""The files that come with a checkout."""


def config_folder() -> Path:
    """``FORESIGHT_CONFIG``, else the files that come with the checkout."""
    return Path(os.environ.get("FORESIGHT_CONFIG", SHIPPED))


def data_docs_folder() -> Path | None:
    """``FORESIGHT_DATA_DOCS``: where Great Expectations builds its data docs; by default nowhere."""
    folder = os.environ.get("FORESIGHT_DATA_DOCS")
    return Path(folder) if folder else None


def catalogue(metrics: Collection[str] = ()) -> Catalogue:
    """The catalogue, or the named entries of it. Raises ``InvalidDocument`` or ``NotFound``."""
    from foresight.telemetry import load_catalogue

    whole = load_catalogue(config_folder() / CATALOGUE_FILE)
    if not metrics:
        return whole
    chosen: list[WatchedMetric] = []
    for name in metrics:
        entry = whole.get(name)
        if entry is None:
            known = ", ".join(known.name for known in whole.metrics)
            raise NotFound(f"the catalogue has no entry {name!r}; it has {known}")
        chosen.append(entry)
    return whole.model_copy(update={"metrics": tuple(chosen)})
