"""Indicators and series for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.sla.definitions import Sla, Sli

AS_OF = 1_700_000_040
METRIC = "load"

samples = st.one_of(
    st.sampled_from([0.0, -1.0, 1.0, 2.0, 3.0, np.nan, np.inf, -np.inf, 1e10, 2.5e-9]),
    st.floats(-5, 5),
)


@st.composite
def matrices(draw: st.DrawFn, max_series: int = 4, max_slots: int = 90) -> SeriesMatrix:
    n_series, n_slots = draw(st.integers(1, max_series)), draw(st.integers(1, max_slots))
    rows = [draw(st.lists(samples, min_size=n_slots, max_size=n_slots)) for _ in range(n_series)]
    keys = tuple(SeriesKey.of(METRIC, {"host": str(at)}) for at in range(n_series))
    return SeriesMatrix(keys, Grid(AS_OF, n_slots), np.array(rows, np.float64))


@st.composite
def slis(draw: st.DrawFn, name: str = "load") -> Sli:
    bound = st.sampled_from([-1.0, 0.0, 0.5, 2.0])
    lower, upper = draw(st.one_of(st.none(), bound)), draw(st.one_of(st.none(), bound))
    if lower is None and upper is None:
        lower = 0.0
    if lower is not None and upper is not None and lower > upper:
        lower, upper = upper, lower
    windows = draw(st.lists(st.integers(1, 120), min_size=1, max_size=4, unique=True))
    objective = draw(st.sampled_from([0.5, 0.9, 0.99, 0.999, 0.05]))
    return Sli(name, METRIC, lower, upper, objective, windows=tuple(sorted(windows)))


slas = st.lists(st.integers(0, 3), min_size=1, max_size=4).flatmap(
    lambda counts: st.tuples(
        *(
            st.tuples(*(slis(f"i{at}") for at in range(count + 1))).map(
                lambda members, number=number: Sla(f"s{number}", members)
            )
            for number, count in enumerate(counts)
        )
    ).map(list)
)
