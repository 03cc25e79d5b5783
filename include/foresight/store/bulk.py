"""Many rows into a table at once, each merged with what is stored under its key.

On MySQL, LOAD DATA LOCAL where server and driver allow it; elsewhere statements that carry many rows each.
Both leave the same table.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, text

from foresight.errors import FinalError
from foresight.store.columns import Columns, texts_array, to_arrow
from foresight.store.engine import INFILE_FOLDER, PACKET_BYTES, is_mysql
from foresight.store.merging import assignments, insert_or_merge, merge_of
from foresight.store.tables import Merge

LOAD_FROM_ROWS: Final = 500
"""Fewer rows than this are quicker in one INSERT than through a file."""

_TAB, _NEWLINE, _NOTHING, _NULL = texts_array(["\t", "\n", "", "\\N"])
"""Made once: to make such a scalar from text, pyarrow imports pandas."""
_NAMED: Final = re.compile(r"%\((\w+)\)s")
ROWS_AT_ONCE: Final = 250_000
"""Rows in one file: about 50 MB of the widest table."""

_STATEMENT_ROWS: Final = 5_000
_STATEMENT_BYTES: Final = 4 * 1024 * 1024
_NUMBER_BYTES: Final = 24
"""The longest that a number is spelled in a statement."""


def upsert(connection: Connection, table: Table, columns: Columns) -> int:
    """Writes rows by the table's merge rule and says how many there were.

    Args:
        connection: inside a transaction of ``Store.transact``.
        table: one of ``foresight.store.tables``.
        columns: see ``foresight.store.columns.Columns``.

    Raises:
        ValueError: the columns do not fit the table; see ``to_arrow``.
        FinalError: a row is too large for the server.
    """
    rows = to_arrow(table, columns)
    rows = rows.sort_by([(column.name, "ascending") for column in table.primary_key])
    _check_widths(connection, table, rows)
    folder = connection.info.get(INFILE_FOLDER) if is_mysql(connection) else None
    if folder is None or len(rows) < LOAD_FROM_ROWS:
        _insert(connection, table, rows)
    else:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            _load(connection, table, rows.slice(start, ROWS_AT_ONCE), folder)
    return len(rows)


def _check_widths(connection: Connection, table: Table, rows: pa.Table) -> None:
    """Refuses what the server answers by closing the connection, which looks as if the network had failed."""
    limit = _row_limit(connection)
    if limit is None or rows.nbytes + len(rows) * _NUMBER_BYTES * rows.num_columns <= limit:
        return
    widths = _widths(rows)
    if (widest := int(widths.max())) > limit:
        named = [column.name for column in table.primary_key]
        key = rows.select(named).slice(int(widths.argmax()), 1).to_pylist()[0]
        raise FinalError(
            f"{table.name}: the row {key} has {widest} bytes; "
            f"the server's max_allowed_packet lets {limit} through"
        )


def _row_limit(connection: Connection) -> int | None:
    """Half a packet, for quoting may double a text; None where there are no packets."""
    packet = connection.info.get(PACKET_BYTES)
    return None if packet is None else packet // 2


def _widths(rows: pa.Table) -> NDArray[np.int64]:
    """Bytes that each row takes in a statement, about; ``[n_rows]``."""
    widths = np.full(len(rows), _NUMBER_BYTES * rows.num_columns, dtype=np.int64)
    for column in rows.columns:
        if pa.types.is_string(column.type):
            widths += np.nan_to_num(pc.binary_length(column).to_numpy()).astype(np.int64)
    return widths


def _statements(connection: Connection, rows: pa.Table) -> Iterator[pa.Table]:
    """The rows, so many at a time as one statement carries; at least one."""
    ends, start = np.cumsum(_widths(rows)), 0
    at_most = min(_STATEMENT_BYTES, _row_limit(connection) or _STATEMENT_BYTES)
    while start < len(rows):
        before = int(ends[start - 1]) if start else 0
        fitting = int(np.searchsorted(ends, before + at_most, side="right")) - start
        size = max(1, min(fitting, _STATEMENT_ROWS))
        yield rows.slice(start, size)
        start += size


def _insert(connection: Connection, table: Table, rows: pa.Table) -> None:
    """INSERT with a merge clause; the driver puts many rows into each statement."""
    if not len(rows):
        return
    names = rows.column_names
    statement = insert_or_merge(table, names, connection.dialect.name)
    compiled = statement.compile(dialect=connection.dialect, column_keys=names)
    order = compiled.positiontup or _NAMED.findall(str(compiled))
    sql = _NAMED.sub("%s", str(compiled))
    for chunk in _statements(connection, rows):
        values = list(zip(*(chunk.column(name).to_pylist() for name in order), strict=True))
        connection.exec_driver_sql(sql, values)


def _load(connection: Connection, table: Table, rows: pa.Table, folder: Path) -> None:
    rule = merge_of(table)
    if rule is Merge.OVERWRITE:
        _load_file(connection, table.name, rows, "REPLACE", folder)
    elif rule is Merge.VALUE_BEATS_MISSING:
        # A value replaces whatever is there, a missing one only fills an empty place.
        missing = pc.is_null(rows.column("value"))
        _load_file(connection, table.name, rows.filter(pc.invert(missing)), "REPLACE", folder)
        _load_file(connection, table.name, rows.filter(missing), "IGNORE", folder)
    else:
        _load_and_merge(connection, table, rows, folder)


def _load_and_merge(connection: Connection, table: Table, rows: pa.Table, folder: Path) -> None:
    """Through a temporary table, for rules that have to look at both rows."""
    names, staged = rows.column_names, f"staged_{table.name}"
    columns = ", ".join(f"{name} {_type_of(connection, table, name)}" for name in names)
    columns += f", PRIMARY KEY ({', '.join(column.name for column in table.primary_key)})"
    connection.execute(text(f"DROP TEMPORARY TABLE IF EXISTS {staged}"))
    connection.execute(text(f"CREATE TEMPORARY TABLE {staged} ({columns}) ENGINE=InnoDB"))
    _load_file(connection, staged, rows, "REPLACE", folder)
    keys = {column.name for column in table.primary_key}
    given = [name for name in names if name not in keys]
    merged = assignments(table, given, table.alias(staged).c, connection.dialect.name)
    clauses = ", ".join(f"{table.name}.{name} = {value.compile(connection)}" for name, value in merged)
    listed = ", ".join(names)
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({listed}) SELECT {listed} FROM {staged} "  # noqa: S608 - names of ours
        f"ON DUPLICATE KEY UPDATE {clauses}"
    )
    connection.execute(text(f"DROP TEMPORARY TABLE {staged}"))


def _type_of(connection: Connection, table: Table, name: str) -> str:
    return table.c[name].type.compile(dialect=connection.dialect)


def _load_file(connection: Connection, target: str, rows: pa.Table, duplicates: str, folder: Path) -> None:
    """LOAD DATA LOCAL. With LOCAL even wrong values are only warnings, so those are counted."""
    if not len(rows):
        return
    listed = ", ".join(rows.column_names)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".tsv") as file:
        file.write(_tab_separated(rows))
        file.flush()
        loaded = connection.exec_driver_sql(
            f"LOAD DATA LOCAL INFILE %s {duplicates} INTO TABLE {target} CHARACTER SET utf8mb4 "
            f"FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' ({listed})",
            (file.name,),
        )
    skipped = len(rows) - loaded.rowcount if duplicates == "IGNORE" else 0
    warnings = connection.exec_driver_sql("SHOW COUNT(*) WARNINGS").scalar_one()
    if warnings != skipped:
        first = connection.exec_driver_sql("SHOW WARNINGS LIMIT 1").one()
        raise FinalError(f"{target}: {warnings - skipped} of {len(rows)} rows do not fit: {first[2]}")


def _tab_separated(rows: pa.Table) -> pa.Buffer:
    r"""The rows as LOAD DATA reads them: tabs between values, \N for NULL, numbers with all their digits."""
    spelled: Sequence[pa.ChunkedArray] = [_spelled(column) for column in rows.columns]
    lines = pc.binary_join_element_wise(*spelled, _TAB)
    ended = pc.binary_join_element_wise(lines, _NOTHING, _NEWLINE).cast(pa.large_string())
    one = ended.combine_chunks() if isinstance(ended, pa.ChunkedArray) else ended
    offsets = memoryview(one.buffers()[1]).cast("q")
    start, end = offsets[one.offset], offsets[one.offset + len(one)]
    return one.buffers()[2].slice(start, end - start)


def _spelled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(column.type):
        for raw, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\0", "\\0")):
            column = pc.replace_substring(column, raw, escaped)
    else:
        column = column.cast(pa.string())
    return pc.fill_null(column, _NULL)
