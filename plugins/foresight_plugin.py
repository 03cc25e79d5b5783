"""Foresight in Airflow's UI and API server.

The installed package registers the plugin by its entry point; this file does where it is not installed.
"""

from importlib.metadata import entry_points

if not any(found.value.startswith("foresight.") for found in entry_points(group="airflow.plugins")):
    from foresight.web.plugin import ForesightPlugin  # noqa: F401 - Airflow finds it here
