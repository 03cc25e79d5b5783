"""The steps of ``telemetry_analysis``, a module for each kind, so that a task imports only what it needs."""
