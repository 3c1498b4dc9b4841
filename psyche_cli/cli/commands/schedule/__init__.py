"""The commands of ``psyche-cli schedule``."""
