"""What the coordinator program does with a run: its state machine as a pure function.

``coordinator_model.apply`` takes a state, an instruction, its signer and the clock, and returns what the program would
make of it. It explains and predicts what happens to a run, and it is the second, independent implementation that the
programs of the local validator are compared with. One module per subject of the program's behaviour.
"""
