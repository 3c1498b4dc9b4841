"""The embedded local validator: LiteSVM behind Solana's JSON-RPC and PubSub."""
