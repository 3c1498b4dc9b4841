"""Runs of workers: what the registry and their folders say, and their cancellation."""
