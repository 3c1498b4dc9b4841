"""Psyche's on-chain protocol: addresses, account layouts, instructions, program errors, run states."""
