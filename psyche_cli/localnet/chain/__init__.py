"""The chain: bank, virtual machine, blocks, history and clock. Independent of RPC."""
