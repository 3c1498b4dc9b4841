"""The options of each verb. Each verb calls one function of ``operations`` and returns its result."""
