"""The commands of ``psyche-cli nonce``."""
