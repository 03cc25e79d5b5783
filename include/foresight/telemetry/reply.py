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

_READ = csv.ReadOptions(column_names=["epoch", "value"], use_threads=False, block_size=1 << 24)
_PARSE = csv.ParseOptions(double_quote=False)
_CONVERT = csv.ConvertOptions(
    column_types={"epoch": pa.float64(), "value": pa.float64()}, null_values=["NaN"], strings_can_be_null=True
)


@dataclass(frozen=True, slots=True)
class RangeReply:
    """Label sets, and the points of all of them in one row: the first ``counts[0]`` belong to the first."""

    labels: tuple[dict[str, str], ...]
    counts: NDArray[np.int64]
    epochs: NDArray[np.float64]
    values: NDArray[np.float64]
    """NaN and infinities as they came."""
    warnings: tuple[str, ...]


def parse_range(body: bytes) -> RangeReply:
    """The reply to a range query.

    Raises:
        SourceUnavailable: the body is no JSON or is cut off.
        BadAnswer: it is JSON, but no matrix of numbers.
    """
    first, *others = body.split(_VALUES)
    skeleton, texts = [first], []
    for number, part in enumerate(others):
        text, end, rest = part.partition(b"]]")
        if not end:
            raise SourceUnavailable(f"the body is cut off after {len(body)} bytes")
        texts.append(text)
        skeleton.append(b'"values":%d%b' % (number, rest))
    result, warnings = parse_answer(b"".join(skeleton), "matrix")
    try:
        found = [_text(series.get("values", []), texts) for series in result]
        labels = tuple(series["metric"] for series in result)
        histograms = sum("histograms" in series for series in result)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise BadAnswer(f"the result is not a list of series: {error!r}") from error
    if histograms:
        warnings = (*warnings, f"{histograms} series hold native histograms, which are not read")
    counts = np.array([text.count(_BETWEEN) + bool(text) for text in found], dtype=np.int64)
    epochs, values = _numbers([text for text in found if text], int(counts.sum()))
    return RangeReply(labels, counts, epochs, values, warnings)


def parse_answer(body: bytes, kind: str) -> tuple[list[Any], tuple[str, ...]]:
    """The result list and the warnings of any reply of Prometheus; same errors as ``parse_range``."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise SourceUnavailable(f"the body is no JSON: {error}; it begins with {body[:80]!r}") from error
    if not isinstance(answer, dict) or answer.get("status") != "success":
        reason = answer.get("error", body[:200]) if isinstance(answer, dict) else body[:200]
        raise BadAnswer(f"the status is not success: {reason!r}")
    data = answer.get("data")
    if not isinstance(data, dict) or data.get("resultType") != kind or not isinstance(data["result"], list):
        given = data.get("resultType") if isinstance(data, dict) else data
        raise BadAnswer(f"the result is no {kind} but {given!r}")
    return data["result"], tuple(map(str, answer.get("warnings") or ()))


def _text(values: Any, texts: list[bytes]) -> bytes:
    """The points of a series as text: cut out before, or spelled with blanks and therefore still there."""
    if isinstance(values, int):
        return texts[values]
    return orjson.dumps(values)[2:-2]


def _numbers(texts: list[bytes], n_points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not n_points:
        return np.empty(0), np.empty(0)
    lines = _BETWEEN.join(texts).replace(_BETWEEN, b"\n")
    try:
        table = csv.read_csv(pa.py_buffer(lines), _READ, _PARSE, _CONVERT)
    except pa.ArrowInvalid as error:
        raise BadAnswer(f"the values are not pairs of numbers: {error}") from error
    if table.num_rows != n_points:
        raise BadAnswer(f"{table.num_rows} of {n_points} points can be read")
    return table["epoch"].to_numpy(), table["value"].to_numpy()
