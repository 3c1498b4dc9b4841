"""Accounts of the Psyche programs and of SPL Token, decoded."""
