"""The ``jsonParsed`` form of accounts and instructions."""
