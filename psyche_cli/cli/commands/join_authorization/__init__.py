"""The commands of ``psyche-cli join-authorization``."""
