"""The registry of runs and their workers."""
