"""Files of runs: the results that members uploaded, and training data. Transferred over HTTP, not on-chain."""
