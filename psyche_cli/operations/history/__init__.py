"""The history of a run."""
