"""Reading runs and members."""
