"""The commands of ``psyche-cli rewards``."""
