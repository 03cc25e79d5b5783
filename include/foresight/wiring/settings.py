"""Where the files are that a user edits, and what they say."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from foresight.conventions import CATALOGUE_FILE
from foresight.errors import FinalError, NotFound

if TYPE_CHECKING:
    from foresight.telemetry.catalogue import Catalogue, WatchedMetric

_INSTALLATION = re.compile(r"[A-Za-z0-9_-]{0,32}")
SHIPPED = Path(__file__).parents[2] / "config"
"""The files that come with a checkout."""


def config_folder() -> Path:
    """``FORESIGHT_CONFIG``, else the files that come with the checkout."""
    return Path(os.environ.get("FORESIGHT_CONFIG", SHIPPED))


def installation() -> str:
    """``FORESIGHT_INSTALLATION``: tells installations on one broker or MySQL server apart; empty by default.

    Raises ``FinalError`` for a name that topics and locks cannot carry.
    """
    name = os.environ.get("FORESIGHT_INSTALLATION", "")
    if not _INSTALLATION.fullmatch(name):
        raise FinalError(f"FORESIGHT_INSTALLATION is {name!r}: use letters, digits, '_' and '-', 32 at most")
    return name


def data_docs_folder() -> Path | None:
    """``FORESIGHT_DATA_DOCS``: where Great Expectations builds its data docs; by default nowhere."""
    folder = os.environ.get("FORESIGHT_DATA_DOCS")
    return Path(folder) if folder else None


def catalogue(metrics: Collection[str] = ()) -> Catalogue:
    """The catalogue, or the named entries of it. Raises ``InvalidDocument`` or ``NotFound``."""
    from foresight.reasons import no_such
    from foresight.telemetry.catalogue import load_catalogue

    whole = load_catalogue(config_folder() / CATALOGUE_FILE)
    if not metrics:
        return whole
    chosen: list[WatchedMetric] = []
    for name in metrics:
        entry = whole.get(name)
        if entry is None:
            known = [each.name for each in whole.metrics]
            raise NotFound(no_such("the catalogue has no entry", name, known, "it has"))
        chosen.append(entry)
    return whole.model_copy(update={"metrics": tuple(chosen)})
