"""Reads the reply to a range query: a million points in a tenth of a second.

The values, nearly all of a reply, are cut out of the JSON before it is parsed, and are parsed together as
one table of numbers. What is left is small and goes through a real JSON parser, so labels, warnings and
errors may hold anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from foresight.errors import BadAnswer, SourceUnavailable

# Inside a JSON string the first quote would be escaped, so this can only be the key itself.
_VALUES = b'"values":[['
_BETWEEN = b"],["
_ABSENT = object()
_ANNOTATION = "PromQL "
"""How Prometheus 3 begins what it remarks about a query; it says nothing about the data being whole."""
_IS_PARTIAL = "the source says that its answer is partial (isPartial)"
# One pass makes a table with an empty first column out of `[0,"1"],[60,"2"`: arrow trims the blanks.
_LINES = bytes.maketrans(b"[]", b" \n")
_READ = csv.ReadOptions(column_names=["nothing", "epoch", "value"], use_threads=False, block_size=1 << 24)
_PARSE = csv.ParseOptions(double_quote=False)


@dataclass(frozen=True, slots=True)
class RangeReply:
    """Label sets, and the points of all of them in one row: the first ``counts[0]`` belong to the first."""

    labels: tuple[dict[str, str], ...]
    counts: NDArray[np.int64]
    epochs: NDArray[np.int64] | NDArray[np.float64]
    values: NDArray[np.float64]
    """NaN and infinities as they came."""
    warnings: tuple[str, ...]
    """Why the source holds the answer for partial."""
    remarks: tuple[str, ...] = ()
    """What the source says about the query, and what is not read."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of any query, and what the source says about it, as in ``RangeReply``."""

    series: list[Any]
    warnings: tuple[str, ...]
    remarks: tuple[str, ...]


def parse_range(body: bytes) -> RangeReply:
    """The reply to a range query.

    Raises:
        SourceUnavailable: the body is no JSON or is cut off.
        BadAnswer: it is JSON, but no matrix of numbers.
    """
    skeleton, texts = _cut(body)
    result = parse_answer(skeleton, "matrix")
    try:
        found = [_text(series.get("values"), texts) for series in result.series]
        labels = tuple(label_set(series["metric"]) for series in result.series)
        n_histograms = sum("histograms" in series for series in result.series)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise BadAnswer(f"the result is not a list of series: {error!r}") from error
    remarks = result.remarks
    if n_histograms:
        remarks = (*remarks, histograms_in_words(n_histograms))
    return RangeReply(labels, *_numbers(found), result.warnings, remarks)


def histograms_in_words(n_series: int) -> str:
    """What is said about series of native histograms."""
    return (
        f"{n_series} series hold native histograms, which are not read: watch a number of them by a query, "
        "such as histogram_quantile(0.9, rate(NAME[5m])) or histogram_count(NAME)"
    )


def label_set(given: Any) -> dict[str, str]:
    """The labels of a series in a result. Raises ``TypeError`` for what is no object of texts."""
    if isinstance(given, dict) and all(isinstance(value, str) for value in given.values()):
        return given
    raise TypeError(f"labels are texts by name, got {given!r}")


def parse_answer(body: bytes, kind: str) -> Result:
    """The result of any reply of Prometheus or its kin; same errors as ``parse_range``.

    A result that is null is an empty one: some servers write a list without members so.
    """
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise SourceUnavailable(f"the body is no JSON: {error}; it begins with {body[:80]!r}") from error
    if not isinstance(answer, dict) or answer.get("status") != "success":
        reason = answer.get("error", body[:200]) if isinstance(answer, dict) else body[:200]
        raise BadAnswer(f"the status is not success: {reason!r}")
    data = answer.get("data")
    if not isinstance(data, dict) or data.get("resultType") != kind:
        given = data.get("resultType") if isinstance(data, dict) else data
        raise BadAnswer(f"the result is no {kind} but {given!r}")
    series = [] if data.get("result", _ABSENT) is None else data.get("result")
    if not isinstance(series, list):
        raise BadAnswer(f"the result of kind {kind} is no list but {type(series).__name__}")
    texts = _texts(answer, "warnings")
    warnings = [text for text in texts if not text.startswith(_ANNOTATION)]
    if answer.get("isPartial") or data.get("isPartial"):
        warnings.append(_IS_PARTIAL)
    remarks = [text for text in texts if text.startswith(_ANNOTATION)]
    return Result(series, tuple(warnings), (*remarks, *_texts(answer, "infos")))


def _texts(answer: dict[str, Any], name: str) -> list[str]:
    given = answer.get(name)
    if not given:
        return []
    return [str(text) for text in (given if isinstance(given, list) else [given])]


def _cut(body: bytes) -> tuple[bytes, list[bytes]]:
    """The body with a running number in place of the values of each series, and these values."""
    first, *others = body.split(_VALUES)
    skeleton, texts = [first], []
    for number, part in enumerate(others):
        # Values that are the last thing in their series end before the next brace, which is found fastest.
        end = part.find(b"}") - 2
        if part[end : end + 2] != b"]]" or part.find(b"{", 0, end) >= 0:
            end = part.find(b"]]")
        if end < 0:
            raise SourceUnavailable(f"the body is cut off after {len(body)} bytes")
        texts.append(part[:end])
        skeleton.append(b'"values":%d%b' % (number, part[end + 2 :]))
    return b"".join(skeleton), texts


def _text(values: Any, texts: list[bytes]) -> bytes:
    """The points of a series as text: cut out before, or spelled with blanks and therefore still there."""
    if isinstance(values, int):
        return texts[values]
    if values is None:
        return b""
    return orjson.dumps(values)[2:-2]


def _numbers(
    texts: list[bytes],
) -> tuple[NDArray[np.int64], NDArray[np.int64] | NDArray[np.float64], NDArray[np.float64]]:
    """How many points each text holds, and the instants and values of all."""
    counts = np.array([text.count(b"[") + bool(text) for text in texts], dtype=np.int64)
    if not counts.sum():
        return counts, np.empty(0), np.empty(0)
    lines = (b"," + _BETWEEN.join(filter(None, texts))).translate(_LINES)
    table = _read_table(lines)
    if table.num_rows != counts.sum():
        raise BadAnswer(f"{table.num_rows} of {counts.sum()} points can be read")
    return counts, table["epoch"].to_numpy(), table["value"].to_numpy()


def _read_table(lines: bytes) -> pa.Table:
    """Columns ``epoch`` and ``value``; whole seconds are tried first, for they read faster."""
    try:
        return _read_as(lines, pa.int64())
    except pa.ArrowInvalid:
        pass
    try:
        return _read_as(lines, pa.float64())
    except pa.ArrowInvalid as error:
        raise BadAnswer(f"the values are not pairs of numbers: {error}") from error


def _read_as(lines: bytes, epoch: pa.DataType) -> pa.Table:
    types = {"epoch": epoch, "value": pa.float64()}
    wanted = csv.ConvertOptions(include_columns=list(types), column_types=types, null_values=["NaN", "null"])
    return csv.read_csv(pa.py_buffer(lines), _READ, _PARSE, wanted)
