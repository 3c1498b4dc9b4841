"""Administer Psyche training runs on Solana, and rehearse them offline on an embedded local validator."""

__version__ = "0.1.0"
