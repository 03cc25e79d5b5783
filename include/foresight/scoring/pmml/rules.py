"""RuleSetModel: rules that fire, and which of them decides."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.frame import Frame, Scope
from foresight.scoring.pmml.predicates import TAGS, Compound, Predicate, find_predicate
from foresight.scoring.pmml.result import Result, Subject, labels_column
from foresight.scoring.pmml.values import Column, Floats, text_column
from foresight.scoring.pmml.xml import Element

_METHODS = {"firstHit", "weightedSum", "weightedMax"}


@dataclass(frozen=True, slots=True)
class Rule:
    """A SimpleRule with all conditions of the compound rules around it."""

    id: str
    predicate: Predicate
    score: str
    confidence: float
    weight: float


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in order, and the method that decides."""

    rules: tuple[Rule, ...]
    method: str
    default: str | None
    default_confidence: float
    labels: tuple[str, ...]
    target_type: str

    def evaluate(self, frame: Frame) -> Result:
        """The score of each record, the default where no rule fires."""
        fired = np.array([rule.predicate.test(frame)[0] for rule in self.rules]).reshape(
            len(self.rules), frame.n
        )
        any_fired = fired.any(axis=0)
        weights = np.array([rule.weight for rule in self.rules])[:, None]
        if self.method == "weightedSum":
            chosen, label, confidence = self._sum(fired, weights)
        else:
            ranked = fired * 1.0 if self.method == "firstHit" else np.where(fired, weights, -math.inf)
            chosen = ranked.argmax(axis=0)
            label = np.array([self.labels.index(rule.score) for rule in self.rules])[chosen]
            confidence = np.array([rule.confidence for rule in self.rules])[chosen]
        default = -1 if self.default is None else self.labels.index(self.default)
        codes = np.where(any_fired, label, default)
        sure = np.zeros((frame.n, len(self.labels)))
        rows = np.flatnonzero(codes >= 0)
        sure[rows, codes[rows]] = np.where(any_fired, confidence, self.default_confidence)[rows]
        ids = text_column([*(rule.id for rule in self.rules), None])
        entity = ids.take(np.where(any_fired, chosen, len(self.rules)))
        value = labels_column(codes, self.labels, self.target_type)
        return Result(
            value, self.labels, confidence=sure, entity=Column(entity.values, "string", entity.levels)
        )

    def _sum(self, fired: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """The class whose rules weigh most, by the number of rules that fired; its strongest rule."""
        place = np.array([self.labels.index(rule.score) for rule in self.rules])
        total = np.array([(fired * weights)[place == k].sum(axis=0) for k in range(len(self.labels))])
        label = total.argmax(axis=0)
        mine = fired & (place[:, None] == label)
        chosen = np.where(mine, weights, -math.inf).argmax(axis=0)
        count = np.maximum(fired.sum(axis=0), 1)
        return chosen, label, total[label, np.arange(total.shape[1])] / count


def read(element: Element, subject: Subject) -> RuleSet:
    """A RuleSetModel element; the first RuleSelectionMethod is the one to use."""
    found = element.child("RuleSet")
    methods = found.all("RuleSelectionMethod")
    method = methods[0].need("criterion") if methods else "firstHit"
    if method not in _METHODS:
        raise UnsupportedModel(f"RuleSelectionMethod criterion={method!r}")
    rules = tuple(_read_rules(found, subject.scope, ()))
    if not rules:
        raise found.broken("has no rule")
    default = found.attributes.get("defaultScore")
    spoken = [
        *subject.target_type.values,
        *(rule.score for rule in rules),
        *([] if default is None else [default]),
    ]
    return RuleSet(
        rules=rules,
        method=method,
        default=default,
        default_confidence=found.number("defaultConfidence", math.nan if default is None else 0.0),
        labels=tuple(dict.fromkeys(spoken)),
        target_type=subject.target_type.data_type,
    )


def _read_rules(element: Element, scope: Scope, conditions: tuple[Predicate, ...]) -> list[Rule]:
    rules: list[Rule] = []
    for part in element.all("SimpleRule", "CompoundRule"):
        here = (*conditions, find_predicate(part, scope) if part.first(*TAGS) else _missing(part))
        if part.tag == "CompoundRule":
            rules += _read_rules(part, scope, here)
            continue
        predicate = here[0] if len(here) == 1 else Compound("and", here)
        rule_id = part.get("id", str(len(rules) + 1))
        confidence, weight = part.number("confidence", 1.0), part.number("weight", 1.0)
        rules.append(Rule(rule_id, predicate, part.need("score"), confidence, weight))
    return rules


def _missing(element: Element) -> Predicate:
    raise element.broken("has no predicate")
