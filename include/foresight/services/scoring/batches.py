"""What a run of scoring intends, and its batches: opened, scored, sent, closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from foresight.services.scoring.deployments import Mappings
from foresight.services.scoring.places import Offsets, Scored


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run asks for of the batches that it opens; ``bad`` is None where one output takes all."""

    stream: str
    model_name: str
    model_version: int
    mapping: Mappings
    good: str
    bad: str | None
    batch_size: int = 100_000


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The row of ``scoring_run`` that closed batches are counted in."""

    dag_id: str
    run_id: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch under way: its number, and by topic where each output ended before it and its identity.

    ``is_new``: it was opened by this run, after its publishers were entered.
    """

    number: int
    starts: dict[str, dict[str, int]]
    topic_ids: dict[str, str | None]
    is_new: bool = False


@dataclass(slots=True)
class Prepared:
    """A part of the source, scored; nothing of it is out yet. By topic, ``starts`` is where outputs end."""

    offsets: Offsets
    until: Offsets
    n_items: int
    good: list[Scored] = field(default_factory=list)
    bad: list[Scored] = field(default_factory=list)
    n_bad: int = 0
    starts: dict[str, Offsets] = field(default_factory=dict)


def numbers(offsets: dict[Any, int]) -> Offsets:
    """Offsets of partitions whose numbers are texts, as JSON has them."""
    return {int(number): offset for number, offset in offsets.items()}


def texts(document: Any) -> Any:
    """The document with names of text, as JSON has them."""
    if isinstance(document, dict):
        return {str(name): texts(value) for name, value in document.items()}
    return document
