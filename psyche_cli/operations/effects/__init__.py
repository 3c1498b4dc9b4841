"""The effects of transactions: what a plan says, what a simulation shows, and how they differ."""
