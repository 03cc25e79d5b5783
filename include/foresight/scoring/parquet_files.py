"""Parquet in and out: bounded when it is read, with types that widen when it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from foresight.scoring.errors import InvalidMapping
from foresight.scoring.file_sink import OTHERS, Columns, FileSink, without_stale
from foresight.scoring.json_text import to_json
from foresight.scoring.outcome import ERROR, RECORD, BadRecord, Record

ROWS: Final = 10_000
"""Most rows that are written together."""
MAX_VALUES: Final = 1_000_000
"""Most values that are held to be written."""
MAX_BATCH: Final = 64 * 1024 * 1024
"""Most bytes of the rows that become Python objects together."""
MAX_UNFOLDED: Final = 8 * MAX_BATCH
"""Most bytes that Arrow may unfold a batch to."""
MAX_ROW: Final = 16 * 1024 * 1024
"""Most bytes of one row."""
MAX_CHUNK: Final = 1024 * 1024 * 1024
"""Most bytes of one column in one row group, unpacked."""
MAX_NESTED: Final = 50_000_000
"""Most values of a column of lists in one row group."""
_READ: Final = 2_000
_EXACT: Final = 2**53


def read_parquet(path: Path) -> Iterator[Any]:
    """The rows of a file, a bounded batch in memory at a time; a row that is too large is a ``BadRecord``.

    Few bytes may expand to many: texts stay dictionaries until a batch is known to be small. Raises
    ``InvalidMapping`` for a file that is none, or broken.
    """
    try:
        with pq.ParquetFile(path) as file:
            texts, n_rows = _check_sizes(file.metadata, path)
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            number = 0
            for batch in file.iter_batches(n_rows):
                yield from _rows(batch, number)
                number += len(batch)
    except (pa.ArrowException, OSError) as error:
        raise InvalidMapping(f"{path} is no Parquet file, or broken: {error!s:.300}") from error


def _check_sizes(metadata: Any, path: Path) -> tuple[list[str], int]:
    """Refuses what cannot be read in bounds; gives the columns of texts, and how many rows to read."""
    texts = set()
    longest = 1
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for place in range(metadata.num_columns):
            column, kind = row_group.column(place), metadata.schema.column(place)
            is_list = kind.max_repetition_level > 0
            if column.total_uncompressed_size > MAX_CHUNK or (is_list and column.num_values > MAX_NESTED):
                raise InvalidMapping(
                    f"{path}: column {column.path_in_schema!r:.80} of row group {group} unpacks to "
                    f"{column.total_uncompressed_size} bytes and {column.num_values} values; at most "
                    f"{MAX_CHUNK} bytes and, in lists, {MAX_NESTED} values are read: write smaller row groups"
                )
            if kind.physical_type == "BYTE_ARRAY" and kind.path == kind.name:
                texts.add(column.path_in_schema)
            elif kind.physical_type == "BYTE_ARRAY":
                # Inside of lists and structs Arrow unfolds texts at once; none is longer than the column.
                longest = max(longest, column.total_uncompressed_size)
    return sorted(texts), max(1, min(_READ, MAX_UNFOLDED // longest))


def _rows(batch: Any, number: int) -> Iterator[Any]:
    """The rows of a batch that fits, else of its halves; ``number`` is that of the first."""
    size = sum(_size(column) for column in batch.columns)
    if size <= (MAX_BATCH if len(batch) > 1 else MAX_ROW):
        yield from batch.to_pylist()
    elif len(batch) == 1:
        yield BadRecord({RECORD: None}, f"row {number + 1} has {size} bytes, at most {MAX_ROW} are read")
    else:
        half = len(batch) // 2
        yield from _rows(batch.slice(0, half), number)
        yield from _rows(batch.slice(half), number + half)


def _size(array: Any) -> int:
    """About how many bytes the values take when each is stored by itself."""
    if pa.types.is_dictionary(array.type):
        lengths = pc.binary_length(array.dictionary)
        return int(pc.sum(lengths.take(array.indices)).as_py() or 0) + 50 * len(array)
    if pa.types.is_struct(array.type):
        return sum(_size(inner) for inner in array.flatten()) + 50 * len(array)
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type) or pa.types.is_map(array.type):
        first, last = array.offsets[0].as_py(), array.offsets[len(array)].as_py()
        if pa.types.is_map(array.type):
            inner = [array.keys.slice(first, last - first), array.items.slice(first, last - first)]
            return sum(map(_size, inner)) + 50 * len(array)
        return _size(array.values.slice(first, last - first)) + 50 * len(array)
    if pa.types.is_fixed_size_list(array.type):
        return _size(array.flatten()) + 50 * len(array)
    return int(array.nbytes) + 30 * len(array)


class ParquetSink(FileSink):
    """Rows with the types of the first records and ``PredictionError``; ``Prediction`` is a struct.

    Columns that come later, and types that must widen, begin another part; in the end the parts become one
    file with the widest types. Values that no common type holds become texts, as JSON.
    """

    _writer: pq.ParquetWriter | None = None

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._rows: list[Record] = []
        self._n_values = 0
        self._columns = Columns()
        self._types: dict[str, Any] = {}
        self._exact = dict[str, bool]()
        """Whether every whole number of a column is a float, too."""
        self._parts: list[IO[bytes]] = []

    def _open(self, file: IO[bytes]) -> None:
        self._parts.append(file)

    def __call__(self, records: list[Record]) -> None:
        """Write records behind those that are there."""
        self._rows += map(without_stale, records)
        self._n_values += sum(map(len, records))
        if len(self._rows) >= ROWS or self._n_values >= MAX_VALUES:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        rows, self._rows, self._n_values = self._columns.add(self._rows), [], 0
        arrays = {name: _array([row.get(name) for row in rows]) for name in self._columns.names}
        types = dict(self._types)
        for name, array in arrays.items():
            kind = pa.string() if name in {ERROR, OTHERS} else array.type
            if pa.types.is_integer(array.type):
                largest = pc.max(pc.abs_checked(array)).as_py() or 0 if _is_safe(array) else _EXACT + 1
                self._exact[name] = self._exact.get(name, True) and largest <= _EXACT
            types[name] = joined(types.get(name, pa.null()), kind, exact=self._exact.get(name, True))
        if types != self._types:
            self._types = types
            self._next_part()
        self._write(arrays, len(rows))

    def _next_part(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._parts.append(self.aside())
        self._writer = pq.ParquetWriter(self._parts[-1], pa.schema(list(self._types.items())))

    def _write(self, arrays: dict[str, Any], n: int) -> None:
        assert self._writer is not None  # noqa: S101 (a part is begun before)
        columns = [
            cast(arrays[name], kind) if name in arrays else pa.nulls(n, kind)
            for name, kind in self._types.items()
        ]
        self._writer.write_table(pa.table(columns, schema=self._writer.schema))

    def _finish(self) -> None:
        self._flush()
        if self._writer is None:
            self._types = {ERROR: pa.string()}
            self._next_part()
        if len(self._parts) > 1:
            self._join_parts()
        assert self._writer is not None  # noqa: S101
        self._writer.close()

    def _join_parts(self) -> None:
        parts = list(self._parts)
        self._next_part()
        for part in parts:
            part.seek(0)
            with pq.ParquetFile(part) as file:
                for batch in file.iter_batches(ROWS):
                    arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
                    self._write(arrays, len(batch))


def _is_safe(array: Any) -> bool:
    smallest = pc.min(array).as_py()
    return smallest is None or smallest > -(2**63)


def _array(values: list[Any]) -> Any:
    """Values as an array of one type; as JSON texts where they have none that Parquet keeps."""
    try:
        array = pa.array(values)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return _texts(values)
    return array if _is_kept(array.type) else _texts(values)


def _is_kept(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        return kind.num_fields > 0 and all(_is_kept(kind.field(i).type) for i in range(kind.num_fields))
    if pa.types.is_list(kind):
        return _is_kept(kind.value_type)
    return not (pa.types.is_duration(kind) or pa.types.is_interval(kind) or pa.types.is_map(kind))


def _texts(values: list[Any]) -> Any:
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else to_json(value).decode()
    return text.encode("utf-8", "backslashreplace").decode()


def joined(one: Any, other: Any, *, exact: bool) -> Any:
    """The type that holds the values of both; texts where none does. ``exact``: integers fit into floats."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    kinds = {str(one), str(other)}
    if kinds == {"int64", "double"}:
        return pa.float64() if exact else pa.string()
    if pa.types.is_decimal(one) and pa.types.is_decimal(other):
        scale = max(one.scale, other.scale)
        digits = max(one.precision - one.scale, other.precision - other.scale) + scale
        return pa.decimal128(digits, scale) if digits <= 38 else pa.string()
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        fields = {one.field(i).name: one.field(i).type for i in range(one.num_fields)}
        for i in range(other.num_fields):
            field = other.field(i)
            # Whole numbers inside of structs are not looked at one by one: they may be too long for a float.
            fields[field.name] = joined(fields.get(field.name, pa.null()), field.type, exact=True)
        return pa.struct(list(fields.items()))
    if pa.types.is_list(one) and pa.types.is_list(other):
        return pa.list_(joined(one.value_type, other.value_type, exact=True))
    return pa.string()


def cast(array: Any, kind: Any) -> Any:
    """The array with another type, one that ``joined`` gave."""
    if array.type == kind:
        return array
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), kind)
    return pa.array([_fitted(value, kind) for value in array.to_pylist()], kind)


def _fitted(value: Any, kind: Any) -> Any:
    if value is None:
        return None
    if pa.types.is_string(kind):
        return _text(value)
    if pa.types.is_struct(kind):
        fields = [kind.field(i) for i in range(kind.num_fields)]
        return {field.name: _fitted(value.get(field.name), field.type) for field in fields}
    if pa.types.is_list(kind):
        return [_fitted(inner, kind.value_type) for inner in value]
    return float(value) if pa.types.is_floating(kind) else value
