"""Models over one row: from the fields to an answer. Types that are not here are left to the columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from foresight.scoring.pmml.clustering import Clusters
from foresight.scoring.pmml.forest import Forest
from foresight.scoring.pmml.general_regression import GeneralRegression
from foresight.scoring.pmml.network import Network
from foresight.scoring.pmml.regression import Regression, Table
from foresight.scoring.pmml.single import (
    Answer,
    NotPlain,
    Row,
    Single,
    squared_distances,
    vector,
)
from foresight.scoring.pmml.single_trees import node_of, sums_of
from foresight.scoring.pmml.svm import Machine, Machines
from foresight.scoring.pmml.tree import Tree
from foresight.scoring.pmml.values import Floats

Run = Callable[[Row], Answer]


def single_algorithm(algorithm: Any, texts: frozenset[str]) -> Run | None:
    """The answer of a compiled model for one row; ``texts`` are the inputs that hold texts."""
    build = _BUILDERS.get(type(algorithm))
    return None if build is None else build(algorithm, texts)


def _best(shares: Sequence[float]) -> int:
    """The place of the highest share, the first of equals."""
    best = max(shares)
    if best != best or math.isnan(sum(shares)):
        raise NotPlain
    return shares.index(best)


def _tree(tree: Tree, _texts: frozenset[str]) -> Run | None:
    walk = None if tree.program is None else node_of(tree.program)
    if walk is None:
        return None
    answers = tree.answers
    entities = (
        [None] * len(answers.value.values) if answers.entity is None else answers.entity.texts().tolist()
    )
    if not tree.classes:
        numbers = [
            Answer(value=value, entity=entity)
            for value, entity in zip(answers.value.values.tolist(), entities, strict=True)
        ]
        return _of_node(walk, numbers)
    if answers.probability is None or not answers.value.is_text:
        return None
    place = {label: k for k, label in enumerate(answers.labels)}
    classes = [
        Answer(code=place.get(text, -1), shares=shares, entity=entity)
        for text, shares, entity in zip(
            answers.value.texts().tolist(), answers.probability.tolist(), entities, strict=True
        )
    ]
    return _of_node(walk, classes)


def _of_node(walk: Callable[[Row], int], answers: list[Answer]) -> Run:
    return lambda row: answers[walk(row)]


def _forest(forest: Forest, _texts: frozenset[str]) -> Run | None:
    sums = sums_of(forest)
    if sums is None:
        return None
    divisor = forest.divisor
    if forest.tables[0].ndim == 1:
        return lambda row: Answer(value=sums(row)[0] / divisor)

    def classify(row: Row) -> Answer:
        shares = [total / divisor for total in sums(row)]
        return Answer(code=_best(shares), shares=shares)

    return classify


def _linear(table: Table) -> Callable[[Row], float] | None:
    if any(not float(exponent).is_integer() for _, exponent, _ in table.numeric):
        return None
    plain = all(exponent == 1 for _, exponent, _ in table.numeric)
    numeric = [(name, int(exponent), weight) for name, exponent, weight in table.numeric]
    tables: dict[str, dict[Any, list[float]]] = {}
    # Weights of one field's categories are looked up; fields stay in the order of the document.
    for name, value, weight in table.categorical:
        tables.setdefault(name, {}).setdefault(value, []).append(weight)
    in_order = [name for name, _, _ in table.categorical]
    if any(len(weights) > 1 for found in tables.values() for weights in found.values()) or in_order != [
        name for name in tables for _ in tables[name]
    ]:
        return None
    categorical = [(name, {v: w[0] for v, w in found.items()}) for name, found in tables.items()]
    terms, intercept = table.terms, table.intercept

    def compute(row: Row) -> float:
        total = intercept
        for name, exponent, weight in numeric:
            total += weight * row[name] if plain else weight * row[name] ** exponent
        for name, weights in categorical:
            total += weights.get(row[name], 0.0)
        for names, weight in terms:
            product = weight
            for name in names:
                product *= row[name]
            total += product
        return total

    return compute


def _regression(model: Regression, _texts: frozenset[str]) -> Run | None:
    computes = [_linear(table) for table in model.tables]
    known = [compute for compute in computes if compute is not None]
    if model.single or len(known) < len(computes):
        return None
    if not model.classes:
        compute, inverse = known[0], model.inverse
        return lambda row: Answer(value=float(inverse(compute(row))))

    def classify(row: Row) -> Answer:
        shares = model.shares(np.array([[compute(row) for compute in known]]))[0].tolist()
        return Answer(code=_best(shares), shares=shares)

    return classify


def _general(model: GeneralRegression, _texts: frozenset[str]) -> Run | None:
    if model.classes or model.kind == "CoxRegression" or isinstance(model.offset, str):
        return None
    if isinstance(model.trials, str) or any(
        None in model.single_factors.get(p, ()) for p, _ in _cells(model)
    ):
        return None
    parts = [(beta, model.single_factors.get(parameter, [])) for parameter, beta in _cells(model)]
    generalized = model.kind == "generalizedLinear"
    inverse: Callable[[Any], Any] = model.inverse
    offset, trials = float(model.offset), float(model.trials)

    def compute(row: Row) -> Answer:
        total = 0.0
        for beta, factors in parts:
            product = beta
            for factor in factors:
                product *= factor(row)  # type: ignore[misc]
            total += product
        return Answer(value=float(inverse(total + offset) * trials) if generalized else total)

    return compute


def _cells(model: GeneralRegression) -> list[tuple[str, float]]:
    return model.weights.get(None, [])


def _singles(given: Sequence[Single | None]) -> list[Single] | None:
    known = [single for single in given if single is not None]
    return known if len(known) == len(given) else None


def _network(model: Network, texts: frozenset[str]) -> Run | None:
    inputs = _singles(model.singles)
    if inputs is None or len(model.answers) > 1:
        return None
    read, answer = vector(inputs, texts), model.answers[0]
    run = _layers(model, len(inputs))

    def compute(row: Row) -> Answer:
        with np.errstate(all="ignore"):
            found = run(read(row)[None])
        if not answer.labels:
            return Answer(value=float(answer.inverse(np.array(found[:1]))[0]))
        if len(found) == 1 and len(answer.labels) == 2:
            found.append(1.0 - found[0])
        code = _best(found)
        return Answer(code=code, shares=found, entity=answer.ids[code if len(answer.ids) > 1 else 0])

    return compute


def _layers(model: Network, n_inputs: int) -> Callable[[Floats], list[float]]:
    """The values of the output neurons from those of the inputs ``[1, n_inputs]``."""
    layers, columns = model.layers, model.answers[0].columns
    sizes = [n_inputs, *(len(layer.bias) for layer in layers)]
    first = sum(sizes[:-1])
    if all(_follow_each_other(model, n_inputs)) and min(columns) >= first:
        last = [column - first for column in columns]

        def straight(values: Floats) -> list[float]:
            for layer in layers:
                values = layer.activate(values)
            row = values[0].tolist()
            return [row[column] for column in last]

        return straight

    def across(values: Floats) -> list[float]:
        for layer in layers:
            values = np.concatenate((values, layer.evaluate(values)), axis=1)
        row = values[0].tolist()
        return [row[column] for column in columns]

    return across


def _follow_each_other(model: Network, n_inputs: int) -> list[bool]:
    """Whether each layer takes all values of the layer before it, in order."""
    start, stop, found = 0, n_inputs, list[bool]()
    for layer in model.layers:
        found.append(layer.inputs == tuple(range(start, stop)))
        start, stop = stop, stop + len(layer.bias)
    return found


_NEAR_ENOUGH: Final = 1e-9
"""Relative difference below which the rounding of a sum could decide: the columns have the last word."""


def _machines(model: Machines, texts: frozenset[str]) -> Run | None:
    inputs = _singles(model.singles)
    if inputs is None:
        return None
    values = [_machine(machine, model, inputs, texts) for machine in model.machines]
    if not model.classes:
        return lambda row: Answer(value=values[0](row))
    if model.method == "OneAgainstAll":
        return None
    places = {label: place for place, label in enumerate(model.labels)}
    duels = [
        (
            value,
            model.threshold if machine.threshold is None else machine.threshold,
            (places[machine.target], places[machine.alternate])[:: 1 if model.above_wins(machine) else -1],
        )
        for value, machine in zip(values, model.machines, strict=True)
    ]
    width = len(places)

    def compute(row: Row) -> Answer:
        votes = [0.0] * width
        for value, threshold, (above, below) in duels:
            found = value(row)
            if not abs(found - threshold) > _NEAR_ENOUGH * (1.0 + abs(found)):
                raise NotPlain
            votes[above if found > threshold else below] += 1.0
        return Answer(code=_best(votes), shares=[vote / len(duels) for vote in votes], affinity=votes)

    return compute


def _machine(
    machine: Machine, model: Machines, inputs: list[Single], texts: frozenset[str]
) -> Callable[[Row], float]:
    weights, bias = machine.weights, machine.bias
    if model.gamma is not None and len(machine.vectors):
        gamma, distances = -model.gamma, squared_distances(inputs, machine.vectors, texts)

        def radial(row: Row) -> float:
            kernel = distances(row)
            kernel *= gamma
            np.exp(kernel, kernel)
            return float(kernel @ weights) + bias

        return radial
    read = vector(inputs, texts)

    def compute(row: Row) -> float:
        return float(machine.evaluate(read(row)[None], model.kernel)[0])

    return compute


def _clusters(model: Clusters, texts: frozenset[str]) -> Run | None:
    singles = _singles(model.singles)
    if singles is None or not model.is_distance:
        return None
    if not model.is_plain:
        return None
    distances, rooted = squared_distances(singles, model.centres, texts), model.measure == "euclidean"

    def compute(row: Row) -> Answer:
        scores = distances(row).tolist()
        if rooted:
            scores = [math.sqrt(score) for score in scores]
        best = min(scores)
        if best != best or math.isnan(sum(scores)):
            raise NotPlain
        code = scores.index(best)
        return Answer(code=code, affinity=scores, entity=model.ids[code])

    return compute


_BUILDERS: dict[type, Callable[[Any, frozenset[str]], Run | None]] = {
    Tree: _tree,
    Forest: _forest,
    Regression: _regression,
    GeneralRegression: _general,
    Network: _network,
    Machines: _machines,
    Clusters: _clusters,
}
