"""Back-tests of stored SLAs: counts that add up, thresholds, downtime, what cannot be tested."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from foresight.errors import FinalError, NotFound
from foresight.services.backtest import BacktestOptions, SliBacktest, backtest_sla
from foresight.services.sla_history import source_history, stored_history
from foresight.services.verification_plots import backtest_picture
from foresight.sla.downtime import Maintenance
from foresight.store import Store, migrate, open_store
from foresight.telemetry.catalogue import Catalogue, WatchedMetric
from foresight.telemetry.source import Discovery, Extraction, Shard
from tests.unit.services.sla_scene import AS_OF, SLA, fill, spikes

OPTIONS = BacktestOptions(AS_OF - 6 * 3600, AS_OF, every_minutes=20)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path_factory.mktemp('store')}/results.db")
    migrate(opened)
    values = spikes(2, 1500)
    values[1, -100:-90] = np.nan
    fill(opened, values)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def found(store: Store) -> list[SliBacktest]:
    return backtest_sla(stored_history(store), SLA, OPTIONS)


def test_every_prediction_is_counted_once_and_spikes_are_foretold(found: list[SliBacktest]) -> None:
    load, wide = found
    for each in (load, wide):
        n_all = each.n_judged + each.n_unknown + each.n_outside + each.n_silent
        assert n_all == each.n_series * each.n_origins == 2 * 18
    assert load.n_unknown > 0
    assert load.scores.skill > 0.5
    assert load.present.foretold > 0.7 * load.present.violations > 0
    assert load.recommended is not None
    assert load.recommended.cost <= load.present.cost
    assert load.recommended_end is not None
    assert load.recommended_end <= load.recommended.threshold


def test_a_bound_that_is_never_or_always_violated_gets_advice_instead_of_a_threshold(
    store: Store, found: list[SliBacktest]
) -> None:
    wide = found[1]
    assert wide.recommended is wide.recommended_end is None
    assert "nothing was violated" in wide.advice
    tight = replace(SLA, slis=(replace(SLA.slis[0], upper=-5.0),))
    [shut] = backtest_sla(stored_history(store), tight, OPTIONS)
    assert shut.n_judged == 0
    assert shut.n_outside > 0
    assert "no prediction could be judged" in shut.advice
    assert shut.plain()["scores"]["skill"] is None


def test_planned_downtime_is_not_judged(store: Store, found: list[SliBacktest]) -> None:
    down = Maintenance("night", AS_OF - 3 * 3600, 3600, sla="shop")
    plain = found[0]
    [masked] = backtest_sla(stored_history(store), SLA, OPTIONS, sli="load", downtime=[down])
    assert masked.n_unknown > plain.n_unknown
    assert masked.n_judged < plain.n_judged


def test_one_sli_alone_says_what_it_says_among_others_and_progress_is_told(
    store: Store, found: list[SliBacktest]
) -> None:
    seen: list[tuple[int, int]] = []
    [alone] = backtest_sla(
        stored_history(store), SLA, OPTIONS, sli="load", progress=lambda *both: seen.append(both)
    )
    assert alone.plain() == found[0].plain()
    assert seen[-1] == (18, 18)


class Answers:
    """A source that answers with what is stored."""

    settle_seconds = 0.0

    def __init__(self, store: Store) -> None:
        self.read = stored_history(store)

    def discover(self, entry: WatchedMetric, grid: object) -> Discovery:
        return Discovery(self.read([SLA], grid).keys)  # type: ignore[arg-type]

    def extract(self, shard: Shard) -> Extraction:
        return Extraction(self.read([SLA], shard.grid), {})


def test_the_telemetry_itself_gives_the_same_as_what_is_stored(
    store: Store, found: list[SliBacktest]
) -> None:
    catalogue = Catalogue(metrics=(WatchedMetric(name="load", metric="load"),))
    read = source_history(Answers(store), catalogue)  # type: ignore[arg-type]
    assert backtest_sla(read, SLA, OPTIONS, sli="load")[0].plain() == found[0].plain()
    other = Catalogue(metrics=(WatchedMetric(name="up", metric="up"),))
    with pytest.raises(NotFound, match="watches no metric 'load'"):
        backtest_sla(source_history(Answers(store), other), SLA, OPTIONS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((AS_OF - 600, AS_OF), "covers 60 minutes to 90 days, got 10 minutes"),
        ((AS_OF, AS_OF - 3600), "got -60 minutes"),
        ((AS_OF - 3601, AS_OF), "whole minutes"),
        ((AS_OF - 3600, AS_OF, 0), "1 to 1,440 minutes apart, got 0"),
        ((AS_OF - 3600, AS_OF, 10, float("nan")), "got nan"),
        ((AS_OF - 3600, AS_OF, 10, 0.0), "above 0"),
    ],
)
def test_what_cannot_be_tested_is_refused_in_words(given: tuple[int, ...], message: str) -> None:
    with pytest.raises(FinalError, match=message):
        BacktestOptions(*given)


def test_an_unknown_sli_and_a_time_without_samples_are_refused(store: Store) -> None:
    with pytest.raises(NotFound, match="has no SLI 'other'; it has load, wide"):
        backtest_sla(stored_history(store), SLA, OPTIONS, sli="other")
    early = BacktestOptions(AS_OF - 90 * 86_400, AS_OF - 89 * 86_400)
    with pytest.raises(NotFound, match="no sample of the series of SLA 'shop'"):
        backtest_sla(stored_history(store), SLA, early)


def test_the_picture_is_a_png(found: list[SliBacktest]) -> None:
    assert backtest_picture(found)[:4] == b"\x89PNG"
