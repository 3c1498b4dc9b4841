"""``psyche-cli localnet`` and the verbs under it."""
