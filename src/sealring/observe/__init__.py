"""Sinks for events: log lines and metrics."""
