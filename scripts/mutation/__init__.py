"""Mutation testing of the code that handles money: finds small faults that the tests would miss."""
