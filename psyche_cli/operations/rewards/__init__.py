"""Reward rates and the treasury."""
