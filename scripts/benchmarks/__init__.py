"""What things cost on this machine. ``scripts/bench`` prints all of it; nothing here judges."""
