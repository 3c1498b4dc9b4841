from __future__ import annotations

from collections.abc import Iterator

import pytest
from solders.keypair import Keypair

from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from tests.localnet.harness import Chain, HandClock, start_chain


@pytest.fixture
def chain() -> Chain:
    return start_chain()


@pytest.fixture(scope="module")
def validator() -> Iterator[LocalValidator]:
    """A local validator on real sockets, without the Psyche programs; slots advance only by warping."""
    with LocalValidator(LocalnetOptions(Genesis(programs={}), rpc_port=0, slot_seconds=0)) as running:
        yield running


@pytest.fixture
def payer() -> Keypair:
    """The payer in all runs of a validator with one ledger."""
    return Keypair()


@pytest.fixture
def clock() -> HandClock:
    """The clock of all runs of a validator with one ledger."""
    return HandClock()
