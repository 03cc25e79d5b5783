"""Plans of hot queries on a real MySQL with 100,000 rows a table and fresh statistics: each has its index.

FORESIGHT_PLAN_ROWS says how many rows; ``make plans`` looks at 10,000,000 in the tables that grow largest.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, Final

import numpy as np
import pytest
from sqlalchemy import JSON, Connection, Select, Table, delete, event
from sqlalchemy.dialects import mysql

from foresight.grid import Grid
from foresight.series import SeriesKey
from foresight.services import publications
from foresight.services.series import get_series, list_query
from foresight.store import (
    Store,
    announcements,
    finding,
    intervals,
    limits,
    retention,
    rollups,
    runs,
    samples,
    scoring,
    slices,
    statuses,
    upkeep,
    windows,
)
from foresight.store.column_types import Instant
from foresight.store.intervals import CATALOGUE_SCOPE
from foresight.store.tables import aggregate, analysed_interval, metadata, series, sli_status
from tests.integration.databases import fresh_store
from tests.unit.store.rows import T0

pytestmark = pytest.mark.mysql
ROWS: Final = int(os.environ.get("FORESIGHT_PLAN_ROWS", "100000"))
MOST: Final = 1_000_000
"""Most rows of a table that is not among those that grow largest."""
LARGEST: Final = frozenset({
    "publication", "slice_prediction", "sample_window", "autocorrelation", "series", "slice_measurement",
    "sample", "sli_status",
})  # fmt: skip


def numbers(n: int) -> str:
    """The numbers from 0 up to, not including, ``n``, as SQL."""
    digits = " UNION ALL ".join(f"SELECT {digit} d" for digit in range(10))
    places = range(len(str(n - 1)))
    value = " + ".join(f"{10**place} * d{place}.d" for place in places)
    tables = ", ".join(f"digits d{place}" for place in places)
    return f"WITH digits AS ({digits}), numbers AS (SELECT {value} n FROM {tables})"  # noqa: S608 - numbers


def at(step: int, of: str = "n") -> str:
    """One instant each ``step`` seconds, as SQL."""
    return f"FROM_UNIXTIME({T0} + {step} * ({of}))"


PART: Final = "n DIV 1000"
"""Of a thousand things each has a row an instant."""
SLA: Final = {"sla_name": "CONCAT('s', n % 1000)", "sli_name": "'i'", "as_of": at(600, PART)}
CELL: Final = {"snssai": "CONCAT('01-', n % 1000)", "cu": "'cu'", "cell": "'c'"}
PART_OF_SLI: Final = {
    "sla_name": "CONCAT('s', n % 100)", "sli_name": "'i'", "series_id": "n DIV 100 % 10"
}  # fmt: skip

FILL: Final[dict[str, dict[str, str]]] = {
    "publication": {"topic": "'t'", "as_of": at(60), "part": "'all'",
                    "state": "IF(n % 1000 = 0, 'pending', 'published')"},
    "analysed_interval": {"as_of": at(600), "scope": "'catalogue'",
                          "is_evaluated": "IF(n % 1000 = 0, NULL, 1)"},
    "evaluated_interval": {"as_of": at(600, "n + (n % 1000 = 0)"), "scope": "IF(n % 1000, 'catalogue', 'x')"},
    "run": {"dag_id": "'d'", "run_id": "n", "as_of": at(600)},
    "series": {"series_id": "n", "metric": "CONCAT('m', n % 1000)", "labels": "'{}'", "first_seen": at(60),
               "last_seen": at(60)},
    "sample": {"series_id": "n % 1000", "slot": at(60, PART), "value": "1"},
    "sample_window": {"series_id": "n", "as_of": at(60), "n_slots": "8", "step_seconds": "60",
                      "observed": "'ff'", "starts_at": at(60)},
    "series_analysis": {"series_id": "n % 1000", "as_of": at(600, PART)},
    "aggregate": {"series_id": "n % 1000", "as_of": at(600, PART), "window_minutes": "60"},
    "forecast": {"series_id": "n % 1000", "as_of": at(600, PART), "step": "1"},
    "autocorrelation": {"series_id": "n", "lag_slots": "1", "as_of": at(60)},
    "sla_status": {key: SLA[key] for key in ("sla_name", "as_of")},
    "sli_status": SLA,
    "sli_window": SLA | {"window_minutes": "60"},
    "sla_event": SLA,
    "sla_announcement": SLA,
    "sli_rollup": PART_OF_SLI | {"hour": at(3600, PART), "hours": "1", "counting": "'c'"},
    "sli_violation": PART_OF_SLI | {"hour": at(3600, PART), "first_slot": at(3600, PART)},
    "sli_count": PART_OF_SLI | {"as_of": at(600, PART), "counting": "'c'"},
    "scoring_run": {"dag_id": "'d'", "run_id": "n", "started_at": at(60)},
    "scoring_load_test": {"dag_id": "'d'", "run_id": "n", "measured_at": at(60)},
    "commit_marker": {"marker": "n", "written_at": at(60)},
    "operator_change": {"kind": "'stream'", "subject": "n", "number": "1", "changed_at": at(60)},
    "slice_measurement": CELL | {"granularity_seconds": "900", "period_start": at(900, PART)},
    "slice_configuration": CELL | {"since": at(900, PART)},
    "slice_sent": CELL | {"cell": "n", "sent_at": at(60)},
    "slice_prediction": CELL | {"granularity_seconds": "60", "period_start": at(60), "as_of": at(60),
                                "outcome": "'ready'", "model_version": "IF(n % 2, 'a', 'b')", "raw": "1.5",
                                "configured": "1", "answer": "1"},
    "dead_letter": {"topic": "'t'", "partition_number": "0", "message_offset": "n", "as_of": at(60)},
}  # fmt: skip


def filling(table: Table, n_rows: int) -> str:
    """An INSERT of so many rows; columns that nothing is said of get any value, or none."""
    said = dict(FILL[table.name])
    for column in table.c:
        if column.name not in said and not column.nullable:
            is_time, is_json = isinstance(column.type, Instant), isinstance(column.type, JSON)
            said[column.name] = "NOW()" if is_time else "'{}'" if is_json else "'1'"
    names = ", ".join(f"`{name}`" for name in said)
    values = ", ".join(said.values())
    rows = f"{numbers(n_rows)} SELECT {values} FROM numbers WHERE n < {n_rows}"  # noqa: S608 - of this test
    return f"INSERT INTO {table.name} ({names}) {rows}"


@pytest.fixture(scope="module")
def store(mysql_url: str) -> Iterator[Store]:
    with fresh_store(mysql_url) as opened:
        for name in FILL:
            with opened.engine.begin() as connection:
                n_rows = ROWS if name in LARGEST else min(ROWS, MOST)
                connection.exec_driver_sql(filling(metadata.tables[name], n_rows))
                connection.exec_driver_sql(f"ANALYZE TABLE {name}").all()
        yield opened


def plan(store: Store, work: Callable[[Connection], Any]) -> tuple[list[str], list[dict[str, Any]]]:
    """The statements of ``work``, and how MySQL would run them; they do not change anything."""
    said: list[tuple[str, Any]] = []

    def listen(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, is_many: bool) -> None:
        said.append((statement, parameters[0] if is_many else parameters))

    with store.engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", listen)
        work(connection)
        event.remove(connection, "before_cursor_execute", listen)
        connection.rollback()
        rows: list[dict[str, Any]] = []
        for statement, parameters in said:
            if statement.split(maxsplit=1)[0] not in {"SELECT", "DELETE", "UPDATE", "WITH"}:
                continue
            found = connection.exec_driver_sql(f"EXPLAIN FORMAT=TRADITIONAL {statement}", parameters)
            rows += [dict(row) for row in found.mappings() if row["table"] in NAMES_OF_TABLES]
        return [statement for statement, _ in said], rows


NAMES_OF_TABLES: Final = {name for one in metadata.tables for name in (one, f"{one}_1")}


def newest(share: float) -> int:
    """The instant from which on so many of the rows are that have a minute each, epoch seconds."""
    return T0 + int(60 * ROWS * (1 - share))


def instant(step: int, n_rows: int = ROWS) -> int:
    """The newest one of those that a thousand rows share."""
    return T0 + step * (n_rows // 1000 - 1)


MINE: Final = min(ROWS, MOST)
IDS: Final = np.arange(500, dtype=np.int64)
GRID: Final = Grid(instant(60), 30, 60)
NAMES: Final = [f"s{n}" for n in range(100)]
SLIS: Final = [(name, "i") for name in NAMES]
LATEST: Final = instant(900)
CELLS: Final = {(f"01-{n}", "cu", "c"): LATEST - 900 * (n % 3) for n in range(300)}
HOURS: Final = (instant(3600, MINE) - 6 * 3600, instant(3600, MINE))


def explained(query: Select[Any]) -> Callable[[Connection], Any]:
    return lambda connection: connection.execute(query)


QUERIES: Final[dict[str, Callable[[Connection], Any]]] = {
    "pending publications": lambda c: publications._pending(c, "t"),
    "publications set aside": lambda c: publications._count(c, "t", "set_aside"),
    "one publication": lambda c: runs.find_publication(c, "t", T0, "all"),
    "one run": lambda c: runs._row(c, metadata.tables["run"], {"dag_id": "d", "run_id": "7"}),
    "pending intervals": lambda c: runs.pending_intervals(c, CATALOGUE_SCOPE),
    "newest as-of": lambda c: runs.latest_as_of(c, analysed_interval),
    "whether an interval is analysed": lambda c: intervals.is_analysed(c, T0, CATALOGUE_SCOPE),
    "the next evaluated interval": lambda c: intervals.next_evaluated(c, T0),
    "the newest analysed interval": intervals.latest_analysed,
    "the newest report": intervals.newest_report,
    "an interval is evaluated": lambda c: intervals.save_evaluated_interval(c, T0, n_sla=1, n_sli=1),
    "rows of an interval": lambda c: intervals.read_interval(c, aggregate, instant(600, MINE), ["series_id"]),
    "identities of series": lambda c: intervals.read_series(c, IDS.tolist()),
    "one identity": lambda c: intervals.read_key(c, 7),
    "which series are announced": lambda c: intervals.content_of_series(c, instant(600, MINE)),
    "changes are noted": lambda c: announcements.note_changes(c, instant(600, MINE)),
    "changes of state": lambda c: announcements.state_changes(c, instant(600, MINE)),
    "series of a metric": lambda c: finding.find_series(c, "m7"),
    "limits of series": lambda c: limits.analysis_limits(c, IDS, instant(600, MINE)),
    "samples of series": lambda c: samples.load_matrix(c, [SeriesKey.of("m", {"a": "b"})], GRID),
    "samples by the ids of series": lambda c: samples.load_values(c, IDS, GRID),
    "how many values are stored": lambda c: windows.count_values(c, IDS, GRID),
    "which samples are stored": lambda c: windows.are_stored(c, IDS, GRID, np.ones((500, 30), np.bool_)),
    "sums of roll-ups": lambda c: rollups.sum_nodes(c, NAMES[:10], rollups.nodes_of(*HOURS)),
    "slots of an hour": lambda c: rollups.load_hour(c, NAMES[:10], HOURS[1]),
    "violations of hours": lambda c: rollups.load_violations(c, NAMES[:10], *HOURS),
    "hours that are counted": lambda c: rollups.counted_hours(c, NAMES[:10], range(*HOURS, 3600)),
    "hours are forgotten": lambda c: rollups.forget_hours(c, range(*HOURS, 3600), NAMES[:10]),
    "counts of an instant": lambda c: rollups.load_counts(c, instant(600), NAMES[:10]),
    "counts are forgotten": lambda c: rollups.forget_counts(c, instant(600) - 600, instant(600) + 600),
    "statuses at an instant": lambda c: statuses._states_at(c, instant(600), NAMES),
    "statuses before an instant": lambda c: statuses._neighbours(c, instant(600), SLIS, is_later=False),
    "statuses after an instant": lambda c: statuses._neighbours(c, T0, SLIS, is_later=True),
    "events are forgotten": lambda c: statuses._forget_events(c, dict.fromkeys(SLIS, T0)),
    "newest statuses": lambda c: statuses.newest_statuses(c, NAMES),
    "rows of the newest statuses": lambda c: statuses.rows_at(c, sli_status, {instant(600): NAMES}),
    "one series": lambda c: get_series(_Only(c), 7),  # type: ignore[arg-type]
    "series of a metric for people": explained(list_query(series.c.metric == "m7", 20)),
    "one stream": lambda c: scoring.find_stream(c, "s"),
    "one scoring run": lambda c: scoring.find_run(c, "d", "7"),
    "offsets of a topic": lambda c: slices.read_offsets(c, "t"),
    "identity of a topic": lambda c: slices.read_topic_id(c, "t"),
    "measurements of periods": lambda c: slices.measurements_at(c, [LATEST, LATEST - 900]),
    "measurements of a time": lambda c: slices.measurements_since(c, 900, LATEST - 900),
    "measurements of cells": lambda c: slices.measurements_until(c, 900, CELLS, 7),
    "spellings": lambda c: slices.spellings(c, 900, CELLS),
    "first period of a history": lambda c: slices.first_start(c, 900, LATEST - 1800),
    "next part of a history": lambda c: slices.next_part(c, 900, LATEST - 1800, 100),
    "newest periods": lambda c: slices.newest_periods(c, 900, LATEST - 1800, LATEST, "ready", ["late"]),
    "recent answers": lambda c: slices.recent_answers(c, "a", newest(0.02)),
    "decided periods": lambda c: slices.decided_periods(c, 60, newest(0.02), newest(0.0)),
    "what was sent of periods": lambda c: slices.sent_in(c, 60, [newest(0.01)]),
    "predictions of a batch": lambda c: slices.predictions_of(c, T0 + 600),
    "letters of a batch": lambda c: slices.letters_of(c, T0 + 600),
    "the next batch": lambda c: slices.next_batch(c, ["t"], newest(0)),
    "configured limits": lambda c: slices.read_configuration(c, instant(900, MINE) - 900),
    "answers are noted": lambda c: slices.save_answers(c, 60, {("01-0", "cu", "c", T0): 1.0}),
    "publications for people": lambda c: upkeep.list_publications(c, "t"),
    "all publications for people": lambda c: upkeep.list_publications(c),
    "dead letters for people": lambda c: upkeep.list_dead_letters(c),
    "changes for people": lambda c: upkeep.list_changes(c, "stream"),
    "samples that are gone": lambda c: retention.has_lost_samples(c, Grid(newest(0), 30)),
    "the instant that days are counted from": lambda c: retention._moment(c, T0),
    "marks": retention._marks,
}
SMALL: Final = frozenset({"retention_mark", "topic_offset", "scoring_stream", "operator_change"})
"""Tables with a row for each of a few things, or for each thing that a person did."""
GROUPED: Final = {"configured limits": "Using index for group-by"}
"""Queries that go through an index from key to key."""


class _Only:
    """A store of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self, work: Callable[[Connection], Any]) -> Any:
        return work(self._connection)


def day(number: int) -> Any:
    return datetime.fromtimestamp(T0 + number * 86_400, UTC).date()


def check(rows: list[dict[str, Any]], name: str) -> None:
    for row in rows:
        if row["table"] in SMALL or GROUPED.get(name, "none") in (row["Extra"] or ""):
            continue
        assert row["key"], row
        assert row["type"] != "ALL", row
        assert row["rows"] < max(ROWS / 4, 10_001), row


@pytest.mark.parametrize("name", QUERIES)
def test_a_hot_query_reads_by_its_index(store: Store, name: str) -> None:
    statements, rows = plan(store, QUERIES[name])
    assert statements
    check(rows, name)


@pytest.mark.parametrize(
    "table",
    [one for one in metadata.sorted_tables if one.info["kept_by"] is not None and not one.info["by_day"]],
    ids=str,
)
def test_retention_finds_what_is_over_by_an_index(store: Store, table: Table) -> None:
    over = retention._is_over(table, day(1))
    statement = delete(table).where(over).ext(mysql.limit(10_000))
    _, rows = plan(store, lambda c: c.execute(statement))
    check([row for row in rows if row["select_type"] in {"DELETE", "SIMPLE"}], "")


def test_pending_publications_come_in_the_order_of_their_index(store: Store) -> None:
    _, (row,) = plan(store, lambda c: publications._pending(c, "t"))
    assert "filesort" not in (row["Extra"] or "")


ASKED_ELSEWHERE: Final = {
    "forget_slis",  # once, when a person changes a definition: it goes through the table
    "save_run", "save_publication", "save_analysed_interval", "save_hours", "save_statuses", "note_windows",
    "save_series", "save_samples", "save_rows", "save_offsets", "save_anchors", "save_configuration",
    "open_batch", "close_batch", "restart_stream", "count_run", "save_load_test", "record", "check_reason",
    "maintain", "content_of_changes", "chunks", "save_counts", "write_samples",
    "plan_samples", "changes_of", "as_stored", "list_rows", "within", "find_dead_letter",
    # A row for each of a few things, all of which are read.
    "last_sent", "inventory", "bounds", "statuses", "holds", "confirm", "list_streams", "list_offsets",
}  # fmt: skip
"""Functions that write, that read by the functions above, or whose tables are small."""


@pytest.mark.parametrize(
    "module",
    [announcements, finding, intervals, limits, retention, rollups, runs, samples, scoring, slices, statuses,
     upkeep, windows],
    ids=lambda module: module.__name__.rpartition(".")[2],
)  # fmt: skip
def test_no_read_of_the_store_is_left_out(module: ModuleType) -> None:
    source = inspect.getsource(inspect.getmodule(test_no_read_of_the_store_is_left_out))  # type: ignore[arg-type]
    public = {
        name
        for name, one in vars(module).items()
        if inspect.isfunction(one) and one.__module__ == module.__name__ and not name.startswith("_")
    }
    short = module.__name__.rpartition(".")[2]
    assert [n for n in sorted(public - ASKED_ELSEWHERE) if f"{short}.{n}" not in source] == []
