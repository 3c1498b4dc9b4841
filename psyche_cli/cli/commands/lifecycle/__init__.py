"""``psyche-cli lifecycle``: the options of its commands."""
