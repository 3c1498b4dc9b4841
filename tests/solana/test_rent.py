"""The rent-exempt minimum by the rent sysvar, compared with the cluster's."""

from __future__ import annotations

import struct

import pytest
from solders.pubkey import Pubkey

from psyche_cli.environment import SystemClock
from psyche_cli.errors import AccountNotFound, MalformedAccount, WrongOwner
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.in_process import InProcessTransport, create_dispatcher
from psyche_cli.solana.programs import RENT_SYSVAR
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rent import Rent, decode_rent
from psyche_cli.solana.rpc.client import RpcClient

OWNER = Pubkey.from_string("Sysvar1111111111111111111111111111111111111")


def sysvar(data: bytes, owner: Pubkey = OWNER) -> RawAccount:
    return RawAccount(RENT_SYSVAR, owner, 1, data)


def test_the_minimum_equals_the_clusters() -> None:
    rpc = RpcClient(InProcessTransport(create_dispatcher(Genesis(programs={}))), SystemClock())
    rent = decode_rent(rpc.account(RENT_SYSVAR))
    for size in (0, 1, 82, 108, 165, 173, 200, 119_160, 10 * 1024 * 1024):
        assert rent.exempt_minimum(size) == rpc.rent_exempt_minimum(size)
    assert rent.exempt_minimum(119_160) == 830_244_480


@pytest.mark.parametrize(
    ("lamports", "years", "size", "minimum"),
    [(3480, 2.0, 0, 890_880), (6960, 1.0, 0, 890_880), (3, 0.5, 1, 193), (1, 0.0, 5, 0), (2**63, 1.0, 0, 2**70)],
)
def test_the_minimum_is_exact(lamports: int, years: float, size: int, minimum: int) -> None:
    assert decode_rent(sysvar(struct.pack("<QdB", lamports, years, 50))).exempt_minimum(size) == minimum
    assert Rent(1, (2, 1)).exempt_minimum(0) == 256


@pytest.mark.parametrize(
    "data",
    [b"", bytes(16), bytes(18), struct.pack("<QdB", 1, float("nan"), 0), struct.pack("<QdB", 1, float("inf"), 0)],
)
def test_an_invalid_rent_sysvar_is_rejected(data: bytes) -> None:
    with pytest.raises(MalformedAccount):
        decode_rent(sysvar(data))
    with pytest.raises(WrongOwner):
        decode_rent(sysvar(struct.pack("<QdB", 3480, 2.0, 50), Pubkey.default()))
    with pytest.raises(AccountNotFound):
        decode_rent(None)
