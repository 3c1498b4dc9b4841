"""The worker supervisor: it starts worker processes, follows them, and records how they end."""
