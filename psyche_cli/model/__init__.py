"""The coordinator program's state machine as a pure function.

``coordinator_model.apply`` takes a state, an instruction, its signer and the clock, and returns the outcome that the
program would produce. It explains and predicts the course of a run, and is the second implementation against which the
local validator's programs are compared. Each module covers one part of the program's behavior.

The configuration rules and the batch size come from ``run_config``, which the command line also uses, so comparing the
model with the command line does not test them; docs/programs.md ("What checks what") lists the tests that do.
"""
