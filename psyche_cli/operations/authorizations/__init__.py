"""Authorizations to join the runs of a join authority."""
