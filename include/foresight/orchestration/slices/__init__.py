"""From PM events to guarded policy messages: the steps of the DAGs and what people do by hand."""
