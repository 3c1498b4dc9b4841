"""The verbs of the group ``psyche-cli config``, one module each."""
