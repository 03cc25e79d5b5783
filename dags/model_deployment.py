"""
### Model deployment
Stores a model file as a version of a model and deploys it under an alias.

**Tasks** `add` reads the file, refuses what no runtime here can score (by element name), and stores it; the
same bytes again are the version that they were · `deploy` puts the version to use; what was in use stays, to
go back to with `foresight model rollback NAME`.

**When it fails** nothing is deployed: the task says what is wrong with the file.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, get_current_context, task

from foresight.orchestration.retries import ML_ARGS

NAMES = "^[A-Za-z0-9][A-Za-z0-9_.-]*$"
PARAMS = {
    "name": Param(
        "model",
        type="string",
        pattern=NAMES,
        maxLength=128,
        title="Name",
        description="Name of the model; a new one is made.",
    ),
    "file": Param(
        "",
        type="string",
        maxLength=2000,
        title="File",
        description="Path or URI of the model file, as the workers see it.",
    ),
    "kind": Param(
        None,
        type=["null", "string"],
        enum=[None, "pmml", "onnx", "sklearn", "keras"],
        title="Kind",
        description="What runs it. Empty: what the ending says (.pmml, .onnx, .skops, .keras).",
    ),
    "alias": Param(
        "champion",
        type="string",
        pattern=NAMES,
        maxLength=128,
        title="Alias",
        description="What the deployment is called; one that is in use is replaced.",
    ),
    "note": Param(
        None,
        type=["null", "string"],
        maxLength=2000,
        title="Note",
        description="Why: kept in the history.",
    ),
}


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=2,
    dagrun_timeout=timedelta(hours=1),
    default_args=ML_ARGS,
    params=PARAMS,
    tags=["foresight", "scoring"],
    doc_md=__doc__,
    description="Stores a model file as a version and deploys it",
)
def model_deployment() -> None:
    @task
    def add() -> int:
        from foresight.orchestration.scoring.steps import add_model

        return add_model(get_current_context())

    @task
    def deploy(version: int) -> str:
        from foresight.orchestration.scoring.steps import deploy_model

        return deploy_model(get_current_context(), version)

    deploy(add())


model_deployment()
