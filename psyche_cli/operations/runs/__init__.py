"""Creating, finding, pausing and resuming runs."""
