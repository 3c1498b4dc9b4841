"""The local validator: LiteSVM with Solana's JSON-RPC and PubSub interfaces."""
