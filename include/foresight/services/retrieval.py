"""Stored results in bulk: many rows of one family, page by page, in the order of their key.

Nobody waits for a whole answer: each page is read when it is asked for, and whoever stops asking stops the
query. A place between two rows can be named, so that another call goes on behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, exists, select, true

from foresight.errors import NotFound
from foresight.matchers import LabelIndex, Matcher
from foresight.services.drawing import draw
from foresight.store import Store
from foresight.store.pages import (
    Analysed,
    Columns,
    FoundSeries,
    analysed,
    at_their_as_of,
    read_page,
    series_page,
)
from foresight.store.tables import (
    aggregate,
    autocorrelation,
    curve,
    forecast,
    series_analysis,
    sli_latest,
    sli_status,
)
from foresight.telemetry.catalogue import Catalogue

FIRST_ROWS, PAGE_ROWS = 1_000, 10_000
"""Rows of the first page, which somebody waits for, and of the others."""
_FIRST_SERIES, _SERIES = 100, 2_000
_MOST_TOGETHER: Final = 500

Place = tuple[int | str, ...]
"""The key of a row: what comes after it is still to be read. Of rows of series, the as-of it was read at
comes second."""


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of result: its table, the rest of its key after ``series_id``, and what its rows say.

    ``moment`` is the column that a range of time is of; ``rows`` how many rows a series has at an as-of,
    None where it is one a slot; ``is_drawn``: computed from stored samples where no rows are stored.
    """

    table: Table
    keys: tuple[str, ...]
    values: tuple[str, ...]
    moment: str = "as_of"
    rows: int | None = 1
    is_drawn: bool = False

    @property
    def key_columns(self) -> list[Column[Any]]:
        """The primary key."""
        return [self.table.c[name] for name in ("series_id", *self.keys)]

    @property
    def value_columns(self) -> list[Column[Any]]:
        """What is no key."""
        return [self.table.c[name] for name in self.values]


DICKEY_FULLER: Final = Family(
    series_analysis,
    ("as_of",),
    (
        "outcome", "n_observed", "n_missing", "adf_statistic", "adf_p", "adf_lags", "adf_n_observations",
        "adf_critical_1", "adf_critical_5", "adf_critical_10", "is_stationary",
    ),
)  # fmt: skip
DECOMPOSITION: Final = Family(
    curve, ("slot",), ("as_of", "trend", "seasonal", "residual"), "slot", None, is_drawn=True
)
HODRICK_PRESCOTT: Final = Family(
    curve, ("slot",), ("as_of", "hp_cycle", "hp_trend"), "slot", None, is_drawn=True
)
AUTOCORRELATION: Final = Family(
    autocorrelation, ("lag_slots",), ("as_of", "value", "band_low", "band_high"), rows=41, is_drawn=True
)
AGGREGATES: Final = Family(
    aggregate, ("as_of", "window_minutes"), ("maximum", "minimum", "mean", "std", "n_observed"), rows=3
)
FORECASTS: Final = Family(
    forecast,
    ("as_of", "step"),
    ("slot", "mean", "q05", "q25", "q50", "q75", "q95", "joint_low", "joint_high"),
    rows=10,
)

STATUS_KEYS: Final = [sli_status.c[name] for name in ("sla_name", "sli_name", "as_of")]
STATUS_VALUES: Final = [
    sli_status.c[name]
    for name in (
        "state", "revision", "current_value", "current_slot", "n_series", "worst_series_id", "probability",
        "probability_reason", "expected_first_slot", "expected_violated_minutes", "expected_cost", "model",
    )
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class AsOf:
    """Results of the run at one instant, epoch seconds."""

    instant: int


@dataclass(frozen=True, slots=True)
class Between:
    """Results of a span of time: ``start`` is in it, ``end`` is not; epoch seconds."""

    start: int
    end: int


When = AsOf | Between | None
"""None: each series at its newest as-of."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which series: all of them where nothing is said."""

    metric: str = ""
    matchers: tuple[Matcher, ...] = ()
    partition: str | None = None


@dataclass(frozen=True, slots=True)
class StatusSelection:
    """Which SLIs: all of them where nothing is said."""

    sla_name: str = ""
    sli_name: str = ""
    states: tuple[str, ...] = ()


@dataclass(slots=True)
class Page:
    """Some rows as columns, the place of each, the series that begin here, and those that have no rows."""

    rows: Columns
    places: list[Place]
    series: dict[int, FoundSeries] = field(default_factory=dict)
    left_out: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.places)

    def first(self, most: int) -> Page:
        """The first ``most`` rows."""
        if len(self) <= most:
            return self
        rows = {name: column[:most] for name, column in self.rows.items()}
        return Page(rows, self.places[:most], self.series, self.left_out)


def series_pages(
    store: Store,
    catalogue: Callable[[], Catalogue],
    family: Family,
    selection: Selection,
    when: When = None,
    after: Place = (),
) -> Iterator[Page]:
    """The rows of a family, by series and key. Each page is read when it is asked for.

    Raises ``NotFound`` where no series is selected.
    """
    reader = _Reader(store, catalogue, family, when)
    for found in _selected(store, selection, after):
        yield from reader.pages(found, after if after and found[0].id == after[0] else ())


def status_pages(
    store: Store, selection: StatusSelection, when: When = None, after: Place = ()
) -> Iterator[Page]:
    """The statuses of SLIs by SLA, SLI and as-of. Raises ``NotFound`` where no SLI of that name has one."""
    wanted, is_known = _status_conditions(selection, when), False
    while True:
        limit = PAGE_ROWS if is_known else FIRST_ROWS
        rows = _statuses(store, wanted, after, limit)
        places: list[Place] = list(zip(*(rows[c.name] for c in STATUS_KEYS), strict=True))
        if not places and not is_known and not after:
            _refuse_unknown(store, selection)
        is_known = True
        yield Page(rows, places)
        if len(places) < limit:
            return
        after = places[-1]


def _statuses(store: Store, wanted: ColumnElement[bool], after: Place, limit: int) -> Columns:
    return store.read(lambda c: read_page(c, STATUS_KEYS, STATUS_VALUES, wanted, after, limit))


class _Reader:
    """Reads the rows of one family for one batch of series after the other."""

    def __init__(self, store: Store, catalogue: Callable[[], Catalogue], family: Family, when: When) -> None:
        self._store, self._catalogue, self._family, self._when = store, catalogue, family, when
        self._limit = FIRST_ROWS

    def pages(self, found: Sequence[FoundSeries], after: Place) -> Iterator[Page]:
        """The pages of these series; the first of them is continued after a place."""
        start = 0
        while start < len(found):
            some = found[start : start + self._together()]
            yield from self._batch(some, after if start == 0 else ())
            start += len(some)

    def _together(self) -> int:
        rows = self._family.rows or 720
        return min(max(self._limit // rows, 1), _MOST_TOGETHER)

    def _batch(self, some: Sequence[FoundSeries], after: Place) -> Iterator[Page]:
        # A series that was begun stays at the as-of that it was begun at.
        pinned = {int(after[0]): int(after[1])} if after and after[1] else {}
        if isinstance(self._when, AsOf):
            pinned = {one.id: self._when.instant for one in some}
        ids = [one.id for one in some]
        noted = self._store.read(lambda connection: analysed(connection, ids, pinned))
        drawn = self._to_draw(noted) if self._family.is_drawn else set()
        wanted = self._condition(ids, noted, drawn)
        known = {one.id: one for one in some}
        rest = (after[0], *after[2:]) if after else ()
        if wanted is None:
            yield from self._drawn([known[one] for one in sorted(drawn)], noted, rest)
        elif not drawn:
            yield from self._stored(known, noted, wanted, rest)
        else:
            computed = self._drawn([known[one] for one in sorted(drawn)], noted, rest)
            yield _merged([*self._stored(known, noted, wanted, rest), *computed])

    def _condition(
        self, ids: Sequence[int], noted: dict[int, Analysed], drawn: set[int]
    ) -> ColumnElement[bool] | None:
        """Which stored rows are wanted; None where none are."""
        table, moment = self._family.table, self._family.table.c[self._family.moment]
        if isinstance(self._when, Between):
            mine = [one for one in ids if one not in drawn]
            within = and_(moment >= self._when.start, moment < self._when.end)
            return and_(table.c.series_id.in_(mine), within) if mine else None
        at = {one: facts.as_of for one, facts in noted.items() if one not in drawn}
        if not at:
            return None
        wanted = at_their_as_of(table.c.series_id, table.c.as_of, at)
        if self._family.moment == "as_of":
            return wanted
        first = min(noted[one].as_of - 60 * noted[one].n_slots for one in at)
        return and_(wanted, moment > first, moment <= max(at.values()))

    def _stored(
        self,
        known: dict[int, FoundSeries],
        noted: dict[int, Analysed],
        wanted: ColumnElement[bool],
        after: Place,
    ) -> Iterator[Page]:
        family = self._family
        while True:
            limit = self._limit

            def work(connection: Connection, limit: int = limit, after: Place = after) -> Columns:
                return read_page(connection, family.key_columns, family.value_columns, wanted, after, limit)

            rows = self._store.read(work)
            page = self._page(rows, known, noted)
            if len(page):
                yield page
                self._limit = PAGE_ROWS
                after = (page.places[-1][0], *page.places[-1][2:])
            if len(page) < limit:
                return

    def _page(self, rows: Columns, known: dict[int, FoundSeries], noted: dict[int, Analysed]) -> Page:
        ids = rows["series_id"]
        at = {one: facts.as_of for one, facts in noted.items()} if self._when is None else {}
        keys = zip(*(rows[name] for name in self._family.keys), strict=True)
        places = [(one, at.get(one, 0), *key) for one, key in zip(ids, keys, strict=True)]
        return Page(rows, places, {one: known[one] for one in dict.fromkeys(ids)})

    def _to_draw(self, noted: dict[int, Analysed]) -> set[int]:
        """The series that were analysed and have no stored rows of that run."""
        table = self._family.table
        (last,) = self._family.keys
        query = select(table.c.series_id)
        at: dict[int, list[int]] = {}
        for one, facts in noted.items():
            at.setdefault(facts.as_of, []).append(one)

        def work(connection: Connection) -> set[int]:
            stored: set[int] = set()
            for as_of, ids in at.items():
                mark = table.c[last] == (as_of if last == "slot" else 0)
                of_run = query.where(table.c.series_id.in_(ids), mark, table.c.as_of == as_of)
                stored.update(connection.execute(of_run).scalars())
            return stored

        return set(noted) - self._store.read(work)

    def _drawn(self, some: Sequence[FoundSeries], noted: dict[int, Analysed], after: Place) -> Iterator[Page]:
        """Rows computed from stored samples, a page a group of series of one as-of."""
        table, first = self._family.table.name, int(after[0]) if after else 0
        keys = {one.key: one for one in some if one.id >= first}
        if not keys:
            return
        rows, left_out = draw(self._store, self._catalogue(), keys, noted, table)
        names = ("series_id", *self._family.keys, *self._family.values)
        columns = {name: rows[name] for name in names}
        kept = self._kept(columns, after)
        if len(kept) < len(columns["series_id"]):
            columns = {name: [column[row] for row in kept] for name, column in columns.items()}
        page = self._page(columns, {one.id: one for one in some}, noted)
        page.left_out = left_out
        page.series |= {one.id: one for one in some if one.id in left_out}
        yield page
        self._limit = PAGE_ROWS

    def _kept(self, columns: Columns, after: Place) -> list[int]:
        """The rows of the span of time that are still to be read."""
        moments = columns[self._family.moment]
        keys = zip(columns["series_id"], columns[self._family.keys[0]], strict=True)
        when = self._when
        return [
            row
            for row, (key, moment) in enumerate(zip(keys, moments, strict=True))
            if (not after or key > after)
            and (not isinstance(when, Between) or when.start <= moment < when.end)
        ]


def _merged(pages: Sequence[Page]) -> Page:
    """The rows of pages that overlap, in the order of their places."""
    places = [place for page in pages for place in page.places]
    order = sorted(range(len(places)), key=places.__getitem__)
    whole = Page({}, [places[row] for row in order])
    for name in pages[0].rows if pages else ():
        column = [value for page in pages for value in page.rows[name]]
        whole.rows[name] = [column[row] for row in order]
    for page in pages:
        whole.series |= page.series
        whole.left_out |= page.left_out
    return whole


def _selected(store: Store, selection: Selection, after: Place) -> Iterator[list[FoundSeries]]:
    """The series that pass, some at a time, in the order of their ids, from the one that ``after`` is of."""
    last, limit, n_passed = int(after[0]) - 1 if after else -1, _FIRST_SERIES, 0
    while True:
        found = store.read(lambda c, a=last, n=limit: series_page(c, selection.metric, a, n))  # type: ignore[misc] # mypy infers no lambda with defaults
        rows = LabelIndex([one.key for one in found]).matching(selection.matchers)
        passed = [found[row] for row in rows.tolist()]
        if selection.partition is not None:
            passed = [one for one in passed if one.partition_name == selection.partition]
        n_passed += len(passed)
        if passed:
            yield passed
        if len(found) < limit:
            break
        last, limit = found[-1].id, _SERIES
    if not n_passed and not after:
        what = f"no series of a metric {selection.metric[:200]!r}" if selection.metric else "no series"
        suffix = " that passes the selector" if selection.matchers or selection.partition is not None else ""
        raise NotFound(f"{what}{suffix} is stored")


def _status_conditions(selection: StatusSelection, when: When) -> ColumnElement[bool]:
    table = sli_status
    wanted: list[ColumnElement[bool]] = [true()]
    if selection.sla_name:
        wanted.append(table.c.sla_name == selection.sla_name)
    if selection.sli_name:
        wanted.append(table.c.sli_name == selection.sli_name)
    if selection.states:
        wanted.append(table.c.state.in_(selection.states))
    if isinstance(when, AsOf):
        wanted.append(table.c.as_of == when.instant)
    elif isinstance(when, Between):
        wanted += [table.c.as_of >= when.start, table.c.as_of < when.end]
    else:
        names = [sli_latest.c[name] == table.c[name] for name in ("sla_name", "sli_name", "as_of")]
        wanted.append(exists().where(*names))
    return and_(*wanted)


def _refuse_unknown(store: Store, selection: StatusSelection) -> None:
    """Raises ``NotFound`` where the named SLA or SLI has no status at all."""
    if not selection.sla_name and not selection.sli_name:
        return
    wanted = _status_conditions(StatusSelection(selection.sla_name, selection.sli_name), Between(0, 2**36))
    query = select(sli_status.c.sla_name).where(wanted).limit(1)
    if store.read(lambda connection: connection.execute(query).first()) is None:
        name = "/".join(filter(None, (selection.sla_name[:200], selection.sli_name[:200])))
        raise NotFound(f"no status of {name!r} is stored")
