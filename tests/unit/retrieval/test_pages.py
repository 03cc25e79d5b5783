"""Pages of stored results: complete, in order, continued anywhere, and equal to what the tables hold."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from foresight.errors import NotFound
from foresight.matchers import Matcher
from foresight.services import retrieval as service
from foresight.services.retrieval import (
    AsOf,
    Between,
    Family,
    Page,
    Selection,
    StatusSelection,
    series_pages,
    status_pages,
)
from foresight.services.series import series_curves
from foresight.store import Store
from foresight.store.column_types import Instant
from tests.unit.retrieval.rooms import CATALOGUE, KEYS, N_SLOTS, RUNS
from tests.unit.store.rows import T0

FAMILIES = {
    name: getattr(service, name)
    for name in (
        "DICKEY_FULLER", "DECOMPOSITION", "HODRICK_PRESCOTT", "AUTOCORRELATION", "AGGREGATES", "FORECASTS",
    )
}  # fmt: skip


EVERY = Selection()


def pages(store: Store, family: Family, selection: Selection = EVERY, *more: Any) -> list[Page]:
    return list(series_pages(store, lambda: CATALOGUE, family, selection, *more))


def rows(found: list[Page]) -> list[tuple[Any, ...]]:
    return [row for page in found for row in zip(*page.rows.values(), strict=True)]


def stored(store: Store, family: Family, metric: str, as_of: int) -> list[tuple[Any, ...]]:
    """The rows of a table as a plain query finds them."""
    table = family.table
    columns = [*family.key_columns, *family.value_columns]
    ids = [key.id for key in KEYS[metric]]
    query = select(*columns).where(table.c.series_id.in_(ids), table.c.as_of == as_of)
    found = store.read(lambda connection: connection.execute(query.order_by(*family.key_columns)).all())
    return [
        tuple(
            int(v.timestamp()) if isinstance(c.type, Instant) else v
            for c, v in zip(columns, row, strict=True)
        )
        for row in found
    ]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_rows_of_the_newest_run_are_those_of_the_table(name: str, filled: Store) -> None:
    family = FAMILIES[name]
    expected = stored(filled, family, "kept", T0)
    assert expected
    assert rows(pages(filled, family, Selection("kept"))) == expected
    assert rows(pages(filled, family, Selection("kept"), AsOf(T0))) == expected


@pytest.mark.parametrize("name", FAMILIES)
def test_a_call_may_be_continued_behind_every_row(name: str, filled: Store) -> None:
    family = FAMILIES[name]
    for metric in ("", "kept", "drawn"):
        whole = pages(filled, family, Selection(metric))
        expected = rows(whole)
        places = [place for page in whole for place in page.places]
        assert len(expected) == len(set(places)) == len(places)
        for at in range(0, len(places), max(1, len(places) // 7)):
            rest = rows(pages(filled, family, Selection(metric), None, places[at]))
            assert rest == expected[at + 1 :], (metric, places[at])


@pytest.mark.parametrize("name", FAMILIES)
def test_pages_of_any_size_hold_the_same_rows(
    name: str, filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = rows(pages(filled, FAMILIES[name]))
    for size in (1, 7, 100):
        monkeypatch.setattr(service, "FIRST_ROWS", size)
        monkeypatch.setattr(service, "PAGE_ROWS", size)
        assert rows(pages(filled, FAMILIES[name])) == expected


@pytest.mark.parametrize("name", ["DECOMPOSITION", "HODRICK_PRESCOTT", "AUTOCORRELATION"])
def test_what_is_not_stored_is_computed_as_a_run_computes_it(name: str, filled: Store) -> None:
    family = FAMILIES[name]
    drawn = rows(pages(filled, family, Selection("drawn")))
    per_series = 41 if name == "AUTOCORRELATION" else N_SLOTS
    assert len(drawn) == len(KEYS["drawn"]) * per_series
    older = rows(pages(filled, family, Selection("kept"), AsOf(RUNS[0])))
    assert len(older) == len(KEYS["kept"]) * per_series
    assert {row[2] for row in older} == {RUNS[0]}


def test_computed_curves_are_those_of_one_series_at_a_time(filled: Store) -> None:
    found = pages(filled, service.DECOMPOSITION, Selection("drawn"))
    for key in KEYS["drawn"]:
        alone = series_curves(filled, CATALOGUE, key.id)
        mine = [row for row in rows(found) if row[0] == key.id]
        trend = [None if value != value else value for value in alone["trend"]]
        assert [row[3] for row in mine] == trend


def test_the_rows_of_a_span_begin_with_its_start_and_stop_before_its_end(filled: Store) -> None:
    span = Between(T0 - 1200, T0 - 600)
    for metric in ("kept", "drawn"):
        found = rows(pages(filled, service.HODRICK_PRESCOTT, Selection(metric), span))
        slots = sorted({row[1] for row in found})
        assert slots == list(range(T0 - 1200, T0 - 600, 60))
    runs = rows(pages(filled, service.AGGREGATES, Selection("drawn"), Between(RUNS[0], RUNS[1])))
    assert {row[1] for row in runs} == {RUNS[0]}
    both = rows(pages(filled, service.AGGREGATES, Selection("drawn"), Between(RUNS[0], RUNS[1] + 1)))
    assert {row[1] for row in both} == set(RUNS)


def test_matchers_and_partition_choose_series(filled: Store) -> None:
    def hosts(selection: Selection) -> set[str]:
        found = pages(filled, service.DICKEY_FULLER, selection)
        return {dict(one.key.labels)["host"] for page in found for one in page.series.values()}

    assert hosts(Selection("kept", (Matcher("zone", "=", "a"),))) == {"h0", "h2"}
    assert hosts(Selection("kept", (Matcher("host", "=~", "h[12]"), Matcher("zone", "!=", "a")))) == {"h1"}
    assert hosts(Selection("kept", partition="default")) == {"h0", "h1", "h2", "h3"}
    with pytest.raises(NotFound, match="passes the selector"):
        hosts(Selection("kept", partition="other"))
    with pytest.raises(NotFound, match="no series of a metric 'none'"):
        hosts(Selection("none"))


def test_a_series_that_cannot_be_drawn_is_left_out_with_its_reason(filled: Store) -> None:
    other = CATALOGUE.model_copy(update={"metrics": CATALOGUE.metrics[:1]})
    found = list(series_pages(filled, lambda: other, service.DECOMPOSITION, Selection("drawn")))
    assert rows(found) == []
    reasons = {one: reason for page in found for one, reason in page.left_out.items()}
    assert set(reasons) == {key.id for key in KEYS["drawn"]}
    assert set(reasons.values()) == {"not stored, and the catalogue no longer watches it"}


def test_statuses_are_the_newest_of_each_sli_unless_a_time_is_named(filled: Store) -> None:
    every = StatusSelection()

    def states(selection: StatusSelection = every, *more: Any) -> dict[tuple[str, str, int], str]:
        found = rows(list(status_pages(filled, selection, *more)))
        return {(sla, sli, as_of): state for sla, sli, as_of, state, *_ in found}

    assert states() == {
        ("shop", "high", T0): "violated", ("shop", "low", T0): "ok", ("zoo", "other", T0): "ok",
    }  # fmt: skip
    assert states(StatusSelection("shop", "high"), AsOf(RUNS[0])) == {("shop", "high", RUNS[0]): "at_risk"}
    assert len(states(StatusSelection(), Between(RUNS[0], T0 + 1))) == 6
    assert states(StatusSelection(states=("violated",))) == {("shop", "high", T0): "violated"}
    assert states(StatusSelection("zoo", states=("violated",))) == {}
    with pytest.raises(NotFound, match="no status of 'shop/none'"):
        states(StatusSelection("shop", "none"))
