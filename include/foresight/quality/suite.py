"""The suites: files of expectations that a person reads and adds to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from foresight.documents import Document, read_documents
from foresight.errors import InvalidDocument, Mistake
from foresight.quality.outcomes import Outcome
from foresight.quality.profile import COLUMNS

SHIPPED: Final = Path(__file__).parent / "suites"
FAIL: Final = "fail"


class Expectation(BaseModel):
    """One expectation of Great Expectations, and what follows where it is not met."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    """Its name in Great Expectations, such as ``expect_column_values_to_be_between``."""
    kwargs: dict[str, Any] = Field(default_factory=dict)
    otherwise: Literal[Outcome.MISSING, Outcome.EMPTY, Outcome.LABELS, Outcome.NONFINITE, Outcome.HUGE,
                       Outcome.NEGATIVE, Outcome.EXCESSIVE, Outcome.SHORT, Outcome.GAPPY, "fail"]  # fmt: skip
    """The outcome of each series that breaks it, or ``fail``: the whole batch is refused."""
    reason: str = Field(min_length=1)
    """Said of what breaks it; columns of the profile in braces are filled in for a series."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    expectations: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True)
class Suite:
    """Expectations in the order in which they are asked: the first one broken names the outcome."""

    name: str
    expectations: tuple[Expectation, ...]


def load_suite(*folders: Path, name: str = "telemetry") -> Suite:
    """The shipped suite, and after it every ``*.yaml`` in ``folders`` by name; of one name, the last counts.

    Raises:
        InvalidDocument: every mistake in any of them, with its line.
    """
    found: list[Expectation] = []
    mistakes: list[Mistake] = []
    files = {path.name: path for folder in (SHIPPED, *folders) for path in sorted(folder.glob("*.yaml"))}
    for path in files.values():
        try:
            found += _expectations(read_documents(path))
        except InvalidDocument as error:
            mistakes += error.mistakes
    if mistakes:
        raise InvalidDocument(mistakes)
    return Suite(name, tuple(found))


def _expectations(documents: Iterable[Document]) -> list[Expectation]:
    found: list[Expectation] = []
    for document in documents:
        content = document.parse(_File).expectations
        mistakes = [
            document.mistake(("expectations", i, field), reason)
            for i, expectation in enumerate(content)
            for field, reason in _mistakes(expectation)
        ]
        if mistakes:
            raise InvalidDocument(mistakes)
        found += content
    return found


def _mistakes(expectation: Expectation) -> Iterable[tuple[str, str]]:
    """What is wrong with an expectation, as (field, reason), as Great Expectations sees it."""
    from great_expectations.exceptions.exceptions import ExpectationNotFoundError
    from great_expectations.expectations import expectation as kinds
    from great_expectations.expectations.registry import get_expectation_impl

    try:
        kind = get_expectation_impl(expectation.type)
    except ExpectationNotFoundError:
        yield "type", f"Great Expectations knows no {expectation.type!r}"
        return
    row_wise = (kinds.ColumnMapExpectation, kinds.ColumnPairMapExpectation, kinds.MulticolumnMapExpectation)
    if expectation.otherwise != FAIL and not issubclass(kind, row_wise):
        yield "otherwise", f"{expectation.type} judges the whole batch, so only fail can follow"
    try:
        kind(**expectation.kwargs)
    except Exception as error:  # noqa: BLE001 - whatever an expectation's own validation raises is the reason
        yield "kwargs", " ".join(str(error).split())
    for name in ("column", "column_A", "column_B"):
        if (column := expectation.kwargs.get(name)) is not None and column not in COLUMNS:
            yield "kwargs", f"a profile has no column {column!r}"
    try:
        expectation.reason.format_map(dict.fromkeys(COLUMNS, 0))
    except (KeyError, ValueError, AttributeError, IndexError) as error:
        yield "reason", f"only columns of the profile can stand in braces: {error}"
