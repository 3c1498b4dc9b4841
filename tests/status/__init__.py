"""What is said about the status of a run, compared with the model."""
