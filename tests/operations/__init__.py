"""What commands derive from the accounts of a run, without a command line."""
