"""The worker supervisor."""
