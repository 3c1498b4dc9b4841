"""The verbs' options. Each verb makes one call to ``operations`` and returns its result."""
