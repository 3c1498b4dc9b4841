"""One module per verb: read the cluster, plan (a pure function), act, and return a result."""
