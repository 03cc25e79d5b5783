"""Where files are kept: model files and what tasks hand over, on any storage that Airflow knows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from foresight.files import Files

if TYPE_CHECKING:
    from upath import UPath


def storage_path(place: str) -> UPath:
    """The path of a URI, or of a local path.

    A local one needs no Airflow. Any other is Airflow's: its user part names the connection that opens it,
    as in ``s3://my_connection@bucket/folder``.
    """
    scheme, separator, _ = place.partition("://")
    if separator and scheme != "file":
        from airflow.sdk import ObjectStoragePath

        return ObjectStoragePath(place)  # type: ignore[return-value] # stands in for a UPath, untyped
    from upath import UPath

    local = unquote(urlsplit(place).path) if separator else os.path.abspath(place)
    return UPath(f"file://{local}")


def model_files() -> Files:
    """Where model files lie: ``FORESIGHT_MODELS``, by default the folder ``models`` in Airflow's home."""
    return Files(storage_path(placed("FORESIGHT_MODELS", "models")), storage_path)


def staging_root() -> UPath:
    """Where tasks put what others read: ``FORESIGHT_STAGING``, by default ``staging`` in Airflow's home."""
    return storage_path(placed("FORESIGHT_STAGING", "staging"))


def placed(variable: str, folder: str) -> str:
    """The place that a variable of the environment names, by default a folder in Airflow's home."""
    home = os.path.expanduser(os.environ.get("AIRFLOW_HOME", "~/airflow"))
    return os.environ.get(variable) or os.path.join(home, folder)


def backtest_folder() -> UPath:
    """Where back-tests write: ``FORESIGHT_BACKTESTS``, by default ``backtests`` in Airflow's home."""
    return storage_path(placed("FORESIGHT_BACKTESTS", "backtests"))
