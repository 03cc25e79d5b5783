"""The Open Inference Protocol, version 2, as dictionaries: what its clients send and get.

Source: https://github.com/open-inference/open-inference-protocol, specification of the REST API. An input of
shape [n] or [n, 1] is the field of its name in n records; one of shape [n, k] is the list of the field
``__array__`` or the fields ``name[0]`` …, and if it is the only one, all fields in the order of the model.
The protocol has no place for an error of one record: where one is bad, the request is refused with all of
them named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from foresight.scoring.errors import InvalidRequest
from foresight.scoring.mapping import FieldMapping
from foresight.scoring.model import Signature
from foresight.scoring.online import MAX_FIELDS, Mistakes, check_size
from foresight.scoring.outcome import ERROR, PREDICTION, Record
from foresight.scoring.records import RecordScorer

_NUMBERS: Final = frozenset({
    "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64",
})  # fmt: skip
DATATYPES: Final = _NUMBERS | {"BOOL", "BYTES"}
_OF_TYPE: Final = {"double": "FP64", "float": "FP64", "integer": "INT64", "boolean": "BOOL"}


def infer(scorer: RecordScorer, request: Any, name: str, version: int) -> dict[str, Any]:
    """The response to an inference request. Raises ``InvalidRequest`` with every mistake and bad record."""
    records = read_request(request, scorer.mapping)
    names = _wanted(request, scorer.model.signature)
    found, bad = scorer.score(records)
    mistakes = Mistakes()
    for place in bad:
        mistakes.add(f"record {place}: {found[place][ERROR]}")
    mistakes.finish()
    types = {out.name: _OF_TYPE.get(out.data_type, "BYTES") for out in scorer.model.signature.outputs}
    outputs = [
        {"name": out, "shape": [len(found)], "datatype": types[out],
         "data": [record[PREDICTION][out] for record in found]}
        for out in names
    ]  # fmt: skip
    told = {"model_name": name, "model_version": str(version), "outputs": outputs}
    return {"id": request["id"], **told} if "id" in request else told


def describe(name: str, version: int, kind: str, signature: Signature) -> dict[str, Any]:
    """The metadata of a model."""

    def tensors(fields: Sequence[Any]) -> list[dict[str, Any]]:
        return [
            {"name": field.name, "datatype": _OF_TYPE.get(field.data_type, "BYTES"), "shape": [-1]}
            for field in fields
        ]

    return {
        "name": name, "versions": [str(version)], "platform": f"foresight_{kind}",
        "inputs": tensors(signature.inputs), "outputs": tensors(signature.outputs),
    }  # fmt: skip


def read_request(request: Any, mapping: FieldMapping) -> list[Record]:
    """The records of a request. Raises ``InvalidRequest`` with every mistake, by input."""
    if (
        not isinstance(request, Mapping)
        or not isinstance(request.get("inputs"), list)
        or not request["inputs"]
    ):
        raise InvalidRequest(['an inference request must be {"inputs": [{name, shape, datatype, data}, …]}'])
    if not isinstance(request.get("id", ""), str):
        raise InvalidRequest(["id must be a text"])
    inputs, mistakes = request["inputs"], Mistakes()
    if len(inputs) > MAX_FIELDS:
        raise InvalidRequest([f"{len(inputs)} inputs, at most {MAX_FIELDS} are read"])
    columns: dict[str, list[Any]] = {}
    n_values = 0
    for place, tensor in enumerate(inputs):
        shape = _shape(tensor, place, mistakes)
        if shape is not None:
            n_values += math.prod(shape)
            _add_columns(columns, tensor, shape, mapping, mistakes, is_only=len(inputs) == 1)
    lengths = sorted({len(values) for values in columns.values()})
    if len(lengths) > 1:
        mistakes.add(f"inputs of different numbers of records: {', '.join(map(str, lengths))}")
    check_size(max(lengths, default=0), n_values, mistakes)
    mistakes.finish()
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _wanted(request: Mapping[str, Any], signature: Signature) -> list[str]:
    known = [out.name for out in signature.outputs]
    given = request.get("outputs")
    if given is None or given == []:
        return known
    mistakes = Mistakes()
    if not isinstance(given, list) or not all(isinstance(one, Mapping) and "name" in one for one in given):
        raise InvalidRequest(["outputs must be a list of {name}"])
    names = [one["name"] for one in given]
    for name in names:
        if name not in known:
            mistakes.add(f"there is no output {name!r:.80}, only {', '.join(known[:20])}")
    if len(names) > len(known):
        mistakes.add(f"{len(names)} outputs are asked for, the model has {len(known)}")
    mistakes.finish()
    return names


def _shape(tensor: Any, place: int, mistakes: Mistakes) -> tuple[int, ...] | None:
    """The shape of an input that has its form, None where something is wrong with it."""
    if not isinstance(tensor, Mapping) or not isinstance(tensor.get("name"), str):
        mistakes.add(f"input {place} must be {{name, shape, datatype, data}}")
        return None
    what, shape = f"input {tensor['name']!r:.80}", tensor.get("shape")
    is_shape = isinstance(shape, list) and 1 <= len(shape) <= 2 and all(_is_size(size) for size in shape)
    if not is_shape:
        mistakes.add(f"shape of {what} must be [n] or [n, k], got {shape!r:.80}")
    if tensor.get("datatype") not in DATATYPES:
        mistakes.add(f"datatype of {what} must be one of {', '.join(sorted(DATATYPES))}, "
                     f"got {tensor.get('datatype')!r:.80}")  # fmt: skip
        return None
    if not isinstance(tensor.get("data"), list):
        mistakes.add(f"data of {what} must be a list")
        return None
    return tuple(shape) if is_shape and isinstance(shape, list) else None


def _is_size(size: Any) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= 10_000_000


def _add_columns(
    columns: dict[str, list[Any]],
    tensor: Mapping[str, Any],
    shape: tuple[int, ...],
    mapping: FieldMapping,
    mistakes: Mistakes,
    *,
    is_only: bool,
) -> None:
    name, n = tensor["name"], shape[0]
    width = shape[1] if len(shape) > 1 else 1
    data = _flat(tensor["data"])
    if len(data) != n * width:
        mistakes.add(f"input {name!r:.80} of shape {list(shape)} has {len(data)} values, not {n * width}")
        return
    wrong = next((value for value in data if not _fits(value, tensor["datatype"])), None)
    if wrong is not None:
        mistakes.add(f"input {name!r:.80} holds {wrong!r:.60}, which is no {tensor['datatype']}")
        return
    rows = [data[start : start + width] for start in range(0, len(data), width)] if width else []
    for field, values in _named(name, width, rows, mapping, is_only=is_only, mistakes=mistakes):
        if field in columns:
            mistakes.add(f"two inputs feed the field {field!r:.80}")
        columns[field] = values


def _named(
    name: str, width: int, rows: list[list[Any]], mapping: FieldMapping, *, is_only: bool, mistakes: Mistakes
) -> list[tuple[str, list[Any]]]:
    """The fields of records that an input feeds, with the value of each record."""
    sources = [feed.source for feed in mapping.feeds]
    if mapping.array_field is not None and (is_only or name == mapping.array_field):
        return [(mapping.array_field, list(rows))]
    fields = [name] if width == 1 else [f"{name}[{place}]" for place in range(width)]
    if not set(fields) <= set(sources):
        if not is_only or width != len(sources):
            known = ", ".join(sources[:20])
            mistakes.add(f"input {name!r:.80} has {width} values a record; the fields are {known}")
            return []
        fields = sources
    return [(field, [row[place] for row in rows]) for place, field in enumerate(fields)]


def _flat(data: list[Any]) -> list[Any]:
    """The values, which may be nested once: a list for each record."""
    if any(isinstance(value, list) for value in data):
        return [inner for value in data for inner in (value if isinstance(value, list) else [value])]
    return data


def _fits(value: Any, datatype: str) -> bool:
    if value is None:
        return True  # a missing value: for the mapping to judge
    if datatype == "BOOL":
        return isinstance(value, bool)
    if datatype == "BYTES":
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if datatype.startswith("FP"):
        return True
    bits = int(datatype.lstrip("UINT"))
    low, high = (0, 2**bits) if datatype.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    return isinstance(value, int) and low <= value < high
