"""The registry of runs and their workers: a SQLite file in which every change obeys the life cycle of a worker."""
