"""Simulation: the model of a run in virtual time, with members that behave as assumed.

``engine.simulate`` is the entry. ``world`` executes one second of a run; ``jumps`` skips rounds and epochs that repeat
exactly, so that a million rounds take no longer than a few. The result is the same as if every second were executed.
"""
