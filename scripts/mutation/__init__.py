"""Mutation testing of the code that handles money: which small faults would the tests miss?"""
