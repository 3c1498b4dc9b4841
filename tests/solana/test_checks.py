"""Checks of a simulation's accounts before a transaction is signed."""

from collections.abc import Sequence
from typing import Any

import pytest
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from psyche_cli.errors import BadRpcResponse, Refused
from psyche_cli.solana.nonces import NonceUse
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.types import Blockhash
from psyche_cli.solana.sending.preparing import Prepared
from psyche_cli.solana.sending.transaction import writable_accounts

from .scripted import FakeClock, ScriptedCluster
from .stage import PAYMENT, WALLET, Stage

A = Pubkey.from_bytes(bytes([1] * 32))
B = Pubkey.from_bytes(bytes([2] * 32))
ACCOUNT = {"lamports": 5, "owner": str(B), "executable": False, "data": ["", "base64"]}
RAW = RawAccount(A, B, 5, b"")


class Check:
    """Accepts the simulation with this number (None: refuses it)."""

    def __init__(self, accepted: int | None, *, rereads: bool = False) -> None:
        self._accepted = accepted
        self._rereads = rereads
        self.seen: list[Prepared] = []

    @property
    def accounts(self) -> Sequence[Pubkey]:
        return (A, B)

    @property
    def reads(self) -> Sequence[Pubkey]:
        return (B,) if self._rereads and self.seen else ()

    def accepts(self, prepared: Prepared) -> bool:
        self.seen.append(prepared)
        if self._accepted is None:
            raise Refused("No.")
        return len(self.seen) == self._accepted


def with_accounts(stage: Stage, accounts: Any) -> None:
    def answer(params: list[Any]) -> Any:
        found = stage.cluster.simulation()
        return {**found, "value": {**found["value"], "accounts": accounts}}

    stage.on("simulateTransaction", answer)


def test_a_transaction_is_signed_once_the_check_accepts_its_simulation() -> None:
    stage, check = Stage(), Check(3)
    with_accounts(stage, [ACCOUNT, None])
    receipt = stage.sender.send([PAYMENT], WALLET, check=check)
    assert receipt.slot == 77
    assert [prepared.simulation.accounts for prepared in check.seen] == [(RAW, None)] * 3
    assert {prepared.fee_lamports for prepared in check.seen} == {5000}
    assert stage.cluster.count("simulateTransaction") == 3
    wanted = {"encoding": "base64+zstd", "addresses": [str(A), str(B)]}
    assert stage.cluster.calls[0][1][1]["accounts"] == wanted


@pytest.mark.parametrize(
    "limit",
    [None, Blockhash(Hash(bytes(32)), 9), NonceUse(A, WALLET.address, Hash(bytes(32)))],
    ids=["latest blockhash", "given blockhash", "nonce"],
)
def test_what_the_check_refuses_is_not_signed(limit: Any) -> None:
    stage = Stage()
    with_accounts(stage, [ACCOUNT, None])
    with pytest.raises(Refused) as caught:
        stage.sender.send([PAYMENT], WALLET, limit=limit, check=Check(None))
    assert caught.value.sent is False
    assert stage.cluster.count("sendTransaction") == 0


def test_a_given_blockhash_is_simulated_until_the_check_accepts_it() -> None:
    stage, check = Stage(), Check(2)
    with_accounts(stage, [ACCOUNT, None])
    stage.sender.send([PAYMENT], WALLET, limit=Blockhash(Hash(bytes(32)), 9), check=check)
    assert len(check.seen) == 2


@pytest.mark.parametrize("limit", [None, Blockhash(Hash(bytes(32)), 9)], ids=["latest blockhash", "given blockhash"])
def test_what_the_check_reads_again_is_read_with_the_next_simulation(limit: Any) -> None:
    stage, check = Stage(), Check(2, rereads=True)
    with_accounts(stage, [ACCOUNT, None])
    stage.on("getMultipleAccounts", {"context": {"slot": 8}, "value": [ACCOUNT]})
    stage.sender.send([PAYMENT], WALLET, limit=limit, check=check)
    methods = [method for method, _ in stage.cluster.calls]
    assert methods[:3] == ["simulateTransaction", "getMultipleAccounts", "simulateTransaction"]


def test_preparing_needs_no_key() -> None:
    stage, check = Stage(), Check(1)
    with_accounts(stage, None)
    prepared = stage.sender.prepare([PAYMENT], WALLET.address, check=check)
    assert prepared.simulation.accounts is None
    assert stage.cluster.count("sendTransaction") == 0


def test_another_number_of_accounts_is_an_invalid_response() -> None:
    stage = Stage()
    with_accounts(stage, [ACCOUNT])
    with pytest.raises(BadRpcResponse):
        stage.sender.send([PAYMENT], WALLET, check=Check(1))


def test_a_client_keeps_what_it_has_read_last_if_asked_to() -> None:
    cluster = ScriptedCluster(FakeClock())
    cluster.handlers["getMultipleAccounts"] = lambda params: {"context": {"slot": 8}, "value": [ACCOUNT, None]}
    forgetful = RpcClient(cluster, cluster.clock)
    forgetful.accounts([A, B])
    assert forgetful.last_read(A) is None
    rpc = forgetful.remembering()
    assert rpc.accounts([A, B], first_bytes=3) == [RAW, None]
    assert rpc.last_read(A) is None
    rpc.without_retries().accounts([A, B])
    assert (rpc.last_read(A), rpc.last_read(B)) == ((8, RAW), (8, None))
    rpc.remember(9, {B: RAW})
    assert rpc.last_read(B) == (9, RAW)


def test_the_payer_is_the_first_writable_account() -> None:
    metas = [AccountMeta(A, is_signer=False, is_writable=True), AccountMeta(B, is_signer=True, is_writable=False)]
    instruction = Instruction(B, b"", metas)
    assert writable_accounts([instruction, instruction], WALLET.address) == (WALLET.address, A)
