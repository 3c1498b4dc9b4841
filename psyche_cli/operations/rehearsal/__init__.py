"""Rehearsals of a run: a local validator, the run, its workers, and the report."""
