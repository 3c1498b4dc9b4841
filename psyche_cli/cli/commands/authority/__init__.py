"""The commands of ``psyche-cli authority``."""
