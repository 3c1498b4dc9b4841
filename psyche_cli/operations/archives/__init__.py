"""Archives of runs: a run and its history in one file, which commands read instead of a cluster."""
