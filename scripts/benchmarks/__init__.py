"""Benchmarks, run by ``scripts/bench``. They print figures and the targets, but never fail."""
