"""Commands for durable nonces."""
