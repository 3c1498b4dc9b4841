"""Byte layouts of the coordinator account, one file per layout."""
