"""One module per verb: reads its options, calls one function of the rooms below, returns an OperationResult."""
