"""``psyche-cli keygen`` and its verbs."""
