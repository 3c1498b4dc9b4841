"""JSON encodings of accounts and transactions."""
