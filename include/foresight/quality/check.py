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


@dataclass(frozen=True)
class CheckReport:
    """What the checks say: an outcome and a reason (empty where nothing is wrong) for each row."""

    outcomes: tuple[Outcome, ...]
    reasons: tuple[str, ...]
    results: dict[str, Any]
    """What is kept of the validation: suite, counts, and a line an expectation. Plain JSON."""

    @property
    def kept(self) -> NDArray[np.bool_]:
        """The rows that go on, ``[n_series]``."""
        return np.array([not outcome.is_quarantined for outcome in self.outcomes], dtype=np.bool_)

    @property
    def counts(self) -> dict[Outcome, int]:
        """Series by outcome; adds up to the number of rows."""
        return dict(sorted(Counter(self.outcomes).items()))


def check(profile: pd.DataFrame, suite: Suite, *, docs_folder: Path | None = None) -> CheckReport:
    """The outcome of every row of ``profile``.

    Args:
        docs_folder: where the data docs of Great Expectations are built; by default none are.

    Raises:
        BadAnswer: an expectation on the whole batch is broken, or one cannot be evaluated.
    """
    if profile.empty:
        return CheckReport((), (), _kept(suite, [], {}))
    validations = _validated(profile, suite, docs_folder)
    broken = [
        expectation.reason
        for expectation, result in zip(suite.expectations, validations, strict=True)
        if expectation.otherwise == FAIL and not result["success"]
    ]
    if broken:
        raise BadAnswer(f"{len(profile)} series were asked for, and {'; '.join(broken)}")
    outcomes = np.where(profile["is_constant"], Outcome.CONSTANT, Outcome.OK).astype(object)
    reasons = np.full(len(profile), "", dtype=object)
    records = profile.to_dict("records")
    undecided = np.ones(len(profile), dtype=np.bool_)
    for expectation, result in zip(suite.expectations, validations, strict=True):
        for row in _rows(expectation, result):
            if undecided[row]:
                undecided[row] = False
                outcomes[row] = Outcome(expectation.otherwise)
                reasons[row] = expectation.reason.format_map(records[row])
    report = tuple(Outcome(outcome) for outcome in outcomes)
    return CheckReport(report, tuple(reasons), _kept(suite, validations, Counter(report)))


def _rows(expectation: Expectation, result: dict[str, Any]) -> list[int]:
    """The rows that break an expectation on series."""
    if expectation.otherwise == FAIL:
        return []
    return [int(found["row"]) for found in result["result"].get("unexpected_index_list") or []]


def _kept(suite: Suite, validations: list[dict[str, Any]], outcomes: dict[Outcome, int]) -> dict[str, Any]:
    expectations = [
        {
            "type": expectation.type,
            "kwargs": expectation.kwargs,
            "otherwise": str(expectation.otherwise),
            "success": result["success"],
            "unexpected": result["result"].get("unexpected_count", 0),
            "observed": result["result"].get("observed_value"),
        }
        for expectation, result in zip(suite.expectations, validations, strict=False)
    ]
    counts = {str(outcome): count for outcome, count in sorted(outcomes.items())}
    return {"suite": suite.name, "outcomes": counts, "expectations": expectations}


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
