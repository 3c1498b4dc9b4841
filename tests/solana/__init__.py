"""Tests of psyche_cli.solana."""
