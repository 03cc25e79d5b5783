"""Rows of tensors from columns, judged as the check of single records judges them.

Columns of numbers are judged at once; every other column value by value, by ``check_value`` itself, so that
a record, a bundle and a column get the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from foresight.scoring.mapping import check_value
from foresight.scoring.model import Bounds, InputField
from foresight.scoring.plain_values import NUMBERS, is_nan, kind_of, shown, typed

Arrays = dict[str, NDArray[Any]]
Wrong = dict[int, dict[str, str]]
"""By row, what is wrong with it, by field."""

LIST_OF: Final = "list of "
"""So begins the type of a field that holds a list."""
MAX_LENGTH: Final = 100_000
"""Most numbers of a list of free length."""
_SMALL: Final = 60_000.0
"""A number that every type of floating point holds."""
_NEAR: Final = 65_536
"""Numbers that are laid out together."""
_TYPES: Final = {"f": "double", "i": "integer", "u": "integer", "b": "boolean", "O": "string"}


@dataclass(frozen=True)
class Tensor:
    """An input of a model: ``shape`` is that of one record, ``values`` those that it accepts (empty: any).

    A dimension of None has any length: then the record gives one list under the name of the tensor.
    ``allows_missing``: the model can be given NaN or None; ``is_mandatory``: it has no rule for it.
    ``takes_truth``: a number may be given as true or false, for the model was fitted with such columns too.
    ``is_unused``: the model drops it, so it may be anything.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...] = ()
    values: tuple[str | float, ...] = ()
    allows_missing: bool = False
    is_mandatory: bool = True
    takes_truth: bool = False
    is_unused: bool = False

    @property
    def is_free(self) -> bool:
        """Whether a dimension has any length."""
        return None in self.shape

    @property
    def size(self) -> int:
        """Numbers of one record, free dimensions left out."""
        return math.prod(size for size in self.shape if size is not None)

    @cached_property
    def fields(self) -> list[str]:
        """The names of its numbers: its own for a single one, ``name[0]``, ``name[0][1]`` for more."""
        return [self.name] if self.is_free else spread_names(self.name, self.shape)

    @cached_property
    def inputs(self) -> list[InputField]:
        """Its numbers as fields of a signature."""
        data_type = _TYPES[self.dtype.kind]
        if self.is_free:
            list_type, name = LIST_OF + data_type, self.dtype.name
            return [ListField(self.name, list_type, self.is_mandatory, (), (), False, self.shape, name)]
        kind = UnusedField if self.is_unused else TruthField if self.takes_truth else TensorField
        bounds = _bounds(self.dtype)
        return [
            kind(
                name, data_type, self.is_mandatory, self.values, bounds, self.allows_missing, self.dtype.name
            )
            for name in self.fields
        ]


@dataclass(frozen=True, slots=True)
class TensorField(InputField):
    """A number, text or truth value of a tensor: NaN is missing, for texts too.

    ``dtype`` names the type of the tensor, which may hold less than the type of the field.
    """

    dtype: str = "float64"

    def check(self, raw: Any) -> tuple[Any, str] | None:
        """See ``InputField``."""
        if is_nan(raw):
            return None, ""
        if self.data_type not in NUMBERS or (type(raw) is float and -_SMALL < raw < _SMALL):
            return None
        value, reason = typed(raw, self.data_type)
        if reason or value is None or _fits(value, np.dtype(self.dtype)):
            return None
        return None, f"= {shown(raw)} is not {'an' if self.dtype[0] == 'i' else 'a'} {self.dtype}"


@dataclass(frozen=True, slots=True)
class ListField(InputField):
    """A list of any length, as a list or as JSON text; ``shape`` holds None where a dimension is free."""

    shape: tuple[int | None, ...] = ()
    dtype: str = "float64"

    def check(self, raw: Any) -> tuple[Any, str]:
        """See ``InputField``; a list comes out as an array."""
        if is_nan(raw):
            return None, ""
        value = _read_list(raw) if isinstance(raw, str) else raw
        if not isinstance(value, list | tuple | np.ndarray):
            return None, f"= {shown(raw)} is {kind_of(raw)}, not a list"
        return _list(Tensor(self.name, np.dtype(self.dtype), self.shape), value)


class UnusedField(TensorField):
    """A field that the model drops: whatever it is, it is as good as missing."""

    __slots__ = ()

    def check(self, raw: Any) -> tuple[Any, str]:  # noqa: ARG002 (whatever it is)
        """See ``InputField``."""
        return None, ""


class TruthField(TensorField):
    """A number that may be given as true or false: 1 or 0."""

    __slots__ = ()

    def check(self, raw: Any) -> tuple[Any, str] | None:
        """See ``InputField``."""
        return (float(raw), "") if isinstance(raw, bool | np.bool_) else TensorField.check(self, raw)


def _read_list(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _bounds(dtype: np.dtype[Any]) -> tuple[Bounds, ...]:
    """Those of short whole numbers; longer ones have margins that a float cannot say."""
    if dtype.kind not in "iu" or dtype.itemsize > 4:
        return ()
    info = np.iinfo(dtype)
    return (Bounds(float(info.min), float(info.max)),)


def spread_names(name: str, shape: tuple[Any, ...]) -> list[str]:
    """A name for each number of an array of this shape."""
    if math.prod(shape) == 1:
        return [name]
    return [name + "".join(f"[{place}]" for place in index) for index in np.ndindex(*shape)]


def zeros(tensor: Tensor) -> NDArray[Any]:
    """One record of zeros, or of the first value that is allowed."""
    shape = (1, *(1 if size is None else size for size in tensor.shape))
    if tensor.values:
        return np.full(shape, tensor.values[0], tensor.dtype)
    return np.full(shape, "", object) if tensor.dtype.kind == "O" else np.zeros(shape, tensor.dtype)


def gather(tensor: Tensor, columns: Mapping[str, NDArray[Any]], n: int, wrong: Wrong) -> NDArray[Any]:
    """The tensor of n records; rows that cannot be are noted in ``wrong``."""
    if tensor.is_free:
        return _lists(tensor, columns.get(tensor.name), n, wrong)
    if tensor.is_unused:
        return np.zeros((n, *(size or 0 for size in tensor.shape)), tensor.dtype)
    made = []
    for field in tensor.inputs:
        given = columns.get(field.name)
        if given is None:
            given = np.full(n, np.nan)
        is_plain = given.dtype.kind == "f" == tensor.dtype.kind and not tensor.values
        made.append(given if is_plain else _column(tensor, field, given, wrong))
    flat = _beside(made, n, tensor.dtype)
    if tensor.dtype.kind == "f":
        _check_finite(tensor, flat, columns, wrong)
    return flat.reshape(n, *(size or 0 for size in tensor.shape))


def _beside(columns: list[NDArray[Any]], n: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Columns beside one another, some thousand rows at a time, to stay near the processor."""
    flat = np.empty((n, len(columns)), dtype)
    step = max(_NEAR // max(len(columns), 1), 256)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, n, step):
            for place, column in enumerate(columns):
                flat[start : start + step, place] = column[start : start + step]
    return flat


def _column(tensor: Tensor, field: InputField, given: NDArray[Any], wrong: Wrong) -> NDArray[Any]:
    """One column as values of the type of the tensor; anything where a row is wrong."""
    kind, wanted = given.dtype.kind, tensor.dtype.kind
    if kind in "iu" and wanted == "f" and not field.values:
        return given
    if kind == wanted == "b":
        return given
    if kind in "fiu" and wanted in "iu":
        return _whole(tensor, field, given, wrong)
    values = given.tolist()
    if wanted == "O" and not field.values and set(map(type, values)) <= {str}:
        return _objects(values)
    found = [_checked(tensor, field, value, row, wrong) for row, value in enumerate(values)]
    return _objects(found) if wanted == "O" else np.array(found, tensor.dtype)


def _checked(tensor: Tensor, field: InputField, value: Any, row: int, wrong: Wrong) -> Any:
    """A value as the model wants it; a substitute, and a note, for one that cannot be."""
    stand_in: Any = None if tensor.dtype.kind == "O" else math.nan if tensor.dtype.kind == "f" else 0
    found: Any
    found, reason = (None, "") if value is None else check_value(value, field)
    if found is None and not reason:
        if not tensor.allows_missing:
            wrong.setdefault(row, {})[field.name] = f"{field.name} is missing"
        return stand_in
    if reason:
        wrong.setdefault(row, {})[field.name] = f"{field.name} {reason}"
        return stand_in
    return found


def _fits(value: float, dtype: np.dtype[Any]) -> bool:
    if dtype.kind == "f":
        return abs(value) <= float(np.finfo(dtype).max)
    info = np.iinfo(dtype)
    return int(info.min) <= value <= int(info.max)


def _whole(tensor: Tensor, field: InputField, given: NDArray[Any], wrong: Wrong) -> NDArray[Any]:
    """Numbers as whole numbers of the tensor."""
    info = np.iinfo(tensor.dtype)
    if given.dtype.kind == "f":
        # The largest number of 64 bits is no float; the first one beyond it is.
        fits = (given == np.floor(given)) & (given >= float(info.min)) & (given < float(int(info.max) + 1))
    else:
        fits = (given >= int(info.min)) & (given <= int(info.max))
    if fits.all():
        return given
    for row in np.flatnonzero(~fits):
        _checked(tensor, field, given[row].item(), int(row), wrong)
    return np.where(fits, given, 0)


def _check_finite(
    tensor: Tensor, flat: NDArray[Any], columns: Mapping[str, NDArray[Any]], wrong: Wrong
) -> None:
    """Notes the rows whose numbers are missing, infinite, or too large for the type."""
    bad = np.isinf(flat) if tensor.allows_missing else ~np.isfinite(flat)
    if not bad.any():
        return
    for row, place in np.argwhere(bad).tolist():
        field = tensor.inputs[place]
        given = columns.get(field.name)
        if given is None or given.dtype.kind in "fiu":
            value = math.nan if given is None else given[row].item()
            _checked(tensor, field, value, row, wrong)


def _lists(tensor: Tensor, given: NDArray[Any] | None, n: int, wrong: Wrong) -> NDArray[Any]:
    """Arrays of the shape of the tensor, one a record, in an array of objects."""
    found = np.empty(n, object)
    (field,) = tensor.inputs
    values: Any = [None] * n if given is None else list(given)
    for row, value in enumerate(values):
        found[row], reason = (None, "") if value is None else check_value(value, field)
        if found[row] is None:
            wrong.setdefault(row, {})[tensor.name] = f"{tensor.name} {reason or 'is missing'}"
            found[row] = np.zeros([size or 0 for size in tensor.shape], tensor.dtype)
    return found


def _list(tensor: Tensor, value: Any) -> tuple[NDArray[Any] | None, str]:
    """A list as an array of the tensor's type, or what is wrong with it."""
    try:
        raw = np.asarray(value) if len(value) else np.zeros([size or 0 for size in tensor.shape])
    except ValueError:
        return None, "is a list of lists of different lengths"
    wanted = f"a list of shape {[('any' if size is None else size) for size in tensor.shape]}"
    if raw.ndim != len(tensor.shape) or any(
        size not in {None, has} for size, has in zip(tensor.shape, raw.shape, strict=True)
    ):
        return None, f"of shape {list(raw.shape)} is not {wanted}"
    if not 1 <= raw.size <= MAX_LENGTH:
        return None, f"has {raw.size} values, 1 to {MAX_LENGTH} are read"
    item = Tensor(tensor.name, tensor.dtype)
    mistakes: Wrong = {}
    flat = gather(item, {tensor.name: raw.reshape(-1)}, raw.size, mistakes)
    if mistakes:
        row, reasons = next(iter(mistakes.items()))
        return None, f"[{row}]{reasons[tensor.name].removeprefix(tensor.name)}"
    return flat.reshape(raw.shape), ""


def _objects(values: list[Any]) -> NDArray[Any]:
    made = np.empty(len(values), object)
    made[:] = values
    return made
