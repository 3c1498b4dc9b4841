"""What the coordinator program does with a run: its state machine as a pure function.

``coordinator_model.apply`` takes a state, an instruction, its signer and the clock, and returns what the program would
make of it. It explains and predicts what happens to a run, and it is the second implementation that the programs of the
local validator are compared with. One module per subject of the program's behaviour.

The configuration rules and the batch size are those of ``run_config``, which the command line uses too, so comparing
the model with the command line shows nothing about them; docs/programs.md ("What checks what") says what does.
"""
