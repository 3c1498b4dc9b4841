"""How to install the optional packages of psyche-cli."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

PACKAGE: Final = "psyche-run-cli"

Extra: TypeAlias = Literal["rehearse", "ray", "torch", "metrics", "notify", "plots", "parquet", "tensorboard"]
"""A set of optional packages that pyproject.toml declares."""


def install_hint(extra: Extra) -> str:
    """The command that adds an extra to this installation, as the hint of an error."""
    return f"Run: pip install {_target(extra, _origin(), Path(__file__).resolve().parent.parent)}"


def _origin() -> dict[str, Any] | None:
    """What pip has recorded about where it installed psyche-cli from: empty for an index, None if it did not."""
    import json  # these imports take longer than those of some commands
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return dict(json.loads(distribution(PACKAGE).read_text("direct_url.json") or "{}"))
    except PackageNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        return {}


def _target(extra: Extra, origin: dict[str, Any] | None, parent: Path) -> str:
    """The arguments of ``pip install``. ``parent`` is the folder that contains the package."""
    from shlex import quote
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    url = urlsplit(str((origin or {}).get("url", "")))
    if origin is None or "dir_info" in origin:
        folder = parent if origin is None else Path(url2pathname(url.path))
        option = "-e " if origin is not None and origin["dir_info"].get("editable") else ""
        if (folder / "pyproject.toml").is_file():
            return f"{option}{quote(f'{folder}[{extra}]')}"
        return f"'.[{extra}]' in a checkout of psyche-cli."
    if not url.scheme:
        return f"'{PACKAGE}[{extra}]'"
    repository = f"{origin['vcs_info']['vcs']}+" if "vcs_info" in origin else ""
    # A user and a password are omitted.
    bare = url._replace(netloc=url.netloc.rpartition("@")[2], query="", fragment="").geturl()
    return quote(f"{PACKAGE}[{extra}] @ {repository}{bare}")
