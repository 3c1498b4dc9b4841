"""The history of a run: its transactions from the ledger, in a SQLite file, and what they did."""
