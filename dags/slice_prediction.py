"""
### Slice prediction
When performance events come in, and every fifteen minutes: reads what is new on `PERFORMANCE_MEASUREMENTS`,
predicts for every cell of every slice how many connections it needs, keeps the answers inside the
guardrails, and sends one policy message a slice to `ML_RESPONSE_TOPIC`.

**Tasks** `predict_and_send` stores events and how far the topic was read in one transaction, asks the
configuration service, predicts all cells in one call, stores what was decided and by which rule, and sends
what it stored, and dead letters, each once · `watch` looks whether the model still keeps to the errors that
it was judged by, and goes back to the one before where it does not and that one is better.

**Runs** by the watcher (an event on the topic), by the clock (cells that waited for a configuration, a
model or a late event), or by hand. With *Periods: all*, every stored period is predicted and nothing of it
is sent: the replay of a recording.

**When it fails** clear it, or wait for the next run: events are stored once, cells are decided once for each
period, messages are sent once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import (
    Asset,
    AssetOrTimeSchedule,
    AssetWatcher,
    CronDataIntervalTimetable,
    Param,
    dag,
    get_current_context,
    task,
)

from foresight.conventions import PERFORMANCE_ASSET, PERFORMANCE_TOPIC
from foresight.orchestration import run_params
from foresight.orchestration.retries import DEFAULT_ARGS
from foresight.orchestration.slices import field_params
from foresight.orchestration.slices.topic_watcher import TopicWatcher

MEASURED = Asset(
    PERFORMANCE_ASSET, watchers=[AssetWatcher(name="topic_watcher", trigger=TopicWatcher(PERFORMANCE_TOPIC))]
)


PARAMS = {
    "target": Param(
        "reference",
        enum=["reference", "forward"],
        title="Target",
        description="Which model answers: the published formula, or the next period's need.",
    ),
    "slices": Param(
        [],
        type="array",
        items={"type": "string", "minLength": 1, "maxLength": 64},
        maxItems=1000,
        title="Active slices",
        description="Slices such as 01-B989BD, one a line; the others keep their values. Empty: all of them.",
    ),
    "cell_share": field_params.share(
        0.25, "Limit of a cell", "Largest change of a cell, as a part of its value."
    ),
    "slice_share": field_params.share(
        0.10, "Limit of a slice", "Largest change of a slice's sum, as a part of it."
    ),
    "minimum_share": field_params.share(
        0.05, "Smallest change", "Smaller changes are not sent; a part of the value."
    ),
    "cooldown_seconds": Param(
        0,
        type="integer",
        minimum=0,
        maximum=86_400,
        title="Cool-down",
        description="Seconds that a cell keeps a value before it is changed again. 0: no such limit.",
    ),
    "quiet_seconds": Param(
        None,
        type=["null", "integer"],
        minimum=0,
        maximum=86_400,
        title="Cool-down (old name)",
        description="The old name of cooldown_seconds; goes with the next release.",
    ),
    "max_age_seconds": Param(
        3600,
        type="integer",
        minimum=1,
        maximum=604_800,
        title="Age of the configuration",
        description="A configured value that the service said longer ago is too old to build on.",
    ),
    **field_params.FIELD,
    "late_periods": Param(
        1.0,
        type="number",
        minimum=0,
        maximum=100,
        title="Lateness",
        description="A cell whose newest period ended more periods ago is late and is not predicted.",
    ),
    "settle_seconds": Param(
        0.3,
        type="number",
        minimum=0,
        maximum=60,
        title="Time to settle",
        description="Seconds to wait after an event for others of its period: they share a message.",
    ),
    "periods": Param(
        "newest",
        enum=["newest", "all"],
        title="Periods",
        description="newest: what is to be decided now. all: every stored period besides, none of it sent.",
    ),
    "publish": run_params.publish("sends its messages"),
    "roll_back": Param(
        True,
        type="boolean",
        title="Go back from a worse model",
        description="Whether a model that has become worse gives way to the one before, if that is better.",
    ),
}


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronDataIntervalTimetable("*/15 * * * *", timezone="UTC"), assets=[MEASURED]
    ),
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - the timetable's zone is UTC
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    default_args=DEFAULT_ARGS | {"retry_delay": timedelta(seconds=2)},
    params=PARAMS,
    tags=["foresight", "slices"],
    doc_md=__doc__,
    description="Predicts the capacity of each slice in each cell, and sends it inside the guardrails",
)
def slice_prediction() -> None:
    @task
    def predict_and_send() -> dict[str, int]:
        from foresight.orchestration.slices.prediction import predict_and_send

        return predict_and_send(get_current_context())

    @task
    def watch() -> bool:
        from foresight.orchestration.slices.prediction import watch_errors

        return watch_errors(get_current_context())

    predict_and_send() >> watch()


slice_prediction()
