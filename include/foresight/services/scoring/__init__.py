"""Models, deployments and scoring."""
