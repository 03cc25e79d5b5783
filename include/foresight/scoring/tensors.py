"""Models that compute on arrays: columns become tensors, tensors become columns, bad rows stay outside.

A runtime says which tensors its model takes and gives a function from tensors to arrays; the rest of the
contract of ``foresight.scoring.model`` is here, once for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foresight.scoring.errors import InvalidMapping, InvalidModel, UnsupportedModel
from foresight.scoring.model import InputField, OutputField, Scored, Signature

MAX_FIELDS: Final = 20_000
"""Most numbers that one record may feed, or one prediction hold."""

Arrays = dict[str, NDArray[Any]]
Run = Callable[[Arrays], Mapping[str, Any]]
"""From tensors ``[m, *shape]`` by name to outputs by name: arrays ``[m, …]``, or m mappings of numbers."""

_TYPES: Final = {"f": "double", "i": "integer", "u": "integer", "b": "boolean", "O": "string", "U": "string"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input of a model: ``shape`` is that of one record, ``values`` those that it accepts (empty: any).

    ``allows_missing``: the model can be given NaN or None; ``is_mandatory``: it has no rule for it.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...] = ()
    values: tuple[str, ...] = ()
    allows_missing: bool = False
    is_mandatory: bool = True

    @property
    def fields(self) -> list[str]:
        """The names of its numbers: its own for a single one, ``name[0]``, ``name[0][1]`` for more."""
        return spread_names(self.name, self.shape)


def spread_names(name: str, shape: tuple[int, ...]) -> list[str]:
    """A name for each number of an array of this shape."""
    if math.prod(shape) == 1:
        return [name]
    return [name + "".join(f"[{place}]" for place in index) for index in np.ndindex(*shape)]


class TensorModel:
    """A model behind the contract; ``run`` sees complete records only, at least one of them."""

    decisions = None

    def __init__(self, kind: str, tensors: Sequence[Tensor], run: Run) -> None:
        """Scores one record of zeros, so that what the model gives is known and that it runs at all."""
        self.kind, self._tensors, self._run = kind, tuple(tensors), run
        size = sum(math.prod(tensor.shape) for tensor in self._tensors)
        if not 1 <= size <= MAX_FIELDS:
            raise UnsupportedModel(f"a model with {size} input fields", f"is not run: 1 to {MAX_FIELDS} are")
        self._sample = self._columns_of(run({tensor.name: _zeros(tensor) for tensor in self._tensors}), 1)
        outputs = [OutputField(name, _TYPES[values.dtype.kind]) for name, values in self._sample.items()]
        if not 1 <= len(outputs) <= MAX_FIELDS:
            raise UnsupportedModel(
                f"a model with {len(outputs)} outputs", f"is not run: 1 to {MAX_FIELDS} are"
            )
        self.signature = Signature(tuple(_inputs(self._tensors)), tuple(outputs))

    def predict(self, columns: Mapping[str, NDArray[Any]]) -> Scored:
        """Score n records; see ``ScoringModel``."""
        lengths = {len(column) for column in columns.values()}
        if len(lengths) > 1:
            raise InvalidMapping(f"columns of different lengths: {sorted(lengths)}")
        n = lengths.pop() if lengths else 0
        wrong: dict[int, list[str]] = {}
        arrays = {tensor.name: _gather(tensor, columns, n, wrong) for tensor in self._tensors}
        good = np.array([place for place in range(n) if place not in wrong], np.int64)
        if wrong:
            arrays = {name: values[good] for name, values in arrays.items()}
        found = self._columns_of(self._run(arrays), len(good)) if len(good) else self._empty()
        if set(found) != set(self._sample):
            raise InvalidModel(f"the model gave {', '.join(found)}, and {', '.join(self._sample)} before")
        if wrong:
            found = {name: _scattered(values, good, n) for name, values in found.items()}
        return Scored(found, {place: "; ".join(reasons) for place, reasons in sorted(wrong.items())})

    def _empty(self) -> Arrays:
        return {name: values[:0] for name, values in self._sample.items()}

    def _columns_of(self, outputs: Mapping[str, Any], n: int) -> Arrays:
        columns: Arrays = {}
        for name, given in outputs.items():
            columns |= _spread(name, given, n)
        return columns


def _inputs(tensors: Sequence[Tensor]) -> list[InputField]:
    names = [name for tensor in tensors for name in tensor.fields]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InvalidModel(f"inputs of the same name: {', '.join(twice[:10])}")
    return [
        InputField(name, _TYPES[tensor.dtype.kind], tensor.is_mandatory, tensor.values)
        for tensor in tensors
        for name in tensor.fields
    ]


def _zeros(tensor: Tensor) -> NDArray[Any]:
    if tensor.dtype.kind == "O":
        return np.full((1, *tensor.shape), tensor.values[0] if tensor.values else "", object)
    return np.zeros((1, *tensor.shape), tensor.dtype)


def _gather(
    tensor: Tensor, columns: Mapping[str, NDArray[Any]], n: int, wrong: dict[int, list[str]]
) -> NDArray[Any]:
    """The tensor of n records; rows that cannot be are noted in ``wrong``."""
    fields = tensor.fields
    kind = tensor.dtype.kind
    flat = np.empty((n, len(fields)), object if kind == "O" else tensor.dtype)
    for place, field in enumerate(fields):
        given = columns.get(field)
        if given is None:
            given = np.full(n, np.nan)
        flat[:, place] = _texts(given) if kind == "O" else _numbers(given, tensor.dtype, field, wrong)
        if not tensor.allows_missing:
            for row in np.flatnonzero(_is_missing(given)):
                wrong.setdefault(int(row), []).append(f"{field} is missing")
    return flat.reshape(n, *tensor.shape)


def _is_missing(given: NDArray[Any]) -> NDArray[np.bool_]:
    if given.dtype.kind == "f":
        return np.asarray(np.isnan(given))
    if given.dtype.kind != "O":
        return np.zeros(len(given), np.bool_)
    return np.array([value is None or value != value for value in given.tolist()], np.bool_)


def _texts(given: NDArray[Any]) -> NDArray[Any]:
    texts = np.empty(len(given), object)
    texts[:] = [None if value is None or value != value else str(value) for value in given.tolist()]
    return texts


def _numbers(
    given: NDArray[Any], dtype: np.dtype[Any], field: str, wrong: dict[int, list[str]]
) -> NDArray[Any]:
    """Numbers of the type of the tensor; 0 in rows that are wrong or, in whole numbers, missing."""
    values = given.astype(np.float64) if given.dtype.kind in "fiub" else _parsed(given, field, wrong)
    with np.errstate(over="ignore", invalid="ignore"):
        if dtype.kind == "f":
            made = values.astype(dtype)
            bad = np.isinf(made)
        else:
            low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
            bad = ~((values == np.floor(values)) & (values >= low) & (values <= float(high))) & ~np.isnan(
                values
            )
            bad |= values >= 2.0**63
            made = np.where(bad | np.isnan(values), 0, values).astype(dtype)
    for row in np.flatnonzero(bad):
        wrong.setdefault(int(row), []).append(f"{field} = {values[row]:g} is not a {dtype.name}")
    return made


def _parsed(given: NDArray[Any], field: str, wrong: dict[int, list[str]]) -> NDArray[np.float64]:
    values = np.full(len(given), np.nan)
    for row, value in enumerate(given.tolist()):
        if value is None:
            continue
        try:
            values[row] = float(value)
        except (TypeError, ValueError, OverflowError):
            values[row] = 0.0
            wrong.setdefault(row, []).append(f"{field} = {value!r:.60} is not a number")
    return values


def _spread(name: str, given: Any, n: int) -> Arrays:
    """An output as columns: one, or one for each number of a record."""
    if isinstance(given, list) and all(isinstance(one, Mapping) for one in given):
        labels = list(given[0]) if given else []
        if len(given) != n or any(len(one) != len(labels) for one in given):
            raise InvalidModel(f"output {name} gives {len(given)} mappings for {n} records")
        return {f"{name}({label})": np.array([one[label] for one in given], np.float64) for label in labels}
    array = np.asarray(given)
    if array.ndim == 0 or array.shape[0] != n:
        raise InvalidModel(f"output {name} is of shape {array.shape}, not one row for each of {n} records")
    if array.dtype.kind not in _TYPES:
        raise UnsupportedModel(f"output {name} of type {array.dtype}")
    if math.prod(array.shape[1:]) > MAX_FIELDS:
        raise UnsupportedModel(f"output {name} with {math.prod(array.shape[1:])} numbers a record")
    flat = array.reshape(n, -1)
    if flat.dtype.kind == "f":
        flat = flat.astype(np.float64)
    return {
        label: np.ascontiguousarray(flat[:, place])
        for place, label in enumerate(spread_names(name, array.shape[1:]))
    }


def _scattered(values: NDArray[Any], good: NDArray[np.int64], n: int) -> NDArray[Any]:
    """The values in the rows that were scored; NaN or None in the others."""
    whole: NDArray[Any] = np.full(n, np.nan) if values.dtype.kind == "f" else np.full(n, None, object)
    whole[good] = values.tolist() if whole.dtype.kind == "O" else values
    return whole
