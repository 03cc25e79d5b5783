"""The forecast of a matrix: which model each series gets, its next steps, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Flags, Integers, Matrix, Rows, Vector, unbuffered
from foresight.analysis.blocks import Block, in_blocks
from foresight.analysis.gaps import Coverage, inspect
from foresight.forecasting.candidates import MODELS, forecast_all
from foresight.forecasting.evidence import Evidence
from foresight.forecasting.origins import Origins, Plan, unlikeness
from foresight.forecasting.parameters import FEWEST_PATHS, ForecastParameters
from foresight.forecasting.paths import joint_band, joint_paths, middle_mean, quantiles
from foresight.forecasting.refit import stretch_band
from foresight.forecasting.selection import backtest
from foresight.forecasting.window import Window

DEFAULTS = ForecastParameters()
NO_MODEL = -1


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """The next ``horizon`` steps of each series, row for row; NaN for a series without enough data."""

    parameters: ForecastParameters
    horizon: int
    coverage: Coverage
    model: Integers
    """Index into :data:`MODELS`; -1: no forecast."""
    mase: Vector
    """The chosen model's error in the backtest, over that of the naive one-step forecast (MASE)."""
    naive_mase: Vector
    """The same for the naive model: what the choice gained. Both NaN for a constant series."""
    history: Integers
    """From how many of its last slots each series was forecast (:func:`histories`); 0: no forecast."""
    origins: int
    """How many past origins the backtest and the paths may come from in the whole window."""
    mean: Matrix
    """The mean of the middle half of the joint paths, ``[n_series, horizon]``: the point forecast."""
    quantiles: Matrix
    """``[n_series, horizon, n_levels]`` at ``parameters.levels``, each step by itself."""
    joint_lower: Matrix
    """Between this and ``joint_upper`` all steps together stay with ``parameters.joint_coverage``."""
    joint_upper: Matrix
    maximum: Vector
    """The mean of the middle half of the paths' maxima, shape ``[n_series]``; no step's ``mean`` is above."""
    minimum: Vector
    """The same of their minima; ``minimum <= average <= maximum``."""
    average: Vector
    """The mean of ``mean`` over the steps."""

    def model_name(self, row: int) -> str:
        """The name of the chosen model, empty without a forecast."""
        model = int(self.model[row])
        return MODELS[model] if model != NO_MODEL else ""


@unbuffered()
def forecast(
    values: Matrix,
    horizon: int = 10,
    parameters: ForecastParameters = DEFAULTS,
    collect: Callable[[Evidence], None] | None = None,
) -> Forecast:
    """Forecast ``values[n_series, n_slots]`` (float64, NaN = missing) ``horizon`` slots ahead.

    A series that is too young, or has too many gaps, to be forecast from the whole window is forecast from as
    many of its last slots as will do. Each row's forecast depends on that row alone, to the last bit.
    The first step follows as-of, the last slot, however long ago the newest sample was; a series whose newest
    sample is more than ``parameters.longest_gap`` slots old is not forecast.
    ``collect`` is given the evidence block by block: it is too large to be kept, thousands of values each.
    """
    if horizon < 1:
        raise ValueError(f"horizon = {horizon} is out of range: at least 1 slot")
    n_series = len(values)
    coverage = inspect(values, parameters.enough)
    model, history = np.full(n_series, NO_MODEL), np.zeros(n_series, dtype=np.int64)
    of_series = np.full((5, n_series), np.nan)
    of_steps = np.full((3, n_series, horizon), np.nan)
    spread = np.full((n_series, horizon, len(parameters.levels)), np.nan)
    for plan, gap, chosen in histories(values, coverage, horizon, parameters):
        part = values[:, values.shape[1] - gap - plan.n_slots : values.shape[1] - gap]
        for block in in_blocks(part, chosen):
            rows, n = block.rows, len(block.rows)
            history[rows] = plan.n_slots + gap
            window = Window.of(block.samples, _observed(part, block), gap)
            origins = Origins.of(window, plan)
            means = origins.running_means()
            distance, candidates = unlikeness(origins, means), forecast_all(origins, means)
            judged = backtest(origins, candidates)
            model[rows] = judged.chosen[:n]
            mase_of, naive_of = judged.mase_of(judged.chosen), judged.mase[0]
            of_series[:2, rows] = mase_of[:n], naive_of[:n]
            paths = joint_paths(origins, candidates, judged.chosen, distance, parameters.n_paths).after(gap)
            ordered = np.sort(paths.steps, axis=2)
            now = block.samples[:, -1]
            mean = middle_mean(ordered)
            band = joint_band(paths, ordered, parameters.joint_coverage)
            if parameters.band_factor != 1.0:
                low, high = stretch_band(mean, *band, parameters.band_factor)
                limits = paths.floor[:, None], paths.ceiling[:, None]
                band = np.clip(low, *limits), np.clip(high, *limits)
            for at, steps in enumerate((mean, *band)):
                of_steps[at, rows] = block.restore(steps + now[:, None])
            extremes = np.sort(np.stack([paths.steps.max(axis=0), paths.steps.min(axis=0)]), axis=2)
            of_series[2:4, rows] = [block.restore(extreme + now) for extreme in middle_mean(extremes).T]
            of_series[4, rows] = block.restore(mean.mean(axis=1) + now)
            by_level = quantiles(ordered, parameters.levels).transpose(1, 0, 2)
            spread[rows] = block.restore(by_level + now[:, None, None])
            if collect is not None:
                collect(Evidence.of(block, window, paths, judged.gain))
    mase, naive, maximum, minimum, average = of_series
    mean, lower, upper = of_steps
    return Forecast(
        parameters, horizon, coverage, model, mase, naive, history,
        Plan.of(values.shape[1], horizon, parameters).judged,
        mean, spread, lower, upper, maximum, minimum, average,
    )  # fmt: skip


def histories(
    values: Matrix, coverage: Coverage, horizon: int, parameters: ForecastParameters
) -> Iterator[tuple[Plan, int, Rows]]:
    """The rows that are forecast from the whole window, then those that are from its last half, quarter, ….

    With the plan come the slots between the newest sample and as-of, the same for all rows that come
    together: a forecast starts at the newest sample, so it has that much further to go. A row comes at most
    once: with the longest history in which enough of it is observed.
    """
    n_slots, enough = values.shape[1], np.flatnonzero(coverage.usable)
    left = np.flatnonzero(~coverage.usable & (coverage.observed > 0))
    gaps = trailing_gaps(values)
    while Plan.of(n_slots, horizon, parameters).judged >= FEWEST_PATHS:
        for gap in np.unique(gaps[enough]).tolist():
            plan = Plan.of(n_slots - gap, horizon + gap, parameters)
            if gap <= parameters.longest_gap and plan.judged >= FEWEST_PATHS:
                yield plan, gap, enough[gaps[enough] == gap]
        n_slots //= 2
        usable = inspect(values[left, -n_slots:], parameters.enough).usable
        enough, left = left[usable], left[~usable]


def trailing_gaps(values: Matrix) -> Integers:
    """How many of the last slots of each row of ``values[n_series, n_slots]`` hold no finite sample."""
    gaps = np.zeros(len(values), dtype=np.int64)
    if values.shape[1] == 0:
        return gaps
    late = np.flatnonzero(~np.isfinite(values[:, -1]))
    finite = np.isfinite(values[late])
    gaps[late] = np.where(finite.any(axis=1), np.argmax(finite[:, ::-1], axis=1), values.shape[1])
    return gaps


def _observed(values: Matrix, block: Block) -> Flags:
    """Which samples of a block were observed; its padding was."""
    observed = np.ones(block.samples.shape, dtype=np.bool_)
    observed[: len(block.rows)] = np.isfinite(values[block.rows])
    return observed
