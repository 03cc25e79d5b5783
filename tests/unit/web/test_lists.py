"""Every list: pages there and back, order, filters, CSV; and what is refused."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from sqlalchemy import Table, insert

from foresight.quality.outcomes import Outcome
from foresight.services import lists
from foresight.services.listings import Listing, name_of
from foresight.store import Store
from foresight.store.tables import metadata, run, series, series_analysis, sla, sli, sli_latest
from foresight.web.listing import _cell
from foresight.web.lists import LISTS
from tests.unit.web.door import Door
from tests.unit.web.rows import fill

QUARANTINED = next(each.value for each in Outcome if each.is_quarantined)
PLACES = {"name": "shop", "sli_name": "errors", "series_id": "7"}
COLUMN_VALUES: dict[str, Any] = {"sla_name": "shop", "sli_name": "errors", "series_id": 7, "name": "shop"}
NAMES = [listing.name for _, listing, *_ in LISTS]


def tables_of(listing: Listing) -> list[Table]:
    return [each for each in metadata.sorted_tables if each in set(listing.source._from_objects)]


def seeded(store: Store, path: str, listing: Listing, within: dict[str, str]) -> str:
    """Fills the tables of a list; answers its address."""
    fixed = {column: COLUMN_VALUES[column] for column in within.values()}
    if listing is lists.STATUSES:
        fill(store, sla, 1, name="shop", owner="ops", document={})
        fill(store, sli, 60, sla_name="shop", matchers=[], windows_minutes=[])
        names = store.read(lambda c: [row.name for row in c.execute(sli.select())])
        for at, name in enumerate(names):
            fill(store, sli_latest, 1, seed=at, sla_name="shop", sli_name=name)
    elif listing is lists.QUARANTINE:
        fill(store, series, 30)
        fill(store, series_analysis, 30, outcome=QUARANTINED)
        fill(store, series_analysis, 10, seed=2, as_of=1, outcome="ok")
    elif listing is lists.SLIS:
        fill(store, sla, 1, name="shop")
        fill(store, sli, sla_name="shop")
    else:
        [table] = tables_of(listing)
        fill(store, table, **fixed)
    return path.format(**PLACES)


def walk(door: Door, address: str, name: str, **params: Any) -> list[list[dict[str, Any]]]:
    pages, cursor = [], None
    while True:
        found = door.json(address, params={**params, **({"cursor": cursor} if cursor else {})})
        pages.append(found[name])
        cursor = found["next_cursor"]
        if cursor is None:
            return pages


@pytest.mark.parametrize("at", range(len(LISTS)), ids=NAMES)
def test_pages_there_and_back_are_the_whole_list(door: Door, store: Store, at: int) -> None:
    path, listing, _, within, _ = LISTS[at]
    assert door.json(path.format(**PLACES))["total_entries"] == 0
    address = seeded(store, path, listing, within)
    whole = door.json(address, params={"limit": 1000})
    rows = whole[listing.name]
    assert whole["total_entries"] == len(rows) > 3
    if listing is lists.QUARANTINE:
        assert {row["outcome"] for row in rows} == {QUARANTINED}
    for order in [
        [],
        *([name] for name in listing.sortable or listing.key),
        ["-" + (listing.sortable or listing.key)[0]],
    ]:
        params = {"order_by": order, "limit": 7}
        pages = walk(door, address, listing.name, **params)
        found = [row for page in pages for row in page]
        assert sorted(map(str, found)) == sorted(map(str, rows))
        backward, cursor = [], None
        last = (
            door.json(address, params={**params, "cursor": _before_last(door, address, params)})
            if len(pages) > 1
            else None
        )
        while last is not None and (cursor := last["previous_cursor"]) is not None:
            last = door.json(address, params={**params, "cursor": cursor})
            backward.append(last[listing.name])
        assert backward == pages[:-1][::-1]
    if listing.order == ("-risk",):
        assert [row["risk"] for row in rows] == sorted((row["risk"] for row in rows), reverse=True)


def _before_last(door: Door, address: str, params: dict[str, Any]) -> str:
    cursor, given = None, None
    while True:
        found = door.json(address, params={**params, **({"cursor": cursor} if cursor else {})})
        if found["next_cursor"] is None:
            assert given is not None
            return given
        given = cursor = found["next_cursor"]


@pytest.mark.parametrize("at", range(len(LISTS)), ids=NAMES)
def test_a_list_as_csv_has_the_same_rows(door: Door, store: Store, at: int) -> None:
    path, listing, _, within, _ = LISTS[at]
    address = seeded(store, path, listing, within)
    rows = door.json(address, params={"limit": 1000})[listing.name]
    answer = door.get(f"{address}.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    table = list(csv.reader(io.StringIO(answer.text)))
    assert table[0] == [name_of(column) for column in listing.columns]
    assert len(table) == len(rows) + 1
    assert not [cell for line in table[1:] for cell in line if cell.startswith(("=", "@", "+"))]


def test_filters_choose_what_they_say(door: Door, store: Store) -> None:
    written = fill(store, run, 60)

    def found(**params: Any) -> list[Any]:
        return [
            row["dag_id"]
            for row in door.json("/runs", params={**params, "limit": 1000, "order_by": ["dag_id"]})["runs"]
        ]

    ids = [row["dag_id"] for row in written]
    assert found(dag_id=[ids[0], ids[1]]) == sorted(x for x in ids if x in ids[:2])
    assert found(dag_id_pattern="BETA") == sorted(x for x in ids if "beta" in x.lower())
    assert found(dag_id_prefix_pattern="Bet") == sorted(x for x in ids if x.startswith("Bet"))
    assert found(dag_id_prefix_pattern="bet") == []
    assert found(dag_id_pattern="b_c") == sorted(x for x in ids if "b_c" in x.lower())
    assert found(dag_id_pattern="%") == sorted(x for x in ids if "%" in x)
    assert found(as_of_gte="2026-05-28T20:26:40Z", as_of_lt="2026-05-28T20:26:40Z") == []
    assert len(found(as_of_gte="2026-05-28T22:00:00%2B00:00".replace("%2B", "+"))) == len(
        [row for row in written if row["as_of"] is not None and row["as_of"] >= 1_780_005_600]
    )


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("limit=1001", "limit"), ("limit=0", "limit"), ("limit=ten", "limit"), ("limit=1_0", "limit"),
        ("limit=99999999999999999999", "limit"), ("order_by=nothing", "order_by"),
        ("order_by=dag_id&order_by=-dag_id", "order_by"), ("cursor=abc", "cursor"), ("cursor=", "cursor"),
        ("cursor=W10", "cursor"), ("as_of_gte=2026-01-01T00:00:00", "zone"), ("as_of_gte=2026-01-01", "zone"),
        ("as_of_gte=2026-01-01T00:00:00+01:00", "%2B"), ("as_of_gte=2026-13-01T00:00:00Z", "no such"),
        ("as_of_gte=2026-01-01T00:00:00Z&as_of_gte=2026-01-01T00:00:00Z", "twice"), ("no_such=1", "no_such"),
        ("as_of_gte=2026-02-01T00:00:00Z&as_of_lt=2026-01-01T00:00:00Z", "backwards"),
        ("dag_id=%07", "control"),
    ],
)  # fmt: skip
def test_what_a_list_cannot_do_is_refused_with_its_reason(door: Door, query: str, word: str) -> None:
    answer = door.get(f"/runs?{query}")
    assert answer.status_code == 422, answer.text
    assert word in answer.text


def test_a_cursor_of_another_order_or_list_is_refused(door: Door, store: Store) -> None:
    fill(store, run, 20)
    cursor = door.json("/runs", params={"limit": 3})["next_cursor"]
    assert door.get("/runs", params={"cursor": cursor, "order_by": "dag_id"}).status_code == 422
    assert door.get("/events", params={"cursor": cursor}).status_code == 422


def test_text_that_looks_like_a_formula_is_escaped() -> None:
    assert [_cell(text) for text in ("=1", "+1", "-1", "@a", "a=1", "\ta")] == [
        "'=1",
        "'+1",
        "'-1",
        "'@a",
        "a=1",
        "'\ta",
    ]
    assert _cell(-1.5) == -1.5
    assert _cell(None) == ""


def test_a_name_that_is_spelled_in_another_way_finds_its_slice(door: Door, store: Store) -> None:
    from foresight.store.tables import slice_hold

    fill(store, slice_hold, 3, snssai="01-B989BD")
    assert door.json("/slices/holds", params={"snssai": "01-b989bd"})["total_entries"] == 3


def test_rows_that_come_meanwhile_shift_no_page(door: Door, store: Store) -> None:
    fill(store, run, 20)
    first = door.json("/runs", params={"limit": 5, "order_by": "dag_id"})
    row = {column.name: None for column in run.c} | {
        "dag_id": "",
        "run_id": "new",
        "kind": "manual",
        "state": "success",
    }
    store.transact(lambda connection: connection.execute(insert(run).values(row)))
    second = door.json("/runs", params={"limit": 5, "order_by": "dag_id", "cursor": first["next_cursor"]})
    assert not {str(each) for each in first["runs"]} & {str(each) for each in second["runs"]}
