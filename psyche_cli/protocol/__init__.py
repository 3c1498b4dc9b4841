"""What Psyche is on-chain: addresses, account layouts, instructions, program errors, run states."""
