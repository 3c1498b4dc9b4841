"""Migrations: a run is replaced by a new one, and its training continues there."""
