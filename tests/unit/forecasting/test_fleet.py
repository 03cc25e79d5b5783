import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.forecasting.assessment import forecast_risk
from foresight.forecasting.calibrator import CalibratorError, expit, shipped
from foresight.forecasting.features import CONTEXT, SIGNALS, Features
from foresight.forecasting.fleet import (
    INPUTS,
    FleetCalibrator,
    Sample,
    _added_up,
    fit_curves,
    odds_of,
)
from foresight.forecasting.refit import Correction
from foresight.forecasting.risk import Bounds

N = len(SIGNALS) + len(CONTEXT)


def drawn(n: int, seed: int = 0) -> Sample:
    """Sides whose shipped odds are too low, and lower still where the first context is high."""
    rng = np.random.default_rng(seed)
    features = rng.normal(0, 1, (n, N)).astype(np.float32)
    odds = odds_of(shipped(), features)
    happened = rng.random(n) < expit(odds + 1.0 + features[:, len(SIGNALS)])
    as_of = np.arange(n, dtype=np.int64) // 50 * 600
    return Sample(features, happened, np.ones(n), as_of, rng.integers(40, size=n))


@pytest.fixture(scope="module")
def fitted():
    sample = drawn(4000)
    curves = fit_curves(sample, odds_of(shipped(), sample.features))
    return FleetCalibrator(shipped(), Correction(1.1, 0.3), curves)


def test_the_added_up_curves_say_what_the_trees_say():
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = np.random.default_rng(2)
    inputs = rng.normal(0, 1, (2000, 5)).astype(np.float32)
    happened = rng.random(2000) < expit(inputs[:, 0] - inputs[:, 3])
    model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=2, random_state=0).fit(
        inputs, happened
    )
    others = rng.normal(0, 2, (500, 5)).astype(np.float32)
    for each in (inputs, others):
        np.testing.assert_allclose(_added_up(model).log_odds(each), model.decision_function(each), atol=1e-9)


def test_the_model_of_the_fleet_learns_what_the_shipped_one_does_not_know(fitted):
    fresh = drawn(3000, seed=5)
    for_shipped = expit(odds_of(shipped(), fresh.features))
    for_fleet = expit(odds_of(fitted, fresh.features))
    assert np.mean((for_fleet - fresh.happened) ** 2) < np.mean((for_shipped - fresh.happened) ** 2) - 0.003


def test_a_document_gives_the_same_calibrator_again(fitted):
    import orjson

    again = FleetCalibrator.from_document(orjson.loads(orjson.dumps(fitted.document())), shipped())
    assert again.version == fitted.version
    features = drawn(200, seed=9).features
    np.testing.assert_array_equal(odds_of(again, features), odds_of(fitted, features))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "another format"),
        ({"shipped": "shipped-00000000"}, "another shipped"),
        ({"inputs": ["shipped"]}, "another inputs"),
        ({"slope": -1.0}, "not monotone"),
        ({"slope": None}, "not whole"),
        ({"steps": {}}, "not whole"),
        ({"edges": {"shipped": [0.0]}, "steps": {"shipped": [1.0, 0.0]}}, "not monotone"),
        ({"edges": {"shipped": [0.0]}, "steps": {"shipped": [1.0]}}, "do not fit"),
    ],
)
def test_a_document_of_another_release_or_cut_is_refused(fitted, change, message):
    with pytest.raises(CalibratorError, match=message):
        FleetCalibrator.from_document(fitted.document() | change, shipped())


@given(st.integers(0, 10_000), st.integers(0, len(SIGNALS) - 1), st.floats(0, 5))
@settings(deadline=None, max_examples=60)
def test_a_refitted_calibrator_rises_with_every_signal(fitted, seed, at, more):
    rng = np.random.default_rng(seed)
    signals, context = rng.normal(0, 2, (3, 4, len(SIGNALS))), rng.normal(0, 2, (3, len(CONTEXT)))
    raised = signals.copy()
    raised[:, :, at] += more
    before, after = (fitted.log_odds(Features(each, context)) for each in (signals, raised))
    assert (after >= before - 1e-9).all()


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=8)
def test_widening_a_bound_never_raises_and_a_longer_horizon_never_lowers_a_refitted_probability(fitted, seed):
    rng = np.random.default_rng(seed)
    values = np.cumsum(rng.normal(0, 1, (2, 300)), axis=1)
    upper = values[:, -1].repeat(6) + np.tile(np.linspace(-1, 8, 6), 2)
    bounds = Bounds(np.repeat(np.arange(2), 6), np.full(12, -np.inf), upper)
    _, risk = forecast_risk(values, bounds, (10, 30, 60), calibrator=fitted)
    by_bound = risk.probability.reshape(2, 6, 3)
    assert (np.diff(by_bound, axis=1) <= 1e-12).all()
    assert (np.diff(risk.probability, axis=1) >= -1e-12).all()
    assert (np.diff(risk.by_slot, axis=1) >= -1e-12).all()
    assert risk.calibrator == fitted.version


def test_kept_features_are_what_the_calibrator_read():
    values = np.cumsum(np.random.default_rng(3).normal(0, 1, (3, 300)), axis=1)
    values[2, :-3] = np.nan
    bounds = Bounds(
        np.array([0, 1, 1, 2]), np.array([-np.inf, -30, -np.inf, -9]), np.array([20, 30, 40, 9.0])
    )
    _, risk = forecast_risk(values, bounds, (10, 30), keep_features=True)
    kept = risk.features
    assert sorted(set(kept.pair.tolist())) == [0, 1, 2]
    assert sorted(zip(kept.pair.tolist(), kept.side.tolist(), kept.horizon.tolist(), strict=True)) == [
        (0, 1, 10), (0, 1, 30), (1, -1, 10), (1, -1, 30), (1, 1, 10), (1, 1, 30), (2, 1, 10), (2, 1, 30),
    ]  # fmt: skip
    stays = np.ones((3, 2))
    for pair, horizon, odds in zip(kept.pair, kept.horizon, odds_of(shipped(), kept.values), strict=True):
        stays[pair, (10, 30).index(horizon)] *= 1 - expit(odds)
    np.testing.assert_allclose(1 - stays, risk.probability[:3], atol=1e-4)
    assert forecast_risk(values, bounds)[1].features is None
    assert len(INPUTS) == N + 1
