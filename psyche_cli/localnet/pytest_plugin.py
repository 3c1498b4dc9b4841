"""pytest fixtures for other projects that use the Psyche programs.

Enable the plugin in the project's ``pyproject.toml``::

    [tool.pytest.ini_options]
    addopts = ["-p", "psyche_cli.localnet.pytest_plugin"]
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator

_ANCHORPY_PLUGIN: Final = "pytest_anchorpy"
_NEEDED_BY_ANCHORPY: Final = ("pytest_asyncio", "pytest_xprocess")


def pytest_plugin_registered(plugin: object, manager: pytest.PytestPluginManager) -> None:
    """Block AnchorPy's pytest plugin if it cannot be imported.

    AnchorPy registers its plugin with pytest without depending on the packages that the plugin imports, so pytest would
    not start where AnchorPy is installed without them. Plugins named with ``-p`` are registered before those of
    installed packages are imported; a ``conftest.py`` is loaded too late.
    """
    if plugin is sys.modules[__name__] and not all(importlib.util.find_spec(name) for name in _NEEDED_BY_ANCHORPY):
        manager.set_blocked(_ANCHORPY_PLUGIN)


@pytest.fixture(scope="session")
def psyche_localnet_options() -> LocalnetOptions:
    """The options of this session's validator. Override this fixture in your ``conftest.py``."""
    from psyche_cli.localnet.local_validator import LocalnetOptions

    return LocalnetOptions(rpc_port=0)


@pytest.fixture(scope="session")
def psyche_localnet_session(psyche_localnet_options: LocalnetOptions) -> Iterator[LocalValidator]:
    """The validator of the whole session, on free ports, in a thread of this process."""
    from psyche_cli.localnet.local_validator import LocalValidator

    with LocalValidator(psyche_localnet_options) as validator:
        yield validator


@pytest.fixture
def psyche_localnet(psyche_localnet_session: LocalValidator) -> Iterator[LocalValidator]:
    """The session's validator; accounts and time are restored after each test."""
    snapshot = psyche_localnet_session.call("localnet_takeSnapshot")
    yield psyche_localnet_session
    psyche_localnet_session.call("localnet_restoreSnapshot", snapshot)
    psyche_localnet_session.call("localnet_dropSnapshot", snapshot)
