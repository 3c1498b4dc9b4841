"""Tests: one file per concern."""
