"""The parameters that several DAGs share, as their trigger forms show them."""

from __future__ import annotations

from typing import Final

from airflow.sdk import Param

_INSTANT: Final = (
    r"^$|^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[T ]([01][0-9]|2[0-3]):[0-5][0-9]"
    r"(:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})$"
)
"""An instant with its zone. Airflow does not check what ``format`` says."""


def as_of(description: str) -> Param:
    """The instant that a run is pinned to; empty means what ``description`` says."""
    return Param(
        None,
        type=["null", "string"],
        format="date-time",
        pattern=_INSTANT,
        title="As of",
        description=f"{description} Written as 2026-11-22T13:20:00Z.",
    )


def publish(what: str) -> Param:
    """Whether a run announces its results; ``what`` it then does."""
    return Param(
        "auto",
        enum=["auto", "always", "never"],
        title="Announce on Kafka",
        description=f"auto: every run but a backfill {what}.",
    )


def deployment() -> Param:
    """A deployed model."""
    return Param(
        "model@champion",
        type="string",
        pattern="^[A-Za-z0-9][A-Za-z0-9_.-]*(@[A-Za-z0-9][A-Za-z0-9_.-]*)?$",
        maxLength=257,
        title="Deployment",
        description="name@alias; a name alone means its champion.",
    )
