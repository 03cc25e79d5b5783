"""Where the files are that a user edits, and what they say."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from foresight.analysis import AnalysisParameters
from foresight.conventions import CATALOGUE_FILE
from foresight.errors import NotFound
from foresight.telemetry import Catalogue, WatchedMetric, load_catalogue

SHIPPED = Path(__file__).parents[2] / "config"
"""The files that come with a checkout."""


def config_folder() -> Path:
    """``FORESIGHT_CONFIG``, else the files that come with the checkout."""
    return Path(os.environ.get("FORESIGHT_CONFIG", SHIPPED))


def catalogue(metrics: Collection[str] = ()) -> Catalogue:
    """The catalogue, or the named entries of it. Raises ``InvalidDocument`` or ``NotFound``."""
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


WINDOWS_SECONDS = (3600, 3 * 3600, 12 * 3600)
"""The windows that aggregates are kept for."""

SLA_WINDOW_SECONDS = 12 * 3600
"""How much history an SLA is evaluated on."""

ENOUGH = AnalysisParameters(min_observed=30, min_coverage=0.5)
"""What a series needs to be forecast for an SLA: the defaults of a catalogue entry."""

LEAST_OBSERVED = 16
LEAST_COVERAGE = 0.01


def analysis_parameters(
    entry: WatchedMetric, hp_lambda: float | None = None, lags: int | None = None
) -> AnalysisParameters:
    """How the series of an entry are analysed; λ and lags of a run go before those of the catalogue."""
    slots = {seconds // entry.step_seconds for seconds in WINDOWS_SECONDS if seconds >= entry.step_seconds}
    return AnalysisParameters(
        windows=tuple(sorted(slot for slot in slots if slot <= entry.n_slots)) or (entry.n_slots,),
        autocorrelation_lags=lags or entry.analysis.lags,
        hp_lambda=hp_lambda or entry.analysis.hp_lambda,
        min_observed=max(entry.min_slots, LEAST_OBSERVED),
        min_coverage=max(entry.coverage, LEAST_COVERAGE),
    )
