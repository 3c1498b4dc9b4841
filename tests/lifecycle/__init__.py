"""The state machines, their diagrams, and the rules of group validation."""
