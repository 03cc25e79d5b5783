"""Statuses with something in every field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresight.grid import Grid
from foresight.matchers import Matcher
from foresight.series import SeriesKey, SeriesMatrix
from foresight.sla.definitions import Sla, Sli
from foresight.sla.evaluation import Figures
from foresight.sla.matching import pair_up
from foresight.sla.risk_forecasts import RiskForecasts
from foresight.sla.status import SlaStatus
from foresight.sla.statuses import figures_of, statuses
from tests.unit.sla.strategies import AS_OF


@dataclass(frozen=True)
class Sample:
    slas: list[Sla]
    matrix: SeriesMatrix
    statuses: list[SlaStatus]
    figures: Figures


def sample() -> Sample:
    """Two SLAs: one with two violated series and a quiet one, one with an SLI that nothing matches."""
    rng = np.random.default_rng(5)
    values = rng.normal(5, 1, size=(3, 720))
    values[0, 300:330] = np.nan
    values[1, -1] = np.nan
    keys = tuple(
        SeriesKey.of("node_memory_MemFree_bytes", {"host": name, "quote": 'a"ä'}) for name in ("a", "b", "c")
    )
    both = Sli("free", keys[0].metric, 4.0, 7.0, 0.9, (Matcher("host", "=~", "a|b"),))
    quiet = Sli("quiet", keys[0].metric, 0.0, None, 0.999, (Matcher("host", "=", "c"),))
    slas = [
        Sla("hosts", (both, quiet), owner="sre", description="of hosts"),
        Sla("none", (Sli("none", "up", None, 1.0, windows=(60, 360, 720)),)),
    ]
    matrix = SeriesMatrix(keys, Grid(AS_OF, 720), values)
    pairs = pair_up(slas, keys)
    forecasts = RiskForecasts.of(matrix, pairs)
    figures = figures_of(slas, matrix, pairs, forecasts)
    return Sample(slas, matrix, statuses(figures), figures)
