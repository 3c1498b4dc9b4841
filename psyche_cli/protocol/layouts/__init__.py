"""Byte layouts of the coordinator account, a file per layout."""
