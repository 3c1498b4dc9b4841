"""The ledger, which preserves the chain across restarts of the local validator."""
