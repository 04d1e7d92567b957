"""Metrics: figures of running and finished tasks, in the form that Prometheus reads."""
