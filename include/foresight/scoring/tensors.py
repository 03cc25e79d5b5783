"""Models that compute on arrays: columns become tensors, tensors become columns, bad rows stay outside.

A runtime says which tensors its model takes and gives a function from tensors to arrays; the rest of the
contract of ``foresight.scoring.model`` is here, once for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foresight.scoring.errors import InvalidMapping, InvalidModel, UnsupportedModel
from foresight.scoring.model import OutputField, Scored, Signature
from foresight.scoring.rows import Arrays, Tensor, Wrong, gather, spread_names, zeros

MAX_FIELDS: Final = 20_000
"""Most numbers that one record may feed, or one prediction hold."""

Run = Callable[[Arrays], Mapping[str, Any]]
"""From tensors ``[m, *shape]`` by name to outputs by name: arrays ``[m, …]``, or m mappings of numbers."""

_TYPES: Final = {"f": "double", "i": "integer", "u": "integer", "b": "boolean", "O": "string", "U": "string"}


class TensorModel:
    """A model behind the contract; ``run`` sees complete records only, at least one of them.

    With ``one_by_one``, it sees one record at a time.
    """

    decisions = None

    def __init__(self, kind: str, tensors: Sequence[Tensor], run: Run, *, one_by_one: bool = False) -> None:
        """Scores one record of zeros, so that what the model gives is known and that it runs at all."""
        self.kind, self._tensors, self._run, self._one_by_one = kind, tuple(tensors), run, one_by_one
        n_fields = sum(len(tensor.fields) for tensor in self._tensors if tensor.size <= MAX_FIELDS)
        size = max([n_fields, *(tensor.size for tensor in self._tensors)])
        if not 1 <= size <= MAX_FIELDS:
            raise UnsupportedModel(f"a model with {size} input fields", f"is not run: 1 to {MAX_FIELDS} are")
        self._sample = self._columns_of(run({tensor.name: zeros(tensor) for tensor in self._tensors}), 1)
        outputs = [OutputField(name, _TYPES[values.dtype.kind]) for name, values in self._sample.items()]
        if not 1 <= len(outputs) <= MAX_FIELDS:
            raise UnsupportedModel(
                f"a model with {len(outputs)} outputs", f"is not run: 1 to {MAX_FIELDS} are"
            )
        inputs = [field for tensor in self._tensors for field in tensor.inputs]
        _check_names([field.name for field in inputs])
        self.signature = Signature(tuple(inputs), tuple(outputs))

    def predict(self, columns: Mapping[str, NDArray[Any]]) -> Scored:
        """Score n records; see ``ScoringModel``."""
        lengths = {len(column) for column in columns.values()}
        if len(lengths) > 1:
            raise InvalidMapping(f"columns of different lengths: {sorted(lengths)}")
        n = lengths.pop() if lengths else 0
        wrong: Wrong = {}
        arrays = {tensor.name: gather(tensor, columns, n, wrong) for tensor in self._tensors}
        if not wrong:
            return Scored(self._score(arrays, n))
        good = np.delete(np.arange(n), list(wrong))
        found = self._score({name: values[good] for name, values in arrays.items()}, len(good))
        whole = {name: _scattered(values, good, n) for name, values in found.items()}
        return Scored(whole, {row: self._said(reasons) for row, reasons in sorted(wrong.items())})

    def _said(self, reasons: Mapping[str, str]) -> str:
        """What is wrong with a record, in the order of the inputs, as the check of a record says it."""
        return "; ".join(reasons[field.name] for field in self.signature.inputs if field.name in reasons)

    def _score(self, arrays: Arrays, n: int) -> Arrays:
        """The outputs of n complete records."""
        parts = [self._checked(part, len(rows)) for rows, part in self._parts(arrays, n)]
        if not parts:
            return {name: values[:0] for name, values in self._sample.items()}
        if len(parts) == 1:
            return parts[0]
        order = np.argsort(np.concatenate([rows for rows, _ in self._parts(arrays, n)]), kind="stable")
        return {name: np.concatenate([part[name] for part in parts])[order] for name in self._sample}

    def _parts(self, arrays: Arrays, n: int) -> Iterator[tuple[NDArray[np.int64], Arrays]]:
        """The records in parts that the model takes at once: all, one, or those of equal lengths."""
        free = [tensor.name for tensor in self._tensors if tensor.is_free]
        if self._one_by_one:
            keys: list[Any] = list(range(n))
        elif free:
            keys = [tuple(arrays[name][row].shape for name in free) for row in range(n)]
        else:
            if n:
                yield np.arange(n), arrays
            return
        groups: dict[Any, list[int]] = {}
        for row, key in enumerate(keys):
            groups.setdefault(key, []).append(row)
        for rows in groups.values():
            part = {name: values[rows] for name, values in arrays.items()}
            part |= {name: np.stack(list(part[name])) for name in free}
            yield np.array(rows, np.int64), part

    def _checked(self, arrays: Arrays, n: int) -> Arrays:
        found = self._columns_of(self._run(arrays), n)
        if found.keys() != self._sample.keys():
            gave, before = ", ".join(list(found)[:5]), ", ".join(list(self._sample)[:5])
            raise InvalidModel(
                f"the model gave {len(found)} outputs ({gave}), and {len(self._sample)} ({before}) before: "
                "the size of an output must not depend on the values of a record"
            )
        return found

    def _columns_of(self, outputs: Mapping[str, Any], n: int) -> Arrays:
        columns: Arrays = {}
        for name, given in outputs.items():
            columns |= _spread(name, given, n)
        return columns


def _check_names(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InvalidModel(f"inputs of the same name: {', '.join(twice[:10])}")


def _spread(name: str, given: Any, n: int) -> Arrays:
    """An output as columns: one, or one for each number of a record."""
    if isinstance(given, list) and given and all(isinstance(one, Mapping) for one in given):
        labels = list(given[0])
        if len(given) != n or any(one.keys() != given[0].keys() for one in given):
            raise InvalidModel(f"output {name} gives mappings of different keys, or not one for each record")
        return {f"{name}({label})": np.array([one[label] for one in given], np.float64) for label in labels}
    array = np.asarray(given)
    if array.ndim == 0 or array.shape[0] != n:
        raise InvalidModel(f"output {name} is of shape {array.shape}, not one row for each of {n} records")
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind not in _TYPES:
        raise UnsupportedModel(f"output {name} of type {array.dtype}")
    size = math.prod(array.shape[1:])
    if size > MAX_FIELDS:
        raise UnsupportedModel(
            f"output {name} with {size} numbers a record", f"is not run: 1 to {MAX_FIELDS} are"
        )
    flat = array.reshape(n, size)
    return {label: flat[:, place] for place, label in enumerate(spread_names(name, array.shape[1:]))}


def _scattered(values: NDArray[Any], good: NDArray[np.int64], n: int) -> NDArray[Any]:
    """The values in the rows that were scored; NaN or None in the others."""
    whole: NDArray[Any] = np.full(n, np.nan) if values.dtype.kind == "f" else np.full(n, None, object)
    whole[good] = values.tolist() if whole.dtype.kind == "O" else values
    return whole
