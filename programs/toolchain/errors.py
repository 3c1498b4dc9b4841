"""The one error of this tool."""

from __future__ import annotations


class BuildError(Exception):
    """A program that cannot be built: says which file, which symbol or offset, and what is wrong with it."""
