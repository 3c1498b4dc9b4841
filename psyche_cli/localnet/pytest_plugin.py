"""pytest fixtures for other projects that use the Psyche programs.

Enable the plugin in the project's ``pyproject.toml``::

    [tool.pytest.ini_options]
    addopts = ["-p", "psyche_cli.localnet.pytest_plugin"]
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
    from psyche_cli.members.member import Member
    from psyche_cli.members.owned_run import OwnedRun

_ANCHORPY_PLUGIN: Final = "pytest_anchorpy"
_OWNER_LAMPORTS: Final = 1_000 * 10**9
_DECIMALS: Final = 6
_VAULT: Final = 10**12
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


@pytest.fixture
def psyche_run_config() -> Path:
    """The configuration file (TOML) of ``psyche_run``, by default that of a small run. Override this fixture."""
    from psyche_cli.run_config.examples import find_example

    return find_example("minimal").path


@pytest.fixture
def psyche_run(psyche_localnet: LocalValidator, psyche_run_config: Path) -> Iterator[OwnedRun]:
    """A run that waits for members, which everyone may join.

    Its owner has 1,000 SOL. It has a treasurer, whose vault holds 1,000,000 tokens of a mint with 6 decimals; the owner
    holds as many, and is the mint authority. The members earn 1 token per epoch, together.
    """
    from psyche_cli.environment import SystemClock
    from psyche_cli.members.owned_run import OwnedRun
    from psyche_cli.run_config.load import load_run_config
    from psyche_cli.solana.rpc.client import RpcClient
    from psyche_cli.solana.wallet import Wallet

    config = load_run_config(psyche_run_config)
    transport = psyche_localnet.open_transport()
    try:
        rpc = RpcClient(transport, SystemClock())
        run = OwnedRun(rpc, Wallet.generate(), "psyche-run")
        rpc.request_airdrop(run.owner.address, _OWNER_LAMPORTS)
        mint = run.new_mint(_DECIMALS, 2 * _VAULT)
        run.create(config.config, config.model, mint=mint)
        run.set_rates(earning=10**_DECIMALS)
        run.top_up(_VAULT, decimals=_DECIMALS)
        run.resume()
        yield run
    finally:
        transport.close()


@pytest.fixture
def psyche_members(psyche_run: OwnedRun) -> Callable[[int], list[Member]]:
    """A function that returns a number of members of ``psyche_run`` with 1 SOL each. They have not joined."""
    return lambda count: [psyche_run.new_member() for _ in range(count)]
