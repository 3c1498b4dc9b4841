"""The tests, one file per topic."""
