"""The chain itself: bank, virtual machine, blocks, history and clock. Knows nothing of RPC."""
