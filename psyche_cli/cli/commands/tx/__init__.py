"""The commands of ``psyche-cli tx``."""
