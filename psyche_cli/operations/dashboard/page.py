"""The page as one HTML document: its parts are put together, and a policy allows nothing but these parts."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from psyche_cli.operations.dashboard.texts import in_html

_FOLDER: Final = Path(__file__).parent / "page"
_POLICY, _STYLE, _DOCUMENTS, _SCRIPT = (f"<!-- {name} -->" for name in ("POLICY", "STYLE", "DOCUMENTS", "SCRIPT"))
_ORDER: Final = "order.txt"
"""The file that lists the scripts in their order."""


class Page(NamedTuple):
    """An HTML document, and the Content-Security-Policy that it needs."""

    html: str
    policy: str


class _Parts(NamedTuple):
    frame: str
    style: str
    script: str


def live_page() -> Page:
    """The page that reads its documents from the server. The policy is for a header."""
    parts = _parts()
    html = _assembled(parts, policy="", documents="")
    return Page(html, f"{_policy(parts)}; connect-src 'self'; frame-ancestors 'none'")


def exported_page(documents: str) -> Page:
    """The page with its documents, given as JSON text, for a file. It makes no requests.

    The policy is in the document, too, except for what only a header can contain.
    """
    parts = _parts()
    policy = _policy(parts)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    data = f'<script type="application/json" id="documents">{in_html(documents)}</script>'
    return Page(_assembled(parts, policy=meta, documents=data), f"{policy}; frame-ancestors 'none'")


@cache
def _parts() -> _Parts:
    names = (_FOLDER / _ORDER).read_text(encoding="utf-8").split()
    script = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)
    style = (_FOLDER / "style.css").read_text(encoding="utf-8")
    return _Parts((_FOLDER / "index.html").read_text(encoding="utf-8"), f"\n{style}", f"\n{script}")


def _policy(parts: _Parts) -> str:
    return (
        "default-src 'none'; "
        f"style-src {_hash(parts.style)}; "
        f"script-src {_hash(parts.script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _assembled(parts: _Parts, *, policy: str, documents: str) -> str:
    """The document. Each mark is searched in the index only, so that no content can contain one."""
    html = parts.frame
    filled = {
        _POLICY: policy,
        _STYLE: f"<style>{parts.style}</style>",
        _DOCUMENTS: documents,
        _SCRIPT: f'<script type="module">{parts.script}</script>',
    }
    pieces = []
    for mark, content in filled.items():
        before, _, html = html.partition(mark)
        pieces += [before, content]
    return "".join([*pieces, html])
