"""One module per verb: look at the cluster, plan (a pure function), act, and say what was done."""
