"""Plans of hot queries on a real MySQL with 100,000 rows and fresh statistics: each has its index.

FORESIGHT_PLAN_ROWS says how many rows; ``make plans`` looks at 10,000,000.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from sqlalchemy import delete, event
from sqlalchemy.dialects import mysql

from foresight.services.publications import _pending
from foresight.store import Store
from foresight.store.retention import _is_over
from foresight.store.slices import decided_periods, letters_of, recent_answers
from foresight.store.tables import autocorrelation, publication, sample_window
from tests.integration.databases import fresh_store
from tests.unit.store.rows import T0

pytestmark = pytest.mark.mysql
ROWS: Final = int(os.environ.get("FORESIGHT_PLAN_ROWS", "100000"))
NUMBERS: Final = (
    "WITH digits AS (SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 "
    "UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9), "
    "numbers AS (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d + 100000 * f.d + "
    "1000000 * g.d n "
    "FROM digits a, digits b, digits c, digits d, digits e, digits f, digits g) "
)
AT: Final = "FROM_UNIXTIME({start} + {step} * n)"
FILL: Final = {
    "publication": (
        "topic, as_of, part, state, n_messages, updated_at",
        f"'t', {AT.format(start=T0, step=60)}, 'all', IF(n % 1000 = 0, 'pending', 'published'), 1, NOW()",
    ),
    "slice_prediction": (
        "snssai, sent_as, cu, cell, granularity_seconds, period_start, as_of, outcome, is_inferred, "
        "model_version, raw, `rule`, is_sent, answer",
        f"'01-A', '01-A', 'cu', n % 1000, 60, {AT.format(start=T0, step=60)}, "
        f"{AT.format(start=T0, step=60)}, 'ready', 0, IF(n % 2, 'a', 'b'), 1.5, 'r', 1, 1.0",
    ),
    "sample_window": (
        "series_id, as_of, n_slots, step_seconds, observed",
        f"n, {AT.format(start=T0, step=60)}, 8, 60, 'ff'",
    ),
    "autocorrelation": ("series_id, lag_slots, as_of, value", f"n, 1, {AT.format(start=T0, step=60)}, .5"),
    "series": (
        "series_id, metric, labels, partition_name, first_seen, last_seen",
        f"n, 'm', '{{}}', 'default', {AT.format(start=T0, step=60)}, {AT.format(start=T0, step=60)}",
    ),
    "dead_letter": (
        "topic, partition_number, message_offset, as_of, reason, n_values, n_stored, n_rejected",
        f"'t', 0, n, {AT.format(start=T0, step=60)}, 'r', 1, 0, 1",
    ),
}


@pytest.fixture(scope="module")
def store(mysql_url: str) -> Iterator[Store]:
    with fresh_store(mysql_url) as opened:
        for table, (columns, values) in FILL.items():
            insert = (
                f"INSERT INTO {table} ({columns}) {NUMBERS} SELECT {values} FROM numbers WHERE n < {ROWS}"  # noqa: S608 - of this test
            )
            with opened.engine.begin() as connection:
                connection.exec_driver_sql(insert)
                connection.exec_driver_sql(f"ANALYZE TABLE {table}").all()
        yield opened


def plan(store: Store, work: Any) -> list[dict[str, Any]]:
    """How MySQL would run the statements of ``work``; they do not change anything."""
    said: list[tuple[str, Any]] = []

    def listen(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, _m: Any) -> None:
        said.append((statement, parameters))

    with store.engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", listen)
        work(connection)
        event.remove(connection, "before_cursor_execute", listen)
        connection.rollback()
        rows: list[dict[str, Any]] = []
        for statement, parameters in said:
            explain = f"EXPLAIN FORMAT=TRADITIONAL {statement}"
            found = connection.exec_driver_sql(explain, parameters)
            rows += [
                dict(row) for row in found.mappings() if row["table"] and not row["table"].startswith("<")
            ]
        return rows


def newest(share: float) -> int:
    """The instant from which on so many of the rows are, epoch seconds."""
    return T0 + int(60 * ROWS * (1 - share))


def over(table: Any) -> Any:
    cutoff = datetime.fromtimestamp(T0 + 2 * 86_400, UTC).date()
    return delete(table).where(_is_over(table, cutoff)).ext(mysql.limit(10_000))


QUERIES: Final = {
    "pending publications": (lambda c: _pending(c, "t"), r"ix_publication_topic_state"),
    "recent answers": (lambda c: recent_answers(c, "a", newest(0.02)), r"ix_slice_prediction_model_version"),
    "decided periods": (
        lambda c: decided_periods(c, 60, newest(0.02), newest(0.0)),
        r"ix_slice_prediction_period_start",
    ),
    "letters of a batch": (lambda c: letters_of(c, T0 + 600), r"ix_dead_letter_as_of"),
    "retention of autocorrelation": (lambda c: c.execute(over(autocorrelation)), r"ix_autocorrelation_as_of"),
    "retention of windows": (lambda c: c.execute(over(sample_window)), r"ix_sample_window_as_of"),
    "retention of publications": (lambda c: c.execute(over(publication)), r"ix_publication_as_of"),
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_hot_query_reads_by_its_index(store: Store, name: str) -> None:
    work, index = QUERIES[name]
    found = plan(store, work)
    assert found
    for row in found:
        assert re.match(index, row["key"] or "none"), row
        assert row["type"] not in {"ALL", "index"}, row
        assert row["rows"] < max(ROWS / 4, 10_001), row


def test_pending_publications_come_in_the_order_of_their_index(store: Store) -> None:
    (row,) = plan(store, lambda c: _pending(c, "t"))
    assert "filesort" not in (row["Extra"] or "")
