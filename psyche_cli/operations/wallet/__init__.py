"""Wallets: their keypair files, balances and airdrops."""
