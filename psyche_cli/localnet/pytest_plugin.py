"""Fixtures for the tests of other projects that talk to the Psyche programs.

Name it in ``conftest.py``::

    pytest_plugins = ["psyche_cli.localnet.pytest_plugin"]
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator


@pytest.fixture(scope="session")
def psyche_localnet_options() -> LocalnetOptions:
    """What the validator of this session is started with. Override it in your ``conftest.py``."""
    return LocalnetOptions(rpc_port=0)


@pytest.fixture(scope="session")
def psyche_localnet_session(psyche_localnet_options: LocalnetOptions) -> Iterator[LocalValidator]:
    """One validator for the whole session, on free ports, in a thread of this process."""
    with LocalValidator(psyche_localnet_options) as validator:
        yield validator


@pytest.fixture
def psyche_localnet(psyche_localnet_session: LocalValidator) -> Iterator[LocalValidator]:
    """The session's validator; after the test, accounts and time are again what they were before it."""
    snapshot = psyche_localnet_session.call("localnet_takeSnapshot")
    yield psyche_localnet_session
    psyche_localnet_session.call("localnet_restoreSnapshot", snapshot)
    psyche_localnet_session.call("localnet_dropSnapshot", snapshot)
