"""Analysis of many series at once: ``values[n_series, n_slots]`` in, frozen records of arrays out."""

from foresight.analysis.aggregates import Aggregates, aggregate
from foresight.analysis.autocorrelation import Autocorrelation
from foresight.analysis.batch import Analysis, Curves, analyse, curves
from foresight.analysis.decomposition import Decomposition
from foresight.analysis.gaps import Coverage
from foresight.analysis.hodrick_prescott import HodrickPrescott
from foresight.analysis.outcome import Outcome
from foresight.analysis.parameters import AnalysisParameters
from foresight.analysis.stationarity import Stationarity

__all__ = [
    "Aggregates",
    "Analysis",
    "AnalysisParameters",
    "Autocorrelation",
    "Coverage",
    "Curves",
    "Decomposition",
    "HodrickPrescott",
    "Outcome",
    "Stationarity",
    "aggregate",
    "analyse",
    "curves",
]
