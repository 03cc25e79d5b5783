"""Airflow and its companions as processes of this machine."""
