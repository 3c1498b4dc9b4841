"""The command line: parses once, makes one call, renders the result."""
