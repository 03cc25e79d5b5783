"""Runs a suite over a profile and gives every series its outcome."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foresight.errors import BadAnswer
from foresight.quality.outcomes import Outcome
from foresight.quality.suite import FAIL, Expectation, Suite

if TYPE_CHECKING:
    import pandas as pd

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class CheckReport:
    """What the checks say: an outcome and a reason (empty where nothing is wrong) for each row."""

    suite: Suite
    outcomes: tuple[Outcome, ...]
    reasons: tuple[str, ...]
    broken: tuple[Rows, ...]
    """The rows that break each expectation of the suite, ascending."""

    @property
    def kept(self) -> NDArray[np.bool_]:
        """The rows that go on, ``[n_series]``."""
        return np.array([not outcome.is_quarantined for outcome in self.outcomes], dtype=np.bool_)

    @property
    def counts(self) -> dict[Outcome, int]:
        """Series by outcome; adds up to the number of rows."""
        return dict(sorted(Counter(self.outcomes).items()))

    @property
    def results(self) -> dict[str, Any]:
        """What is kept of the validation: suite, counts, and a line an expectation. Plain JSON."""
        expectations = [
            {
                "type": expectation.type,
                "kwargs": expectation.kwargs,
                "otherwise": str(expectation.otherwise),
                "unexpected": len(rows),
            }
            for expectation, rows in zip(self.suite.expectations, self.broken, strict=True)
        ]
        counts = {str(outcome): count for outcome, count in self.counts.items()}
        return {"suite": self.suite.name, "outcomes": counts, "expectations": expectations}

    def part(self, start: int, stop: int) -> CheckReport:
        """The same for some of the rows."""
        broken = [rows[(start <= rows) & (rows < stop)] - start for rows in self.broken]
        return CheckReport(self.suite, self.outcomes[start:stop], self.reasons[start:stop], tuple(broken))


def check(profile: pd.DataFrame, suite: Suite, *, docs_folder: Path | None = None) -> CheckReport:
    """The outcome of every row of ``profile``.

    Args:
        docs_folder: where the data docs of Great Expectations are built; by default none are.

    Raises:
        BadAnswer: an expectation on the whole batch is broken, or one cannot be evaluated.
    """
    if profile.empty:
        return CheckReport(suite, (), (), (np.empty(0, np.intp),) * len(suite.expectations))
    validations = _validated(profile, suite, docs_folder)
    refused = [
        expectation.reason
        for expectation, result in zip(suite.expectations, validations, strict=True)
        if expectation.otherwise == FAIL and not result["success"]
    ]
    if refused:
        raise BadAnswer(f"{len(profile)} series were asked for, and {'; '.join(refused)}")
    broken = tuple(map(_rows, suite.expectations, validations))
    outcomes = np.where(profile["is_constant"], Outcome.CONSTANT, Outcome.OK).astype(object)
    reasons = np.full(len(profile), "", dtype=object)
    records = profile.to_dict("records")
    undecided = np.ones(len(profile), dtype=np.bool_)
    for expectation, rows in zip(suite.expectations, broken, strict=True):
        for row in rows[undecided[rows]]:
            outcomes[row] = Outcome(expectation.otherwise)
            reasons[row] = expectation.reason.format_map(records[row])
        undecided[rows] = False
    return CheckReport(suite, tuple(Outcome(outcome) for outcome in outcomes), tuple(reasons), broken)


def _rows(expectation: Expectation, result: dict[str, Any]) -> Rows:
    """The rows that break an expectation on series."""
    found = result["result"].get("unexpected_index_list") or []
    rows = [] if expectation.otherwise == FAIL else [int(one["row"]) for one in found]
    return np.array(sorted(rows), dtype=np.intp)


def _validated(profile: pd.DataFrame, suite: Suite, docs_folder: Path | None) -> list[dict[str, Any]]:
    """The result of each expectation, in the order of the suite."""
    # Great Expectations takes seconds to import: only the task that checks pays for it.
    import great_expectations as gx

    context = _context(docs_folder)
    definition = (
        context.data_sources.add_pandas("foresight")
        .add_dataframe_asset("profile")
        .add_batch_definition_whole_dataframe("all series")
    )
    expectations = [
        {"type": each.type, "kwargs": each.kwargs, "meta": {"order": i, "notes": each.reason}}
        for i, each in enumerate(suite.expectations)
    ]
    validation = context.validation_definitions.add(
        gx.ValidationDefinition(
            name=suite.name,
            data=definition,
            suite=context.suites.add(gx.ExpectationSuite(name=suite.name, expectations=expectations)),
        )
    )
    validated: Any = validation.run(
        batch_parameters={"dataframe": profile},
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["row"]},
    )
    if docs_folder is not None:
        context.build_data_docs()
    found: dict[int, dict[str, Any]] = {}
    for one in validated.results:
        answer = one.to_json_dict()
        if answer["exception_info"].get("raised_exception"):
            kind = answer["expectation_config"]["type"]
            raise BadAnswer(f"{kind}: {answer['exception_info'].get('exception_message')}")
        found[answer["expectation_config"]["meta"]["order"]] = answer
    return [found[i] for i in range(len(suite.expectations))]


def _context(docs_folder: Path | None) -> Any:
    """A context that keeps nothing, shows no bars and talks to nobody."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
    )
    if docs_folder is not None:
        config.data_docs_sites = {
            "local": {
                "class_name": "SiteBuilder",
                "store_backend": {
                    "class_name": "TupleFilesystemStoreBackend",
                    "base_directory": str(docs_folder.resolve()),
                },
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            }
        }
    return gx.get_context(project_config=config, mode="ephemeral")
