"""The Prometheus HTTP endpoint."""
