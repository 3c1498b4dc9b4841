"""Predictions of the course of a run, for a configuration or from the present state of a run."""
