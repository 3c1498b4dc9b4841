"""Commands for transactions that were sent earlier."""
