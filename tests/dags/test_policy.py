"""What every DAG of ours keeps to; each message says how to mend it."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from airflow.sdk import DAG
from airflow.sdk.definitions.mappedoperator import MappedOperator

DAGS = Path(__file__).parents[2] / "dags"
FILES = sorted(DAGS.glob("*.py"))
HEAVY = {
    "tensorflow",
    "great_expectations",
    "pandas",
    "numpy",
    "scipy",
    "statsmodels",
    "sqlalchemy",
    "sklearn",
}


@pytest.fixture(scope="session")
def dags() -> dict[str, DAG]:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(DAGS))
    assert bag.import_errors == {}
    return dict(bag.dags)


def test_every_file_holds_the_one_dag_that_it_is_named_after(dags: dict[str, DAG]) -> None:
    assert sorted(dags) == [file.stem for file in FILES]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dag_file_only_wires(file: Path) -> None:
    tree = ast.parse(file.read_text())
    branching = [
        node.lineno for node in ast.walk(tree) if isinstance(node, ast.If | ast.For | ast.While | ast.Try)
    ]
    assert branching == [], f"{file.name}: move the decision at line {branching} into include/foresight"
    doc = ast.get_docstring(tree) or ""
    code = len(file.read_text().splitlines()) - len(doc.splitlines())
    assert code <= 160, f"{file.name} has {code} lines: a DAG file reads in a minute"


def test_reading_a_dag_file_imports_nothing_heavy() -> None:
    probe = f"""
import airflow.sdk, runpy, sys
for file in {list(map(str, FILES))!r}:
    before = set(sys.modules)
    runpy.run_path(file)
    if heavy := {HEAVY!r} & (set(sys.modules) - before):
        print(file, "imports", *sorted(heavy))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", probe], capture_output=True, text=True, check=True
    )
    assert done.stdout == "", "import it inside the task"


def test_every_dag_tells_what_it_does_and_who_owns_it(dags: dict[str, DAG]) -> None:
    for name, dag in dags.items():
        assert dag.doc_md, f"{name}: write what it does into the docstring of its file"
        assert dag.description, f"{name}: one line for the list of DAGs"
        assert "foresight" in dag.tags, f"{name}: tag it foresight"
        assert all(task.owner == "foresight" for task in dag.tasks), f"{name}: take DEFAULT_ARGS"


def test_every_run_and_every_task_ends(dags: dict[str, DAG]) -> None:
    for name, dag in dags.items():
        assert dag.dagrun_timeout, f"{name}: give it a dagrun_timeout"
        assert dag.catchup is False, f"{name}: history is the operator's to backfill"
        # Runs by hand must not take every place before a run of the schedule; its tasks then go first.
        most = 64 if name in {"telemetry_analysis", "sla_evaluation"} else 4
        assert dag.max_active_runs <= most, f"{name}: bound its runs"
        for task in dag.tasks:
            # A task that waits for a person holds no slot, and has a bound of its own.
            bound = getattr(task, "response_timeout", None) or task.execution_timeout
            assert bound <= timedelta(hours=1), f"{name}.{task.task_id}: bound it"


def test_transient_errors_retry_and_final_ones_do_not(dags: dict[str, DAG]) -> None:
    from airflow.sdk import RetryAction

    from foresight.errors import BadAnswer, StoreUnavailable

    for name, dag in dags.items():
        for task in dag.tasks:
            operator = task.partial_kwargs if isinstance(task, MappedOperator) else vars(task)
            policy = operator["retry_policy"]
            assert policy.evaluate(StoreUnavailable("down"), 1, 3).action == RetryAction.RETRY, name
            assert policy.evaluate(BadAnswer("wrong"), 1, 3).action == RetryAction.FAIL, name
            assert policy.evaluate(ZeroDivisionError(), 1, 3).action == RetryAction.DEFAULT, name


def test_every_parameter_has_a_title_a_help_text_and_a_bound(dags: dict[str, DAG]) -> None:
    bounds = {"enum", "format", "maximum", "maxItems", "maxLength"}
    for name, dag in dags.items():
        for key in dag.params:
            param = dag.params.get_param(key)
            schema = param.schema
            assert schema.get("title"), f"{name}.{key}: give it a title"
            assert param.description, f"{name}.{key}: say what it does"
            is_switch = schema.get("type") == "boolean"
            assert is_switch or bounds & set(schema), f"{name}.{key}: bound it"


def test_an_instant_is_checked_where_a_run_is_asked_for(dags: dict[str, DAG]) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    params = {name: dag.params.get_param("as_of") for name, dag in dags.items() if "as_of" in dag.params}
    assert {"telemetry_analysis", "sla_evaluation", "maintenance"} <= params.keys()
    for param in params.values():
        for good in (None, "", "2026-11-22T13:20:00Z", "2026-11-22T13:20:00.000+02:00", "2026-11-22 13:20Z"):
            param.resolve(good)
        for bad in ("yesterday", "2026-11-22", "2026-11-22T13:20:00", "2026-13-22T13:20:00Z", 5, "now\n"):
            with pytest.raises(ParamValidationError):
                param.resolve(bad)


def test_every_task_refuses_parameters_that_its_dag_does_not_have(dags: dict[str, DAG]) -> None:
    from foresight.orchestration.runs import refuse_unknown_parameters

    for name, dag in dags.items():
        for task in dag.tasks:
            operator = task.partial_kwargs if isinstance(task, MappedOperator) else vars(task)
            hook = operator.get("pre_execute") or operator.get("_pre_execute_hook")
            assert hook is refuse_unknown_parameters, f"{name}.{task.task_id}: take DEFAULT_ARGS"


def test_mapped_tasks_have_names_in_the_ui(dags: dict[str, DAG]) -> None:
    mapped = [task for dag in dags.values() for task in dag.tasks if isinstance(task, MappedOperator)]
    assert mapped
    for task in mapped:
        assert task.map_index_template, f"{task.task_id}: give it a map_index_template"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_task_imports_when_it_runs_is_there(path: Path) -> None:
    """An import inside a function is not tried when the file is parsed."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("foresight"):
            module = importlib.import_module(node.module or "")
            names = [name.name for name in node.names if not hasattr(module, name.name)]
            assert [name for name in names if not find_spec(f"{node.module}.{name}")] == [], node.module
