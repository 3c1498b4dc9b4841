"""Talking to a Solana cluster: transport, typed RPC calls, wallet, sending transactions."""
