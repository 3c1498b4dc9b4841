"""Rehearsals of a run: workers with their own wallets that train, conducted in virtual time."""
