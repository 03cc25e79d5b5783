"""Names that the outside world sees: topics, assets, connections, pools, files, labels.

Tables are named in ``foresight.store.tables``.
"""

from __future__ import annotations

from typing import Final

# Airflow connections: they decide what is real.
TELEMETRY_CONNECTION: Final = "telemetry"
RESULTS_CONNECTION: Final = "results"
UPKEEP_CONNECTION: Final = "results_upkeep"
KAFKA_CONNECTION: Final = "kafka"
SLICE_CONFIG_CONNECTION: Final = "slice_config"

# Kafka topics.
TELEMETRY_TOPIC: Final = "prometheusdata"
SLA_EVENTS_TOPIC: Final = "sla-events"
PERFORMANCE_TOPIC: Final = "PERFORMANCE_MEASUREMENTS"
PERFORMANCE_DEAD_LETTER_TOPIC: Final = "PERFORMANCE_MEASUREMENTS.dead-letter"
POLICY_TOPIC: Final = "ML_RESPONSE_TOPIC"

# Airflow assets.
TELEMETRY_ASSET: Final = "foresight://telemetry/analysed"
PERFORMANCE_ASSET: Final = "foresight://slices/measured"

# Files a user edits, under FORESIGHT_CONFIG or include/config.
CATALOGUE_FILE: Final = "catalogue.yaml"
SLA_FILE: Final = "slas.yaml"

# OpenSLO annotations of ours (openslo.com/ is reserved).
ANNOTATION_PREFIX: Final = "foresight.dev/"
