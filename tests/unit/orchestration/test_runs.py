"""What a run was given that its DAG does not know is refused, with what may be meant."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from foresight.orchestration.runs import UnknownParameter, refuse_unknown_parameters


def context(conf: dict[str, Any] | None) -> dict[str, Any]:
    dag = SimpleNamespace(dag_id="sla_evaluation", params={"as_of": None, "slas": None, "publish": "auto"})
    return {"dag": dag, "dag_run": SimpleNamespace(conf=conf), "task": SimpleNamespace(params={"mine": 1})}


@pytest.mark.parametrize("conf", [None, {}, {"as_of": "x"}, {"slas": [], "publish": "never", "mine": 2}])
def test_parameters_of_the_dag_and_of_the_task_pass(conf: dict[str, Any] | None) -> None:
    refuse_unknown_parameters(context(conf))


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ({"as-of": 1}, "sla_evaluation has no parameter 'as-of'; did you mean as_of?"),
        ({"asOf": 1}, "sla_evaluation has no parameter 'asOf'; did you mean as_of?"),
        ({"sla": 1}, "sla_evaluation has no parameter 'sla'; did you mean slas?"),
        ({"x": 1}, "sla_evaluation has no parameter 'x'; there are as_of, mine, publish, slas"),
        ({"sla": 1, "PUBLISH": 1}, "'PUBLISH'; did you mean publish?; sla_evaluation has no parameter 'sla'"),
    ],
)
def test_a_parameter_that_is_not_known_is_refused_with_what_is_meant(
    conf: dict[str, Any], words: str
) -> None:
    with pytest.raises(UnknownParameter) as caught:
        refuse_unknown_parameters(context(conf))
    assert words in str(caught.value)
