"""Tests of psyche_cli.cluster."""
