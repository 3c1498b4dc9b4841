"""Advice on the settings of a run, from what happened in it or from a simulation."""
