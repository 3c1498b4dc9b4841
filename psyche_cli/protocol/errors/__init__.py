"""Errors of the programs by name."""
