"""Columns of values on their way into a table: NumPy arrays and lists become Arrow columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy import JSON, BigInteger, Boolean, Column, Double, Integer, String, Table

from foresight.grid import whole_seconds
from foresight.store.column_types import Instant
from foresight.store.engine import to_json

Columns = Mapping[str, Any]
"""By column name: a NumPy array, a list, or one value for every row; a column left out is NULL.

Instants are epoch seconds (int64), datetime64 or aware datetimes. NaN and None are missing.
"""


def to_arrow(table: Table, columns: Columns) -> pa.Table:
    """Whole rows as Arrow columns of type int64, double or string; instants as ``2026-01-31 23:59:00``.

    Raises ``ValueError`` when columns are unknown, absent although they may not be NULL, of different
    lengths, or hold an infinite value or a missing one where none may be.
    """
    unknown = set(columns) - set(table.c.keys())
    absent = {c.name for c in table.c if not c.nullable} - set(columns)
    if unknown or absent:
        raise ValueError(f"{table.name}: no such columns {sorted(unknown)}, absent {sorted(absent)}")
    lengths = {len(given) for given in columns.values() if not _is_scalar(given)}
    if len(lengths) > 1:
        raise ValueError(f"{table.name}: columns of different lengths {sorted(lengths)}")
    n_rows = lengths.pop() if lengths else 1
    arrays = {name: _to_array(column, columns.get(name), n_rows) for name, column in table.c.items()}
    return pa.Table.from_arrays(list(arrays.values()), names=list(arrays))


def _is_scalar(given: Any) -> bool:
    return np.ndim(given) == 0 if isinstance(given, np.ndarray) else not isinstance(given, list | tuple)


def _to_array(column: Column[Any], given: Any, n_rows: int) -> pa.ChunkedArray:
    if isinstance(column.type, JSON):
        texts = [None if value is None else to_json(value) for value in _document_list(given, n_rows)]
        array = texts_array(texts)
    elif _is_scalar(given):
        one = _typed(column, [given.item() if isinstance(given, np.generic | np.ndarray) else given])
        array = pa.repeat(one[0], n_rows)
    else:
        array = _typed(column, given)
    if array.null_count and not column.nullable:
        raise ValueError(f"{column}: {array.null_count} values are missing, and none may be")
    return array


def _document_list(given: Any, n_rows: int) -> Sequence[Any]:
    """A document is given once for all rows, or as a list with one for each."""
    return given if isinstance(given, list | tuple) else [given] * n_rows


def _typed(column: Column[Any], given: Any) -> pa.Array:
    kind = column.type
    if isinstance(kind, Instant):
        return _instants(given)
    if isinstance(kind, Double):
        return _doubles(column, given)
    if isinstance(kind, Boolean):
        return numbers_array(given, np.int64)
    if isinstance(kind, Integer):
        size = pa.int64() if isinstance(kind, BigInteger) else pa.int32()
        return numbers_array(given, np.int64).cast(size)
    if isinstance(kind, String):
        array = texts_array(given)
        longest = pc.max(pc.utf8_length(array)).as_py() or 0
        if kind.length is not None and longest > kind.length:
            raise ValueError(f"{column}: {longest} characters, at most {kind.length} are allowed")
        return array
    raise ValueError(f"{column}: columns of type {kind} are not written here")


def _doubles(column: Column[Any], given: Any) -> pa.Array:
    array = numbers_array(given, np.float64)
    if not pc.all(pc.is_finite(array), min_count=0).as_py():
        raise ValueError(f"{column}: infinite values cannot be stored")
    return array


def _instants(given: Any) -> pa.Array:
    if isinstance(given, np.ndarray) and given.dtype.kind == "M":
        whole = given.astype("datetime64[s]")
        known = ~np.isnat(whole)
        seconds = _from_numpy(np.where(known, whole.astype(np.int64), 0), known).cast(pa.timestamp("s"))
    else:
        if not isinstance(given, np.ndarray):
            given = [whole_seconds(at) if isinstance(at, datetime) else at for at in given]
        seconds = numbers_array(given, np.int64).cast(pa.timestamp("s"))
    # The same few slots come again for every series: each is spelled once.
    spelled = seconds.dictionary_encode()
    return spelled.dictionary.cast(pa.string()).take(spelled.indices)


def numbers_array(given: Any, kind: type[np.int64] | type[np.float64]) -> pa.Array:
    """Numbers or truth values as an Arrow array, None and NaN as null.

    ``pyarrow.array`` would do, but imports pandas, which takes longer than most commands. Raises
    ``ValueError`` where a value is no such number.
    """
    if isinstance(given, np.ndarray) and given.dtype.kind in "iufb":
        values = given
        known = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(values), np.bool_)
    else:
        listed = given.tolist() if isinstance(given, np.ndarray) else given
        known = np.array([value is not None and value == value for value in listed], np.bool_)
        values = np.array([value if ok else 0 for value, ok in zip(listed, known, strict=True)])
        if len(values) and values.dtype.kind not in "iufb":
            raise ValueError(f"numbers are wanted, got {next(v for v in listed if isinstance(v, str))!r}")
    values = np.where(known, values, 0)
    whole = values.astype(kind) + kind(0)  # -0.0 becomes 0.0: SQLite cannot tell them apart
    if kind is np.int64 and values.dtype.kind == "f" and (whole != values).any():
        raise ValueError(f"whole numbers are wanted, got {values[whole != values][0]}")
    return _from_numpy(whole, known)


def texts_array(given: Sequence[str | None]) -> pa.Array:
    """Texts as an Arrow array, None as null. Raises ``ValueError`` where a value is no text."""
    try:
        encoded = [b"" if value is None else value.encode() for value in given]
    except AttributeError as error:
        raise ValueError("texts are wanted") from error
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(each) for each in encoded], out=offsets[1:])
    known = np.array([value is not None for value in given], np.bool_)
    buffers = [_validity(known), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    large = pa.Array.from_buffers(pa.large_string(), len(encoded), buffers)
    return large.cast(pa.string())


def _from_numpy(values: NDArray[Any], known: NDArray[np.bool_]) -> pa.Array:
    kind = pa.float64() if values.dtype == np.float64 else pa.int64()
    return pa.Array.from_buffers(
        kind, len(values), [_validity(known), pa.py_buffer(np.ascontiguousarray(values))]
    )


def _validity(known: NDArray[np.bool_]) -> pa.Buffer | None:
    return None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))
