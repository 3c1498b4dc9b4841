"""Examples in the documentation."""

from __future__ import annotations

import re


def section(page: str, title: str) -> str:
    """The text of a section of a page, up to the next section of its level."""
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def code_blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a text in a language, such as ``sh``."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def command_lines(text: str) -> list[str]:
    """The lines of all blocks of shell commands."""
    return [line for block in code_blocks(text, "sh") for line in block.splitlines()]
