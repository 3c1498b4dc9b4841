"""Curves of a run from its history: what its members reported about the training, and what the run was."""
