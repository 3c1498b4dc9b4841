"""What a node of Solana (Agave 3.1) answers, as facts: texts, codes, data and shapes, asked over HTTP."""
