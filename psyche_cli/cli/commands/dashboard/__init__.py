"""The verbs of the group ``psyche-cli localnet``, one module each."""
