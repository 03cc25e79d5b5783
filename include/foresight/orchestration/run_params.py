"""The parameters that several DAGs share, as their trigger forms show them."""

from __future__ import annotations

from airflow.sdk import Param


def as_of(description: str) -> Param:
    """The instant that a run is pinned to; empty means what ``description`` says."""
    return Param(None, type=["null", "string"], format="date-time", title="As of", description=description)


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
