#!/bin/bash
# What a fresh stack needs once, and a newer version again: tables, topics, SLAs, DAGs that run. Safe to repeat.
set -euo pipefail
airflow db migrate
foresight migrate
foresight topics create
foresight sla apply "$FORESIGHT_CONFIG/slas.yaml"
airflow dags reserialize
for dag in telemetry_analysis sla_evaluation maintenance; do
    airflow dags unpause "$dag" --yes
done
