"""
### Batch scoring
Scores the records of a Kafka topic, a table or a file with a deployed model: good ones with their prediction
to one place, bad ones with the reason to another, each once and in order.

**Tasks** `deal` gives each `score` some partitions of a topic that is scored into topics; all else is one
task. `score` goes on where the last run over the topic or table ended, up to its end at the start of the
run. Offsets are stored with the counts when both outputs have confirmed a batch.

**Places** `kafka:TOPIC`, `table:NAME` in the results database, `table:CONNECTION/NAME` elsewhere, or the path
of a `.csv`, `.jsonl`, `.ndjson` or `.parquet` file. A topic or table scored into files gives a numbered file
for each batch.

**When it fails** clear it, or wait for the next run: a batch that was under way is finished first, with the
model that it was begun with; what had arrived of it is not sent again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from foresight.orchestration import run_params
from foresight.orchestration.retries import ML_ARGS


def place(default: str, title: str, text: str) -> Param:
    """A topic or a file."""
    return Param(default, type="string", minLength=1, maxLength=2000, title=title, description=text)


def setting(maximum: int, title: str, text: str) -> Param:
    """A setting of bundles; empty: the deployment's default."""
    return Param(None, type=["null", "integer"], minimum=1, maximum=maximum, title=title, description=text)


PARAMS = {
    "deployment": run_params.deployment(),
    "source": place("kafka:records", "Source", "kafka:TOPIC, table:NAME, or the path of a file."),
    "good": place("kafka:records.scored", "Good records", "kafka:TOPIC, table:NAME, or the path of a file."),
    "bad": Param(
        "kafka:records.rejected",
        type=["null", "string"],
        maxLength=2000,
        title="Bad records",
        description="kafka:TOPIC, table:NAME, or the path of a file. Empty: the good ones' place takes all.",
    ),
    "field_mapping": Param(
        None,
        type=["null", "string"],
        maxLength=100_000,
        title="Field mapping",
        description="JSON: [{model_field, tuple_field, is_mandatory, default}]. Empty: the deployment's.",
    ),
    "bundle_size": setting(1_000_000, "Bundle size", "Records a bundle. Empty: the deployment's."),
    "workers": setting(256, "Workers", "Threads that score. Empty: the deployment's."),
    "senders": setting(256, "Workers (old name)", "The old name of workers; goes with the next release."),
    "queue_size": setting(100_000, "Queue size", "Bundles that may wait. Empty: the deployment's."),
    "batch_size": Param(
        100_000,
        type="integer",
        minimum=1,
        maximum=1_000_000,
        title="Batch size",
        description="Most records that are held, sent and confirmed together.",
    ),
    "tasks": Param(
        4,
        type="integer",
        minimum=1,
        maximum=64,
        title="Tasks",
        description="Most tasks that score partitions of a topic into topics side by side.",
    ),
    "minutes": Param(
        45,
        type="integer",
        minimum=1,
        maximum=50,
        title="Minutes",
        description="After these no batch is begun: the next run goes on.",
    ),
    "stream": Param(
        None,
        type=["null", "string"],
        maxLength=250,
        title="Stream",
        description="Under this name it is kept how far the source was scored. Empty: source and deployment.",
    ),
}


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=2,
    dagrun_timeout=timedelta(hours=2),
    default_args=ML_ARGS | {"execution_timeout": timedelta(hours=1)},
    params=PARAMS,
    tags=["foresight", "scoring"],
    doc_md=__doc__,
    description="Scores a topic, a table or a file with a deployed model, each record once",
)
def batch_scoring() -> None:
    @task
    def deal() -> list[list[int]]:
        from foresight.orchestration.scoring.steps import deal_partitions

        return deal_partitions(get_current_context())

    @task(map_index_template="{{ share_name }}")
    def score(share: list[int]) -> dict[str, Any]:
        from foresight.orchestration.scoring.steps import score_batches

        context: Any = get_current_context()
        context["share_name"] = f"partitions {', '.join(map(str, share))}" if share else "all"
        return score_batches(context, share)

    @task
    def finish() -> dict[str, Any]:
        from foresight.orchestration.scoring.steps import finish_run

        return finish_run(get_current_context())

    score.expand(share=deal()) >> finish()


batch_scoring()
