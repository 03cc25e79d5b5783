"""
### Slice replay
Performance data of a file through the chain of slices: as a rehearsal, or for real.

**Task** `replay` takes a table (`.xlsx`, `.csv`, `.parquet`) or events (`.json`, `.jsonl`) from the folder
`replay` of the configuration. As a rehearsal it predicts and guards every period of the file with the model
in use, stores and sends nothing, and says how good the model was. For real it loads the limits that the file
holds and puts its events onto `PERFORMANCE_MEASUREMENTS`, where their arrival starts `slice_prediction`.

**Runs** by hand only. What came out is in the log of the task and in what it returns.

**When it fails** clear it: events that are sent twice are stored once.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, get_current_context, task

from foresight.orchestration.retries import DEFAULT_ARGS

PARAMS = {
    "file": Param(
        "recording.csv",
        type="string",
        minLength=1,
        maxLength=200,
        title="File",
        description="Name of a file in the folder replay of the configuration.",
    ),
    "mode": Param(
        "rehearse",
        enum=["rehearse", "send"],
        title="Mode",
        description="rehearse: store and send nothing. send: put the events onto the topic, for real.",
    ),
    "ends_now": Param(
        False,
        type="boolean",
        title="Ends now",
        description="Whether all times are moved so that the last period ends when the run begins.",
    ),
    "target": Param(
        "reference",
        enum=["reference", "forward"],
        title="Target",
        description="Which model a rehearsal asks: the published formula, or the next period's need.",
    ),
    "snssai": Param(
        "01-B989BD",
        type="string",
        minLength=1,
        maxLength=64,
        title="Slice",
        description="The slice of a wide table, which does not name it.",
    ),
    "cu": Param(
        "cucpserver1",
        type="string",
        minLength=1,
        maxLength=255,
        title="gNB-CU",
        description="The gNB-CU of a wide table, which does not name it.",
    ),
}


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    default_args=DEFAULT_ARGS,
    params=PARAMS,
    tags=["foresight", "slices"],
    doc_md=__doc__,
    description="Replays a file of performance data through the chain of slices, as a rehearsal or for real",
)
def slice_replay() -> None:
    @task(execution_timeout=timedelta(minutes=30))
    def replay() -> dict[str, str]:
        from foresight.orchestration.slices.replay import replay

        return replay(get_current_context())

    replay()


slice_replay()
