"""The numbers that several steps share, and how the catalogue says that a series is analysed."""

from __future__ import annotations

from foresight.analysis import AnalysisParameters
from foresight.grid import STEP_SECONDS
from foresight.telemetry.catalogue import WatchedMetric

HORIZON = 10
"""How many slots ahead is forecast."""

WINDOWS_SECONDS = (3600, 3 * 3600, 12 * 3600)
"""The windows that aggregates are kept for."""

LEAST_OBSERVED, LEAST_COVERAGE = 16, 0.01
"""What the analysis needs at the least, whatever a catalogue says."""


def analysis_parameters(
    entry: WatchedMetric, hp_lambda: float | None = None, lags: int | None = None
) -> AnalysisParameters:
    """How the series of an entry are analysed; what a run says goes before what the catalogue says."""
    slots = {seconds // STEP_SECONDS for seconds in WINDOWS_SECONDS}
    fitting = sorted(slot for slot in slots if 0 < slot <= entry.n_slots)
    return AnalysisParameters(
        windows=tuple(fitting) or (entry.n_slots,),
        autocorrelation_lags=lags or entry.analysis.lags,
        hp_lambda=hp_lambda or entry.analysis.hp_lambda,
        min_observed=max(entry.min_slots, LEAST_OBSERVED),
        min_coverage=max(entry.coverage, LEAST_COVERAGE),
    )
