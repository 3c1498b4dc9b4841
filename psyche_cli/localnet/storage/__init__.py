"""The ledger folder: what survives a restart of the local validator."""
