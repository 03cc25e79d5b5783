"""
### SLA back-test
What the probabilities of an SLA would have said over days of history, and which alert threshold costs least.

**Task** `backtest` predicts every SLI at each origin from what lay before it, holds that against what
followed, and writes `report.json` and `report.png` into the folder `backtests` of the results folder. Nothing
of the SLA is changed.

**Runs** by hand only; for a short time `foresight sla backtest` does the same at once.

**When it fails** the task says what to do; clear it once that is done.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from foresight.orchestration import run_params
from foresight.orchestration.retries import DEFAULT_ARGS

PARAMS = {
    "sla": Param(
        type="string", minLength=1, maxLength=190, title="SLA", description="Name of an active SLA."
    ),
    "sli": Param(
        None, type=["null", "string"], maxLength=190, title="SLI", description="One of it. Empty: all."
    ),
    "as_of": run_params.as_of("End of the time. Empty: the newest stored interval."),
    "days": Param(7, type="number", exclusiveMinimum=0, maximum=90, title="Days", description="How long."),
    "every_minutes": Param(
        10, type="integer", minimum=1, maximum=1440, title="Every", description="Minutes between origins."
    ),
    "cost_ratio": Param(
        10.0,
        type="number",
        exclusiveMinimum=0,
        maximum=1e6,
        title="Cost ratio",
        description="False alarms that cost as much as one miss.",
    ),
    "source": Param(
        "store",
        enum=["store", "telemetry"],
        title="Source",
        description="Samples that are stored, or the telemetry anew.",
    ),
}


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=2,
    dagrun_timeout=timedelta(hours=3),
    default_args=DEFAULT_ARGS,
    params=PARAMS,
    tags=["foresight", "sla"],
    doc_md=__doc__,
    description="Back-tests the definition of an SLA over days of history",
)
def sla_backtest() -> None:
    @task(execution_timeout=timedelta(hours=1))
    def backtest() -> dict[str, Any]:
        from foresight.orchestration.verification_steps import backtest

        return backtest(get_current_context())

    backtest()


sla_backtest()
