"""Diagnosis of a run: rules as data, each a small pure function, and the findings of those that apply.

``docs/diagnosis.md`` describes every rule.
"""
