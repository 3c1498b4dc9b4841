"""HTTP and WebSocket in front of the dispatcher."""
