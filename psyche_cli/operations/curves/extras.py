"""The optional packages that write pictures and event files."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from psyche_cli.errors import UsageError
from psyche_cli.extras import Extra, install_hint

_PACKAGES: Final[dict[str, tuple[str, str, Extra]]] = {
    "svg": ("SVG", "matplotlib", "plots"),
    "png": ("PNG", "matplotlib", "plots"),
    "tensorboard": ("TensorBoard", "tensorboardX", "tensorboard"),
}


def require_package(format: str) -> None:
    """Check that the package that writes a format is installed. Raises UsageError."""
    if format in _PACKAGES:
        name, package, extra = _PACKAGES[format]
        if find_spec(package) is None:
            raise UsageError(
                f"{name} files need the package {package}, which is not installed.", hint=install_hint(extra)
            )
