"""What-if: the same as applying it and evaluating, and nothing is saved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from foresight.errors import FinalError, NotFound
from foresight.services.sla_history import stored_history
from foresight.services.what_if import changed_sli, what_if
from foresight.sla.downtime import Maintenance
from foresight.store import Store, migrate, open_store
from foresight.store.tables import metadata
from tests.unit.services.sla_scene import AS_OF, SLA, fill, spikes
from tests.unit.store.rows import all_rows


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path_factory.mktemp('store')}/results.db")
    migrate(opened)
    fill(opened, spikes(2, 1500))
    yield opened
    opened.close()


def test_a_wider_bound_has_fewer_violations_and_less_risk(store: Store) -> None:
    found = what_if(stored_history(store), SLA, "load", {"max": 100}, AS_OF)
    before, after = found.present.slis[0], found.changed.slis[0]
    assert [window.violated for window in before.windows] == [4, 48]
    assert [window.violated for window in after.windows] == [0, 0]
    assert after.windows[-1].budget_left > before.windows[-1].budget_left
    risks = [each.slis[0].worst.risk.probability for each in (found.present, found.changed)]  # type: ignore[union-attr]
    assert risks[1] < risks[0]


def test_the_changed_sli_is_evaluated_as_if_it_had_been_applied(store: Store) -> None:
    wide = what_if(stored_history(store), SLA, "load", {"max": 100.0}, AS_OF).changed.slis[0]
    applied = what_if(stored_history(store), SLA, "wide", {"objective": 0.9}, AS_OF).present.slis[0]
    assert wide.windows == applied.windows
    assert wide.series == applied.series


def test_windows_longer_than_twelve_hours_are_counted_from_samples(store: Store) -> None:
    found = what_if(stored_history(store), SLA, "load", {"windows": [60, 1440]}, AS_OF).changed.slis[0]
    assert [(each.minutes, each.violated) for each in found.windows] == [(60, 4), (1440, 96)]


def test_another_objective_changes_the_budget_only(store: Store) -> None:
    found = what_if(stored_history(store), SLA, "load", {"objective": 0.5}, AS_OF)
    before, after = (each.slis[0].windows[-1] for each in (found.present, found.changed))
    assert (before.violated, after.violated) == (48, 48)
    assert (before.budget_allowed, after.budget_allowed) == (72.0, 360.0)


def test_planned_downtime_is_excluded(store: Store) -> None:
    down = Maintenance("night", AS_OF - 3600, 3600, sla="shop")
    found = what_if(stored_history(store), SLA, "load", {"max": 100}, AS_OF, downtime=[down])
    assert found.present.slis[0].windows[0].excluded == 60


def test_nothing_is_saved(store: Store) -> None:
    def everything() -> list[Any]:
        return [all_rows(store, table) for table in metadata.sorted_tables]

    before = everything()
    what_if(stored_history(store), SLA, "load", {"max": None, "min": 9}, AS_OF)
    assert everything() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "at least one change"),
        ({"maximum": 3}, "knows no field 'maximum'; it knows min, max, objective"),
        ({"min": 30}, "SLI 'load' cannot be changed so"),
        ({"max": None}, "cannot be changed so"),
        ({"objective": 2}, "cannot be changed so"),
        ({"max": "high"}, "cannot be changed so"),
        ({"windows": 5}, "cannot be changed so"),
        ({"at_risk_probability": 2}, "cannot be changed so"),
    ],
)
def test_changes_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FinalError, match=message):
        changed_sli(SLA.slis[0], changes)


def test_an_sli_that_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(NotFound, match="has no SLI 'other'"):
        what_if(stored_history(store), SLA, "other", {"max": 3}, AS_OF)
    with pytest.raises(NotFound, match="no sample"):
        what_if(stored_history(store), replace(SLA), "load", {"max": 3}, AS_OF - 90 * 86_400)
