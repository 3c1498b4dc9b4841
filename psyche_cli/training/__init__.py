"""The training of a rehearsal: a small byte-level language model that the members of a run train together.

It knows nothing of the chain, of workers or of gRPC. A member calls ``open_trainer``, trains its sequences of a round,
publishes a submission in the exchange folder, and applies the results that ``checker.judge`` accepts.
"""
