"""The only room with Airflow in it: connections, windows, shards, staging, retries, the steps of each DAG."""
