"""Models, deployments and scoring: the steps of the DAGs and the service behind every door."""
