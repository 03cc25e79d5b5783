"""What every task of ours starts from: when it is tried again, and that it knows its run's parameters."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from foresight.orchestration.runs import refuse_unknown_parameters

POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="foresight.errors.FinalError",
            action=RetryAction.FAIL,
            reason="the request itself is wrong: trying again gives the same answer",
        ),
        RetryRule(
            exception="foresight.errors.TransientError",
            action=RetryAction.RETRY,
            reason="the world failed: trying again with back-off",
        ),
    ]
)
"""Transient errors retry with back-off, final ones fail at once, unknown ones take the task's retries."""

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "foresight",
    "retries": 3,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=5),
    "retry_policy": POLICY,
    "execution_timeout": timedelta(minutes=15),
    "pre_execute": refuse_unknown_parameters,
}
"""What every task of ours starts from."""

_ML_QUEUE = os.environ.get("FORESIGHT_ML_QUEUE", "")
ML_ARGS: dict[str, Any] = DEFAULT_ARGS | ({"queue": _ML_QUEUE} if _ML_QUEUE else {})
"""What tasks start from that may need TensorFlow: on the queue of the workers that have it, if apart."""
