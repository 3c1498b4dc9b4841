"""The error class of the build tool."""

from __future__ import annotations


class BuildError(Exception):
    """A program cannot be built. The message names the file, the symbol or offset, and the problem."""
