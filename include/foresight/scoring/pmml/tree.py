"""TreeModel: nodes with predicates, every strategy for missing values and for no true child.

Two ways to the same answer. A tree whose record ends in one node is compiled to a decision program
(``program``) and its answers to one table by node. Where a record can end in several nodes at once
(weightedConfidence, aggregateNodes) or is penalised on its way, the nodes are walked with sets of records.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.pmml.frame import Frame
from foresight.scoring.pmml.predicates import TAGS, Compound, Predicate, find_predicate
from foresight.scoring.pmml.program import Program, compile_program
from foresight.scoring.pmml.result import Result, Subject, labels_column, take_result, winners
from foresight.scoring.pmml.values import Column, Flags, Floats, parse_constant, text_column
from foresight.scoring.pmml.walker import Walker
from foresight.scoring.pmml.xml import Element

_MISSING = {
    "lastPrediction",
    "nullPrediction",
    "defaultChild",
    "weightedConfidence",
    "aggregateNodes",
    "none",
}
_EMBEDDED = {"Regression", "DecisionTree"}


@dataclass(slots=True)
class Node:
    """One node; ``children`` and ``default_child`` are places in the tree's list, in document order."""

    id: str
    predicate: Predicate
    score: str | None
    record_count: float
    counts: dict[str, float]
    probabilities: dict[str, float]
    confidences: dict[str, float]
    default_child: int | None = None
    children: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Tree:
    """Nodes and the strategies through them; ``answers`` has a row a node and a last one for none."""

    nodes: list[Node]
    missing: str
    penalty: float
    keeps_last: bool
    answers: Result
    classes: bool
    program: Program | None
    walker: Walker | None

    def evaluate(self, frame: Frame) -> Result:
        """The answer for each record."""
        if self.walker is not None:
            return take_result(self.answers, self.walker.codes(frame)[0])
        return _Walk(self, frame).result()


def read(element: Element, subject: Subject) -> Tree:
    """A TreeModel element."""
    missing = element.get("missingValueStrategy", "none")
    if missing not in _MISSING:
        raise UnsupportedModel(f"TreeModel missingValueStrategy={missing!r}")
    no_true = element.get("noTrueChildStrategy", "returnNullPrediction")
    if no_true not in {"returnNullPrediction", "returnLastPrediction"}:
        raise UnsupportedModel(f"TreeModel noTrueChildStrategy={no_true!r}")
    nodes = _read_nodes(element.child("Node"), subject, missing)
    if subject.is_classification:
        labels = {label for node in nodes for label in (*node.counts, node.score)}
        element.bound_table(len(nodes), len(labels | {*subject.target_type.values}))
    answers = _answers(nodes, subject, "float" if element.is_single else "double")
    penalty = element.number("missingValuePenalty", 1.0)
    keeps_last = no_true == "returnLastPrediction"
    program = None
    if missing not in {"weightedConfidence", "aggregateNodes"} and penalty == 1:
        program = compile_program(nodes, missing, keeps_last)
    walker = None if program is None else Walker([program], subject.scope)
    return Tree(nodes, missing, penalty, keeps_last, answers, subject.is_classification, program, walker)


def _read_nodes(root: Element, subject: Subject, missing: str) -> list[Node]:
    nodes: list[Node] = []
    stack: list[tuple[Element, int | None]] = [(root, None)]
    defaults: list[str | None] = []
    while stack:
        element, parent = stack.pop()
        place = len(nodes)
        if parent is not None:
            nodes[parent].children.append(place)
        nodes.append(_read_node(element, place, subject))
        defaults.append(element.attributes.get("defaultChild"))
        stack.extend((child, place) for child in reversed(element.all("Node")))
    for node, wanted in zip(nodes, defaults, strict=True):
        if wanted is not None:
            node.default_child = next((c for c in node.children if nodes[c].id == wanted), None)
        if missing == "defaultChild" and node.children and node.default_child is None and wanted is not None:
            raise InvalidModel(
                f"Node {node.id[:40]!r}: its defaultChild {wanted[:40]!r} is not one of its children"
            )
    return nodes


def _read_node(element: Element, place: int, subject: Subject) -> Node:
    embedded = element.first(*_EMBEDDED)
    if embedded is not None:
        raise UnsupportedModel(f"{embedded.tag} inside Node")
    rows = element.all("ScoreDistribution")
    counts = {row.need("value"): row.number("recordCount", 0.0) for row in rows}
    score = element.attributes.get("score")
    if score is None and counts and subject.is_classification:
        score = max(counts, key=counts.__getitem__)
    return Node(
        id=element.get("id", str(place + 1)),
        predicate=find_predicate(element, subject.scope) if element.first(*TAGS) else _no_predicate(element),
        score=score,
        record_count=element.number("recordCount", sum(counts.values())),
        counts=counts,
        probabilities={
            row.need("value"): row.number("probability") for row in rows if row.get("probability")
        },
        confidences={row.need("value"): row.number("confidence") for row in rows if row.get("confidence")},
    )


def _no_predicate(element: Element) -> Predicate:
    raise element.broken("has no predicate")


def _answers(nodes: list[Node], subject: Subject, number: str) -> Result:
    entity = text_column([*(node.id for node in nodes), None])
    if not subject.is_classification:
        scores = [
            math.nan if n.score is None else float(parse_constant(n.score, number, "score")) for n in nodes
        ]
        return Result(Column(np.array([*scores, math.nan]), "double"), entity=entity)
    index: dict[str, int] = {}
    for label in subject.target_type.values:
        index.setdefault(label, len(index))
    for node in nodes:
        for label in [*node.counts, *([] if node.score is None else [node.score])]:
            index.setdefault(label, len(index))
    labels = tuple(index)
    shape = (len(nodes) + 1, len(labels))
    probability, confidence = np.full(shape, math.nan), np.full(shape, math.nan)
    for row, node in enumerate(nodes):
        if node.score is not None:
            probability[row] = [_shares(node).get(label, 0.0) for label in labels]
            trust = node.confidences or _shares(node)
            confidence[row] = [trust.get(label, 0.0) for label in labels]
    codes = np.array([*(-1 if n.score is None else index[n.score] for n in nodes), -1], np.intp)
    value = labels_column(codes, labels, subject.target_type.data_type)
    return Result(value, labels, probability=probability, confidence=confidence, entity=entity)


def _shares(node: Node) -> dict[str, float]:
    given = node.probabilities or node.counts
    total = sum(given.values())
    if total > 0:
        return {label: count / total for label, count in given.items()}
    return {} if node.score is None else {node.score: 1.0}


class _Walk:
    """Sets of records on their way through the nodes, with weights and penalties."""

    def __init__(self, tree: Tree, frame: Frame) -> None:
        self._tree, self._frame = tree, frame
        answers, n = tree.answers, frame.n
        self._weight = np.zeros(n)
        self._forked = np.zeros(n, bool)
        self._last = np.full(n, len(tree.nodes), np.intp)
        if tree.classes:
            assert answers.probability is not None  # noqa: S101 (classification trees have it)
            self._counts = np.array(
                [[node.counts.get(label, 0.0) for label in answers.labels] for node in tree.nodes]
            )
            self._probability = np.zeros((n, len(answers.labels)))
            self._confidence = np.zeros((n, len(answers.labels)))
        else:
            self._sum = np.zeros(n)
        self._stack: list[tuple[int, NDArray[np.intp], Floats, Floats]] = []
        everyone = np.arange(n)
        true, _ = tree.nodes[0].predicate.test(frame)
        self._push(0, everyone[true], np.ones(n)[true], np.ones(n)[true])
        while self._stack:
            self._visit(*self._stack.pop())

    def _push(self, place: int, rows: NDArray[np.intp], weight: Floats, penalty: Floats) -> None:
        if len(rows):
            self._stack.append((place, rows, weight, penalty))

    def _visit(self, place: int, rows: NDArray[np.intp], weight: Floats, penalty: Floats) -> None:
        tree, node = self._tree, self._tree.nodes[place]
        if not node.children:
            self._end(place, rows, weight, penalty)
            return
        punished = np.zeros(len(rows), bool)
        for position, child in enumerate(node.children):
            if not len(rows):
                return
            true, unknown, alternative = self._ask(tree.nodes[child].predicate, rows)
            # Once a level, also where several children ask their surrogates.
            penalty = np.where(alternative & ~punished, penalty * tree.penalty, penalty)
            punished |= alternative
            self._push(child, rows[true], weight[true], penalty[true])
            left = ~true
            if unknown.any() and tree.missing != "none":
                self._treat_unknown(place, position, rows[unknown], weight[unknown], penalty[unknown])
                left &= ~unknown
            rows, weight, penalty, punished = rows[left], weight[left], penalty[left], punished[left]
        if tree.keeps_last:
            self._end(place, rows, weight, penalty)

    def _ask(self, predicate: Predicate, rows: NDArray[np.intp]) -> tuple[Flags, Flags, Flags]:
        frame = self._frame.subset(rows)
        true, unknown = predicate.test(frame)
        alternative = np.zeros(len(rows), bool)
        if isinstance(predicate, Compound) and predicate.operator == "surrogate":
            alternative = predicate.parts[0].test(frame)[1]
        return true, unknown, alternative

    def _treat_unknown(
        self, place: int, position: int, rows: NDArray[np.intp], weight: Floats, penalty: Floats
    ) -> None:
        tree, node = self._tree, self._tree.nodes[place]
        if tree.missing == "lastPrediction":
            self._end(place, rows, weight, penalty)
        elif tree.missing == "defaultChild":
            if node.default_child is not None:
                self._push(node.default_child, rows, weight, penalty * tree.penalty)
        elif tree.missing in {"weightedConfidence", "aggregateNodes"}:
            self._follow_all(node.children[position:], rows, weight, penalty)

    def _follow_all(
        self, children: list[int], rows: NDArray[np.intp], weight: Floats, penalty: Floats
    ) -> None:
        tree = self._tree
        self._forked[rows] = True
        frame = self._frame.subset(rows)
        possible = np.array([np.logical_or(*tree.nodes[c].predicate.test(frame)) for c in children])
        sizes = np.array([tree.nodes[c].record_count for c in children])[:, None] * possible
        total = sizes.sum(axis=0)
        share = np.divide(sizes, total, out=possible / np.maximum(possible.sum(axis=0), 1), where=total > 0)
        for child, here, part in zip(children, possible, share, strict=True):
            grown = weight * part if tree.missing == "weightedConfidence" else weight
            self._push(child, rows[here], grown[here], penalty[here])

    def _end(self, place: int, rows: NDArray[np.intp], weight: Floats, penalty: Floats) -> None:
        tree = self._tree
        if not len(rows) or tree.nodes[place].score is None:
            return
        self._last[rows] = place
        if tree.missing == "aggregateNodes":
            # A record that came one way has the answer of its node; others that of all records in theirs.
            many = self._forked[rows]
            self._add_counts(place, rows[many])
            rows, weight, penalty = rows[~many], weight[~many], penalty[~many]
        self._weight[rows] += weight
        if not tree.classes:
            self._sum[rows] += weight * tree.answers.value.values[place]
        else:
            assert tree.answers.probability is not None  # noqa: S101
            assert tree.answers.confidence is not None  # noqa: S101
            self._probability[rows] += weight[:, None] * tree.answers.probability[place]
            self._confidence[rows] += (weight * penalty)[:, None] * tree.answers.confidence[place]

    def _add_counts(self, place: int, rows: NDArray[np.intp]) -> None:
        size = self._tree.nodes[place].record_count
        self._weight[rows] += size
        if not self._tree.classes:
            self._sum[rows] += size * self._tree.answers.value.values[place]
            return
        self._probability[rows] += self._counts[place]
        self._confidence[rows] += self._counts[place]

    def result(self) -> Result:
        """The answer for each record."""
        tree, answers = self._tree, self._tree.answers
        entity = answers.entity.take(self._last) if answers.entity is not None else None
        with np.errstate(invalid="ignore", divide="ignore"):
            if not tree.classes:
                return Result(Column(self._sum / self._weight, "double"), entity=entity)
            total = self._probability.sum(axis=1, keepdims=True)
            probability = self._probability / total
            confidence = self._confidence
            if tree.missing == "aggregateNodes":
                confidence = np.where(self._forked[:, None], confidence / total, confidence)
            confidence = np.where(total > 0, confidence, math.nan)
        value = answers.value.take(self._last)
        if tree.missing in {"weightedConfidence", "aggregateNodes"}:
            joined = labels_column(winners(confidence), answers.labels, answers.value.data_type)
            value = value.where(self._forked, joined)
        return Result(value, answers.labels, probability=probability, confidence=confidence, entity=entity)
