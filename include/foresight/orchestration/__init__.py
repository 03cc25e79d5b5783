"""The only room with Airflow in it: connections, windows, shards, staging, retries, and the steps of each DAG."""
