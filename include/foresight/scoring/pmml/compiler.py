"""From elements to a model: schema, transformations, the algorithm, targets, outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.pmml import (
    bayes,
    clustering,
    general_regression,
    mining,
    neighbors,
    network,
    regression,
    rules,
    scorecard,
    svm,
    tree,
)
from foresight.scoring.pmml.dictionary import DataField, MiningField, read_dictionary, read_schema
from foresight.scoring.pmml.frame import Compute, FieldType, Frame, Problems, Scope, frame_of
from foresight.scoring.pmml.outputs import OutputField, read_outputs
from foresight.scoring.pmml.result import Algorithm, Result, Subject
from foresight.scoring.pmml.single import Single
from foresight.scoring.pmml.targets import Target, read_targets
from foresight.scoring.pmml.transformations import read_derived, read_functions, used_fields
from foresight.scoring.pmml.values import Column, cast, constant, encode
from foresight.scoring.pmml.vocabulary import REFUSED, check
from foresight.scoring.pmml.xml import Element

READERS: Mapping[str, Callable[[Element, Subject], Algorithm]] = {
    "TreeModel": tree.read,
    "RegressionModel": regression.read,
    "GeneralRegressionModel": general_regression.read,
    "MiningModel": mining.read,
    "Scorecard": scorecard.read,
    "RuleSetModel": rules.read,
    "ClusteringModel": clustering.read,
    "NaiveBayesModel": bayes.read,
    "NearestNeighborModel": neighbors.read,
    "NeuralNetwork": network.read,
    "SupportVectorMachineModel": svm.read,
}
_NOT_MODELS = {"DataDictionary", "MiningBuildTask", "TransformationDictionary"}
_FUNCTIONS = {"classification", "regression", "clustering", "mixed"}
_VERSIONS = ("3.", "4.")


@dataclass(slots=True)
class Model:
    """One model element, compiled; those inside others too."""

    tag: str
    subject: Subject
    fields: list[MiningField]
    derived: dict[str, Compute]
    algorithm: Algorithm
    targets: dict[str, Target]
    outputs: list[OutputField]

    @property
    def output_types(self) -> dict[str, FieldType]:
        """What other segments of a chain find: the outputs, those of models inside too."""
        return {**self.subject.handed_on, **{o.name: self.subject.scope.fields[o.name] for o in self.outputs}}

    @property
    def final_types(self) -> dict[str, FieldType]:
        """The outputs that are results of the whole document."""
        mine = {o.name: self.subject.scope.fields[o.name] for o in self.outputs if o.is_final}
        return {**self.subject.handed_on, **mine}

    @property
    def width(self) -> int:
        """About how many columns its evaluation holds at a time."""
        own = len(self.derived) + len(self.outputs) + len(self.subject.target_type.values)
        return own + 1 + int(getattr(self.algorithm, "width", 0))

    @property
    def algorithm_is_class(self) -> bool:
        """Whether the answer is a class or a cluster."""
        return self.subject.function in {"classification", "clustering", "mixed"}

    @property
    def is_plain(self) -> bool:
        """Whether the algorithm reads the fields as they come, and nothing follows it."""
        return not (
            self.derived or self.targets or self.outputs or any(f.changes_values for f in self.fields)
        )

    def alone(self, columns: Mapping[str, Any], n: int) -> tuple[Result, Problems]:
        """The answer of a model inside others to n records of its own fields; others are missing."""
        problems = Problems()
        frame, prepared = Frame(n, problems), {}
        for field in self.fields:
            raw = columns.get(field.name, np.full(n, None))
            if field.is_input and field.data is not None:
                prepared[field.name] = field.prepare(raw, frame)
            elif field.is_input:
                prepared[field.name] = encode(raw, field.data_type).column
        return self.evaluate(frame_of(self.subject.scope.parent, problems, prepared, n)), problems

    def evaluate(self, outside: Frame) -> Result:
        """The answer inside a frame whose fields are prepared."""
        frame = outside.inner(self.derived)
        for field in self.fields:
            if field.is_input and field.changes_values:
                frame.columns[field.name] = self._again(field, outside.column(field.name), frame)
        return self.finish(self.algorithm.evaluate(frame), frame)

    def _again(self, field: MiningField, column: Column, frame: Frame) -> Column:
        if field.data is not None and field.invalid_treatment in {"asMissing", "asValue"}:
            return field.prepare(column.texts() if column.is_text else column.values, frame)
        return field.treat(column, frame)

    def finish(self, result: Result, frame: Frame) -> Result:
        """Targets, then outputs."""
        if self.subject.displays:
            result = replace(result, displays={**result.displays, **self.subject.displays})
        target = self.targets.get(self.subject.target or "") or self.targets.get("")
        result = self._finish(result, target, self.subject.target, self.subject.target_type)
        for name, part in result.targets.items():
            kind = self.subject.others.get(name, self.subject.target_type)
            result.targets[name] = self._finish(part, self.targets.get(name), name, kind)
        if self.outputs:
            self._put_outputs(result, frame)
        return result

    def _finish(self, result: Result, target: Target | None, name: str | None, kind: FieldType) -> Result:
        if target is not None:
            result = target.apply(result)
        # A whole-number target does not make a regression round: castInteger does.
        casts = name is not None and kind.data_type not in {"integer", "float"}
        if casts and result.value.data_type != kind.data_type:
            result = replace(result, value=cast(result.value, kind.data_type))
        return result

    def _put_outputs(self, result: Result, frame: Frame) -> None:
        for part in result.segments.values():
            for name, column in part.outputs.items():
                frame.columns.setdefault(name, column)
        if self.subject.target is not None:
            result.actual = frame.columns.get(self.subject.target)
            frame.columns.setdefault(self.subject.target, result.value)
        for name, part in result.targets.items():
            part.actual = frame.columns.get(name)
            frame.columns.setdefault(name, part.value)
        for out in self.outputs:
            result.outputs[out.name] = frame.columns[out.name] = out.column(result, frame, self.subject)


Verification = tuple[Model, Element]
"""A model and the records that it must answer."""


@dataclass
class Document:
    """A whole PMML document: its first model, ready to score."""

    version: str
    model: Model
    dictionary: dict[str, DataField]
    derived: dict[str, Compute]
    verifications: list[Verification]
    singles: Mapping[str, Single]
    needed: tuple[str, ...]

    @property
    def inputs(self) -> list[MiningField]:
        """The fields that a record should bring."""
        return [field for field in self.model.fields if field.is_input and field.data is not None]

    @cached_property
    def width(self) -> int:
        """About how many columns are held at a time."""
        return len(self.model.fields) + len(self.derived) + self.model.width

    def frame(self, columns: Mapping[str, Any], n: int) -> Frame:
        """Prepared fields of n records."""
        problems = Problems()
        outer = Frame(n, problems, derived={**self._unknown_target(), **self.derived})
        for field in self.model.fields:
            if field.data is None:
                continue
            raw = columns.get(field.name)
            if field.is_input:
                outer.columns[field.name] = field.prepare(np.full(n, None) if raw is None else raw, outer)
            elif raw is not None:
                outer.columns[field.name] = field.data.check(raw)[0]
            elif field.name != self.model.subject.target:
                outer.columns[field.name] = constant(None, field.data_type, n)
        return outer

    def _unknown_target(self) -> dict[str, Compute]:
        """A model that asks for its own target finds it missing where the records do not bring it."""
        subject = self.model.subject
        kind = subject.target_type.data_type
        return {} if subject.target is None else {subject.target: lambda frame: constant(None, kind, frame.n)}

    def score(self, columns: Mapping[str, Any], n: int) -> tuple[Result, Problems]:
        """The answer for n records, and what is wrong with some of them."""
        outer = self.frame(columns, n)
        frame = outer.inner(self.model.derived)
        if self.model.subject.target in outer.columns:
            frame.columns[str(self.model.subject.target)] = outer.columns[str(self.model.subject.target)]
        return self.model.finish(self.model.algorithm.evaluate(frame), frame), outer.problems


def compile_document(root: Element) -> Document:
    """A PMML element as a document; raises ``UnsupportedModel`` by element name, or ``InvalidModel``."""
    version = root.get("version")
    if root.tag != "PMML":
        raise InvalidModel(f"the document is a {root.tag[:80]}, not a PMML")
    if not version.startswith(_VERSIONS):
        raise UnsupportedModel("PMML", f"version {version[:20]!r} is not supported, only 3.x and 4.x")
    models = [child for child in root.children if child.tag not in _NOT_MODELS]
    for child in models:
        if child.tag not in READERS and child.tag not in REFUSED:
            raise UnsupportedModel(f"{child.tag[:80]} in PMML")
    if not models:
        raise InvalidModel("the document holds no model")
    model = next((m for m in models if m.flag("isScorable", default=True)), models[0])
    root.children = [child for child in root.children if child is model or child.tag in _NOT_MODELS]
    check(root)
    dictionary = read_dictionary(root.child("DataDictionary"))
    scope = Scope()
    transformations = root.first("TransformationDictionary")
    if transformations is not None:
        read_functions(transformations, scope)
    schema = _schema_names(model)
    for name in schema & dictionary.keys():
        scope.fields[name] = dictionary[name].type
    if transformations is not None:
        read_derived(_usable(transformations.all("DerivedField"), scope), scope)
    verifications: list[Verification] = []
    compiled = _compile(model, scope, dictionary, verifications)
    needed = _needed(transformations, model, scope)
    return Document(version, compiled, dictionary, scope.derived, verifications, scope.singles, needed)


def _usable(elements: list[Element], scope: Scope) -> list[Element]:
    """Global derived fields whose inputs this model has; others belong to other models of the file."""
    known = set(scope.fields)
    names = {element.get("name") for element in elements}
    uses = {id(e): used_fields(e) for e in elements}
    hopeless = {e.get("name") for e in elements if uses[id(e)] - known - names}
    while True:
        more = {e.get("name") for e in elements if uses[id(e)] & hopeless} | hopeless
        if more == hopeless:
            break
        hopeless = more
    return [element for element in elements if element.get("name") not in hopeless]


def _needed(transformations: Element | None, model: Element, scope: Scope) -> tuple[str, ...]:
    """The global derived fields that the model comes to ask for, in their order."""
    elements = [] if transformations is None else transformations.all("DerivedField")
    uses = {element.get("name"): used_fields(element) for element in elements}
    spoken = {value for element in model.walk() for value in element.attributes.values()}
    waiting = [name for name in uses if name in spoken]
    needed = set(waiting)
    while waiting:
        more = (uses[waiting.pop()] & uses.keys()) - needed
        needed |= more
        waiting += more
    return tuple(name for name in scope.derived if name in needed)


def _schema_names(model: Element) -> set[str]:
    schema = model.first("MiningSchema")
    return set() if schema is None else {field.get("name") for field in schema.all("MiningField")}


def _compile(
    element: Element, outside: Scope, dictionary: dict[str, DataField], verifications: list[Verification]
) -> Model:
    if element.tag not in READERS:
        raise UnsupportedModel(element.tag)
    scope = Scope(parent=outside)
    fields = read_schema(element.child("MiningSchema"), dictionary, outside.find)
    for field in fields:
        if field.data is not None:
            scope.fields[field.name] = FieldType(field.data_type, field.optype, field.data.valid)
    parts = (element, element.first("Segmentation"))
    local = [part.first("LocalTransformations") for part in parts if part is not None]
    read_derived([field for part in local if part is not None for field in part.all("DerivedField")], scope)
    targets = read_targets(element)

    def compile_inner(inner: Element, around: Scope) -> Model:
        return _compile(inner, around, dictionary, verifications)

    subject = _subject(element, scope, fields, dictionary, targets, compile_inner)
    algorithm = READERS[element.tag](element, subject)
    lost = [name for name in subject.targets if name != subject.target and name not in subject.others]
    if lost:
        raise UnsupportedModel(
            f"{element.tag} with the target {lost[0][:80]!r}", "is not supported: it answers one"
        )
    outputs = read_outputs(element, scope, subject)
    compiled = Model(element.tag, subject, fields, scope.derived, algorithm, targets, outputs)
    verification = element.first("ModelVerification")
    if verification is not None:
        verifications.append((compiled, verification))
    return compiled


def _subject(
    element: Element,
    scope: Scope,
    fields: list[MiningField],
    dictionary: dict[str, DataField],
    targets: dict[str, Target],
    compile_inner: Callable[[Element, Scope], Model],
) -> Subject:
    names = [field.name for field in fields if field.usage in {"predicted", "target"}]
    target = names[0] if names else next((name for name in targets if name), None)
    function = element.need("functionName")
    if function not in _FUNCTIONS:
        raise UnsupportedModel(f"{element.tag} functionName={function[:40]!r}")
    kind = FieldType("string" if function in {"classification", "clustering"} else "double", "")
    if target is not None and target in dictionary:
        kind = dictionary[target].type
    return Subject(scope, function, target, kind, dictionary, compile_inner, tuple(names))
