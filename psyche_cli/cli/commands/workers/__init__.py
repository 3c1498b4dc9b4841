"""The commands of ``psyche-cli workers``."""
