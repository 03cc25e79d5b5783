"""PMML behind the contract of all model runtimes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresight.scoring.errors import InvalidMapping, InvalidModel
from foresight.scoring.model import Bounds, InputField, OutputField, Scored, Signature
from foresight.scoring.pmml.compiler import Document, Model, compile_document
from foresight.scoring.pmml.dictionary import MiningField
from foresight.scoring.pmml.frame import Frame, Problems
from foresight.scoring.pmml.outputs import check_outputs
from foresight.scoring.pmml.program import Program
from foresight.scoring.pmml.python_code import write
from foresight.scoring.pmml.result import Result
from foresight.scoring.pmml.single_document import Predict, single_document
from foresight.scoring.pmml.tree import Tree
from foresight.scoring.pmml.values import Column, Value, parse_constant
from foresight.scoring.pmml.verification import verify
from foresight.scoring.pmml.xml import Element, read_xml

MAX_OUTPUTS = 1000
"""Fields of a prediction."""
MAX_OUTPUT_TEXT = 65_536
"""Characters of a prediction, and of the names of its fields."""
_BLOCK = 20_000_000
"""Values of all columns that are computed at a time."""
PREDICTED = "PredictedValue"
"""The name of the prediction of a model that names no target."""


@dataclass(frozen=True, slots=True)
class TreeDecisions:
    """A tree whose fields reach it as they come, as Python code."""

    program: Program
    predictions: Sequence[Mapping[str, Any]]

    def lines(
        self, variables: Mapping[str, str], end: Callable[[int], str], *, missing: bool
    ) -> list[str] | None:
        """Nested conditions, or None where there would be too many."""
        return write(self.program, variables, end, missing=missing)


class PmmlInput(InputField):
    """An input that knows what its document makes of a value: codes, margins, treatments."""

    judge: Callable[[Any], tuple[Any, str]]

    def __setattr__(self, name: str, value: Any) -> None:
        """Only ``judge`` is set after it is made."""
        object.__setattr__(self, name, value)

    def check(self, raw: Any) -> tuple[Any, str]:
        """The value, None for a missing one, or the reason why the model refuses it."""
        return self.judge(raw)


class PmmlModel:
    """A compiled document; ``answers`` holds every possible answer where those can be counted."""

    kind = "pmml"

    def __init__(self, document: Document) -> None:
        self._document = document
        self.target = document.model.subject.target or PREDICTED
        self._answers = _answers(document)
        inputs = [*map(_input, document.inputs), *_actuals(document)]
        self._empty = document.score({}, 0)[0]
        check_outputs(document.model.outputs, document.model.tag, self._empty)
        self.signature = Signature(tuple(inputs), self._outputs())
        _bound(self.signature)
        self._table: dict[str, NDArray[Any]] = {}
        if self._answers is not None:
            self._table = {name: column.plain() for name, column in self._columns(self._answers).items()}
        self.decisions = self._decisions()
        self.predict_one = self._predict_one()
        """From the values of the inputs, in their order, to a prediction; None where there is no short way.

        It raises, whatever it may be, for values that are not plainly right: ``predict`` says what they are.
        """

    def predict(self, columns: Mapping[str, NDArray[Any]]) -> Scored:
        """Score n records; see ``ScoringModel``."""
        lengths = {len(column) for column in columns.values()}
        if len(lengths) > 1:
            raise InvalidMapping(f"columns of different lengths: {sorted(lengths)}")
        # A model without inputs says the same of every record: of one, where no column tells how many.
        n = lengths.pop() if lengths else int(not self.signature.inputs)
        try:
            # What cannot be computed is NaN, that is missing: nothing to warn of.
            with np.errstate(all="ignore"):
                return self._in_blocks(columns, n)
        except TimeoutError as error:
            raise InvalidModel("a pattern of the model takes too long to match") from error

    def _in_blocks(self, columns: Mapping[str, NDArray[Any]], n: int) -> Scored:
        step = max(_BLOCK // self._document.width, 1)
        if n <= step:
            return self._block(columns, n)
        parts = []
        for start in range(0, n, step):
            part = {name: column[start : start + step] for name, column in columns.items()}
            parts.append(self._block(part, min(step, n - start)))
        errors = {i * step + row: why for i, part in enumerate(parts) for row, why in part.errors.items()}
        return Scored({name: _joined([p.columns[name] for p in parts]) for name in parts[0].columns}, errors)

    def _block(self, columns: Mapping[str, NDArray[Any]], n: int) -> Scored:
        return self._look_up(columns, n) if self._answers is not None else self._compute(columns, n)

    def _look_up(self, columns: Mapping[str, NDArray[Any]], n: int) -> Scored:
        frame = self._document.frame(columns, n)
        walker = _tree(self._document).walker
        assert walker is not None  # noqa: S101 (there are answers only for trees that have one)
        codes = walker.codes(frame.inner(self._document.model.derived))[0]
        found = {name: values[codes] for name, values in self._table.items()}
        return Scored(found, frame.problems.by_row)

    def _compute(self, columns: Mapping[str, NDArray[Any]], n: int) -> Scored:
        result, problems = self._document.score(columns, n)
        written = self._columns(result)
        for row in _too_long([written[out.name] for out in self.signature.outputs]).tolist():
            problems.by_row.setdefault(row, f"its prediction has more than {MAX_OUTPUT_TEXT} characters")
        return Scored({name: column.plain() for name, column in written.items()}, problems.by_row)

    def _outputs(self) -> tuple[OutputField, ...]:
        """The outputs that the document names; without one for the prediction, that too.

        A classification that names none gives the shares of its classes.
        """
        model = self._document.model
        named = {name: kind.data_type for name, kind in model.final_types.items()}
        mine = [out for out in model.outputs if out.is_final]
        if not any(out.feature == "predictedValue" and out.segment is None for out in mine):
            empty = self._empty
            found = {self.target: empty.value.data_type}
            found |= {name: part.value.data_type for name, part in empty.targets.items()}
            if not mine and len(_chances(empty)) < MAX_OUTPUTS:
                found |= dict.fromkeys(map(_chance, _chances(empty)), "double")
            named = {**found, **{name: kind for name, kind in named.items() if name not in found}}
        return tuple(OutputField(name, kind) for name, kind in named.items())

    def _columns(self, result: Result) -> dict[str, Column]:
        model = self._document.model
        found = {self.target: result.value, **{name: part.value for name, part in result.targets.items()}}
        found.update({name: result.outputs[name] for name in model.final_types})
        if not any(out.is_final for out in model.outputs) and len(_chances(result)) < MAX_OUTPUTS:
            for place, label in enumerate(_chances(result)):
                assert result.probability is not None  # noqa: S101 (there are chances)
                found[_chance(label)] = Column(result.probability[:, place], "double")
        return found

    def _predict_one(self) -> Predict | None:
        names = [out.name for out in self.signature.outputs]
        return single_document(self._document, self.target, names, self._empty)

    def _decisions(self) -> TreeDecisions | None:
        if self._answers is None or self._document.derived or self._document.model.derived:
            return None
        program = _tree(self._document).program
        used = {test.atom.field for test in program.tests} if program else set()
        fields = {field.name: field for field in self._document.inputs}
        if program is None or any(name not in fields or not _is_direct(fields[name]) for name in used):
            return None
        table = Scored(self._table)
        predictions = table.records([out.name for out in self.signature.outputs])
        return TreeDecisions(program, predictions)


def _bound(signature: Signature) -> None:
    """Refuse a model whose predictions are much larger than the records that they are for."""
    names = [out.name for out in signature.outputs]
    if len(names) > MAX_OUTPUTS:
        raise InvalidModel(f"{len(names)} outputs, more than the {MAX_OUTPUTS} allowed")
    if sum(map(len, names)) > MAX_OUTPUT_TEXT:
        raise InvalidModel(f"the names of the outputs have more than {MAX_OUTPUT_TEXT} characters")


def _too_long(columns: Sequence[Column]) -> NDArray[np.intp]:
    """The records whose texts come to more characters than a prediction may have."""
    texts = [column for column in columns if column.is_text]
    if sum(max(map(len, column.levels), default=0) for column in texts) <= MAX_OUTPUT_TEXT:
        return np.empty(0, np.intp)
    lengths = [column.lookup(len, 0, np.int64) for column in texts]
    return np.flatnonzero(np.sum(lengths, axis=0) > MAX_OUTPUT_TEXT)


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    if len({part.dtype for part in parts}) > 1:
        parts = [part.astype(object) for part in parts]
    return np.concatenate(parts)


def _chance(label: str) -> str:
    return f"probability({label})"


def _chances(result: Result) -> tuple[str, ...]:
    return () if result.probability is None else result.labels


def _tree(document: Document) -> Tree:
    assert isinstance(document.model.algorithm, Tree)  # noqa: S101 (asked before)
    return document.model.algorithm


def _is_direct(field: MiningField) -> bool:
    """Whether a valid value reaches the tree unchanged, and a missing one too."""
    return (
        field.data_type in {"double", "integer", "string"}
        and field.outliers == "asIs"
        and field.missing_replacement is None
        and field.missing_treatment != "returnInvalid"
        and field.invalid_treatment == "returnInvalid"
        and field.data is not None
        and not field.data.missing
        and not field.data.invalid
        and not (field.data_type == "string" and field.optype == "ordinal")
    )


def _answers(document: Document) -> Result | None:
    """The finished answer of each node, where it does not depend on the record."""
    model = document.model
    tree = model.algorithm
    if (
        not isinstance(tree, Tree)
        or tree.walker is None
        or any(o.feature == "residual" for o in model.outputs)
    ):
        return None
    frame = Frame(len(tree.answers.value.values), Problems())
    try:
        return model.finish(replace(tree.answers, outputs={}), frame)
    except InvalidModel:  # an output looks at the record's fields
        return None


def _actuals(document: Document) -> list[InputField]:
    """The targets, which a record may bring where an output says how far the model is off."""
    subject = document.model.subject
    asked = {out.target or subject.target for out in document.model.outputs if out.feature == "residual"}
    return [
        InputField(name, subject.dictionary[name].data_type, is_mandatory=False)
        for name in (subject.target or "", *subject.others)
        if name in asked and name in subject.dictionary
    ]


def _input(field: MiningField) -> InputField:
    data = field.data
    assert data is not None  # noqa: S101 (inputs are in the dictionary)
    values: tuple[Value, ...] = ()
    bounds: tuple[Bounds, ...] = ()
    if field.invalid_treatment == "returnInvalid":
        values = tuple(dict.fromkeys(parse_constant(text, data.data_type, data.name) for text in data.valid))
        bounds = tuple(
            Bounds(i.left, i.right, i.closure.startswith("open"), i.closure.endswith("Open"))
            for i in data.intervals
        )
    found = PmmlInput(field.name, data.data_type, field.missing_replacement is None, values, bounds)
    found.judge = field.check_one
    return found


def _example(field: MiningField) -> Any:
    """A value that a field may have."""
    data = field.data
    assert data is not None  # noqa: S101 (inputs are in the dictionary)
    if data.valid:
        return data.valid[0]
    if data.data_type in {"date", "time", "dateTime", "timeSeconds"}:
        return "00:00:00" if data.data_type.startswith("time") else "2000-01-01"
    margins = [m for i in data.intervals for m in (i.left, i.right) if math.isfinite(m)]
    return "a" if data.data_type == "string" else (margins or [0.0])[0]


def _try(model: PmmlModel, fields: Sequence[MiningField]) -> None:
    """Score a record without values and one with some: what cannot work at all is found when stored."""
    columns = {field.name: np.array([None, _example(field)], object) for field in fields}
    model.predict(columns or {"": np.array([None, None], object)})


def _verify(model: PmmlModel, document: Document) -> None:
    for part, element in document.verifications:
        if part is not document.model:
            _verify_inner(part, element)
            continue
        outputs = {out.name: out.data_type for out in model.signature.outputs}
        outputs = {model.target: part.subject.target_type.data_type, **outputs}
        inputs = {f.name: f.data_type for f in model.signature.inputs if f.name not in outputs}
        verify(element, inputs, outputs, model.predict)


def _verify_inner(model: Model, element: Element) -> None:
    """Hold a model inside others against its own verification."""
    target = model.subject.target or PREDICTED
    outputs = {name: kind.data_type for name, kind in model.output_types.items()}
    outputs.setdefault(target, model.subject.target_type.data_type)
    inputs = {f.name: f.data_type for f in model.fields if f.is_input and f.name not in outputs}

    def predict(columns: Mapping[str, NDArray[Any]]) -> Scored:
        n = len(next(iter(columns.values())))
        with np.errstate(all="ignore"):
            result, problems = model.alone(columns, n)
        found = {target: result.value, **{name: part.value for name, part in result.targets.items()}}
        found |= result.outputs
        return Scored({name: column.plain() for name, column in found.items()}, problems.by_row)

    verify(element, inputs, outputs, predict)


def load(source: bytes | Path) -> PmmlModel:
    """A PMML document, compiled, tried and held against its own verification.

    Raises ``UnsupportedModel`` or ``InvalidModel``.
    """
    try:
        with np.errstate(all="ignore"):
            document = compile_document(read_xml(source))
            model = PmmlModel(document)
        _try(model, document.inputs)
        _verify(model, document)
    except (RecursionError, MemoryError, OverflowError, ValueError, KeyError, IndexError) as error:
        raise InvalidModel(f"the document contradicts itself: {error}") from error
    return model
