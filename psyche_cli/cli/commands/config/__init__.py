"""The verbs under ``psyche-cli config``, a module each."""
