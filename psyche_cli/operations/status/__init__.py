"""What state a run is in, why, and what comes next."""
