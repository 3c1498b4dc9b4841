"""The command line, through ``app.main`` over an in-process validator, and as real processes."""
