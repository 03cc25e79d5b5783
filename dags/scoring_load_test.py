"""
### Scoring load test
Measures what a deployment bears, for each bundle size and number of workers, and takes the best as its
defaults.

**Task** `measure` scores the same records over and over through each cell of the grid, for the same time
each: records of a file, or some made from the signature of the model, with a share of them made bad. The
figures are in table `scoring_load_test`, the log has them too, and a plot of load and latency is where the
result says.

**What is recommended** Of the cells within 5 % of the largest load, the one with the shortest 99th latency.
With *keep*, its bundle size and workers become the defaults of the deployment: `foresight model show NAME`
tells them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from foresight.orchestration import run_params
from foresight.orchestration.retries import ML_ARGS


def numbers(default: list[int] | None, maximum: int, title: str, text: str) -> Param:
    """Different whole numbers; none at all where there is no default."""
    items = {"type": "integer", "minimum": 1, "maximum": maximum}
    return Param(
        default,
        type="array" if default else ["null", "array"],
        items=items,
        minItems=1,
        maxItems=8,
        uniqueItems=True,
        title=title,
        description=text,
    )


PARAMS = {
    "deployment": run_params.deployment(),
    "bundle_sizes": numbers([1, 10, 100, 1000], 1_000_000, "Bundle sizes", "Records a bundle, each tried."),
    "workers": numbers([1, 2, 5], 256, "Workers", "Numbers of threads, each tried."),
    "senders": numbers(None, 256, "Workers (old name)", "The old name of workers: goes next release."),
    "seconds": Param(
        2.0,
        type="number",
        minimum=0.05,
        maximum=60,
        title="Seconds",
        description="Time of one cell; 600 for all cells together at most.",
    ),
    "error_share": Param(
        0.05,
        type="number",
        minimum=0,
        maximum=0.99,
        title="Share of bad records",
        description="So many of the records are made bad.",
    ),
    "file": Param(
        None,
        type=["null", "string"],
        maxLength=2000,
        title="File",
        description="Records: .csv, .jsonl, .ndjson or .parquet. Empty: made from the signature.",
    ),
    "keep": Param(
        True,
        type="boolean",
        title="Keep",
        description="The deployment takes what is recommended as its defaults.",
    ),
}


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    default_args=ML_ARGS,
    params=PARAMS,
    tags=["foresight", "scoring"],
    doc_md=__doc__,
    description="Measures what a deployment bears and takes the best parameters as its defaults",
)
def scoring_load_test() -> None:
    @task
    def measure() -> dict[str, Any]:
        from foresight.orchestration.scoring.steps import load_test

        return load_test(get_current_context())

    measure()


scoring_load_test()
