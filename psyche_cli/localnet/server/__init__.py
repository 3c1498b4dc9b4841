"""The HTTP and WebSocket servers in front of the dispatcher."""
