"""What the ``localnet`` verbs do."""
