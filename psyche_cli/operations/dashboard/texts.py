"""Documents as JSON text for a web page: without secrets and control characters, and safe inside HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from psyche_cli.exact_numbers import with_strings
from psyche_cli.json_text import json_text
from psyche_cli.json_values import to_json
from psyche_cli.printable import printable
from psyche_cli.results import JsonValue

_IN_HTML: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def document_text(document: Any, redacted: Callable[[str], str]) -> str:
    """A document as JSON on one line.

    Unprintable characters in texts are replaced, except line breaks, and ``redacted`` removes secrets. Beside numbers
    that JavaScript would round are their exact digits as text.
    """
    return json_text(with_strings(_safe(to_json(document), redacted)), one_line=True)


def in_html(text: str) -> str:
    """JSON text that can stand inside a ``script`` element: it contains neither tags nor comments."""
    return text.translate(_IN_HTML)


def _safe(value: JsonValue, redacted: Callable[[str], str]) -> JsonValue:
    if isinstance(value, str):
        return "\n".join(map(printable, redacted(value).split("\n")))
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {printable(key): _safe(inner, redacted) for key, inner in value.items()}
    return [_safe(inner, redacted) for inner in value] if isinstance(value, list | tuple) else value
