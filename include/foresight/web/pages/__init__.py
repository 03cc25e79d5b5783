"""Pages inside Airflow's UI: one address each, made by the server, readable without a script."""
