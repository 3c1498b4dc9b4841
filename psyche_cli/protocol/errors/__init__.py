"""Error codes of the programs and explanations of failed transactions."""
