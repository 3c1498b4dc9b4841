"""The command line, called as ``app.main`` on an in-process validator, and as real processes."""
