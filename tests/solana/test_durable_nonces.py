"""Durable nonces: the account, their use by a transaction, and the outcome of a transaction that uses one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from solders.hash import Hash
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import AdvanceNonceAccountParams, advance_nonce_account

from psyche_cli.errors import (
    AlreadySent,
    BlockhashNotValid,
    ProgramRefused,
    TransactionExpired,
    TransactionUnknown,
)
from psyche_cli.receipts import Receipt
from psyche_cli.solana.nonces import NONCE_BYTES, Nonce, NonceUse, nonce_in, nonce_used_by
from psyche_cli.solana.programs import SYSTEM_PROGRAM
from psyche_cli.solana.rpc.types import Blockhash
from psyche_cli.solana.sending.journal import RecordState
from tests.solana.rpc_cluster import account_json
from tests.solana.scripted import RpcFault
from tests.solana.stage import CUSTOM, PAYMENT, WALLET, Stage
from tests.solana.test_recorded_sending import RecordedStage

ACCOUNT = Pubkey(bytes([7] * 32))
VALUE, NEXT = Hash(bytes([1] * 32)), Hash(bytes([2] * 32))
USE = NonceUse(ACCOUNT, WALLET.address, VALUE)


def nonce_data(value: Hash = VALUE, version: int = 1, state: int = 1) -> bytes:
    words = version.to_bytes(4, "little") + state.to_bytes(4, "little")
    return words + bytes(WALLET.address) + bytes(value) + (5000).to_bytes(8, "little")


def test_a_nonce_account_is_read() -> None:
    assert len(nonce_data()) == NONCE_BYTES
    assert nonce_in(SYSTEM_PROGRAM, nonce_data()) == Nonce(True, WALLET.address, VALUE, 5000)
    legacy = nonce_in(SYSTEM_PROGRAM, nonce_data(version=0))
    assert legacy is not None
    assert not legacy.is_current


@pytest.mark.parametrize(
    ("owner", "data"),
    [(ACCOUNT, nonce_data()), (SYSTEM_PROGRAM, nonce_data()[1:]), (SYSTEM_PROGRAM, nonce_data(state=0))],
    ids=["another owner", "another size", "not initialized"],
)
def test_other_accounts_are_no_nonce(owner: Pubkey, data: bytes) -> None:
    assert nonce_in(owner, data) is None


def message(*instructions: Any) -> Message:
    return Message.new_with_blockhash(list(instructions), WALLET.address, VALUE)


ADVANCE = advance_nonce_account(AdvanceNonceAccountParams(nonce_pubkey=ACCOUNT, authorized_pubkey=WALLET.address))


def test_only_a_first_instruction_that_advances_a_nonce_uses_it() -> None:
    assert nonce_used_by(message(ADVANCE, PAYMENT)) == USE
    for others in ((), (PAYMENT,), (PAYMENT, ADVANCE)):
        assert nonce_used_by(message(*others)) is None
    bare = type(ADVANCE)(ADVANCE.program_id, bytes(ADVANCE.data), ADVANCE.accounts[:2])
    assert nonce_used_by(message(bare)) is None
    foreign = type(ADVANCE)(ACCOUNT, bytes(ADVANCE.data), ADVANCE.accounts)
    assert nonce_used_by(message(foreign)) is None


def send(stage: Stage, limit: Blockhash | NonceUse = USE) -> Receipt:
    return stage.sender.send([PAYMENT], WALLET, label="payment", limit=limit)


def holds(stage: Stage, value: Hash | None, slot: int | None = None) -> None:
    """From now on, the finalized account holds this value; None: there is no account."""
    account = None if value is None else account_json(nonce_data(value), owner=str(SYSTEM_PROGRAM))
    stage.cluster.handlers["getMultipleAccounts"] = lambda params: stage.cluster.valued([account], slot)


def test_the_nonce_is_advanced_first_and_its_value_is_the_blockhash() -> None:
    stage = Stage()
    assert send(stage).slot == 77
    sent = stage.last("sendTransaction").message
    assert nonce_used_by(sent) == USE
    assert len(sent.instructions) == 2
    [options] = [params[1] for method, params in stage.cluster.calls if method == "simulateTransaction"]
    assert options["replaceRecentBlockhash"] is False
    assert bytes(stage.last("simulateTransaction").message) == bytes(sent)


def test_a_chosen_blockhash_is_used_as_it_is() -> None:
    stage = Stage()
    assert send(stage, Blockhash(NEXT, 250)).slot == 77
    assert stage.last("sendTransaction").message.recent_blockhash == NEXT
    with pytest.raises(AlreadySent) as caught:
        send(stage, Blockhash(NEXT, 250))
    assert caught.value.sent is True
    assert len(stage.cluster.sent) == 1


@pytest.mark.parametrize("limit", [USE, Blockhash(VALUE, 250)])
def test_a_value_that_is_not_valid_is_refused_before_anything_is_sent(limit: Any) -> None:
    stage = Stage()
    stage.on("simulateTransaction", stage.cluster.simulation("BlockhashNotFound"))
    with pytest.raises(BlockhashNotValid) as caught:
        send(stage, limit)
    assert caught.value.sent is False
    assert caught.value.blockhash == str(VALUE)
    assert caught.value.nonce_account == (str(ACCOUNT) if limit is USE else None)
    assert stage.cluster.sent == []


def test_a_program_error_in_the_simulation_is_reported() -> None:
    stage = Stage()
    stage.on("simulateTransaction", stage.cluster.simulation(CUSTOM))
    with pytest.raises(ProgramRefused):
        send(stage)


@pytest.mark.parametrize("following", [NEXT, None], ids=["advanced", "closed"])
def test_it_is_dead_once_the_finalized_nonce_has_another_value(following: Hash | None) -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(False))
    stage.on("getEpochInfo", {"absoluteSlot": 10_000, "blockHeight": 9_000})
    holds(stage, following)
    with pytest.raises(TransactionExpired, match=f"advanced its nonce {ACCOUNT}") as caught:
        send(stage)
    assert caught.value.last_valid_block_height is None
    assert stage.cluster.count("getEpochInfo") == 0
    [options] = {str(params[1]) for method, params in stage.cluster.calls if method == "getMultipleAccounts"}
    assert "'commitment': 'finalized'" in options
    assert "minContextSlot" not in options


def test_it_never_expires_by_height() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(False))
    stage.on("getEpochInfo", {"absoluteSlot": 10_000, "blockHeight": 9_000})
    holds(stage, VALUE)
    with pytest.raises(TransactionUnknown):
        send(stage)


def test_a_bank_older_than_the_simulation_may_hold_an_earlier_value() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", stage.status(False))
    holds(stage, NEXT, slot=149)  # the simulation was in slot 150
    with pytest.raises(TransactionUnknown):
        send(stage)
    holds(stage, NEXT, slot=152 + stage.cluster.slot)
    stage.on("getSignatureStatuses", stage.status(False, slot=100_000))
    with pytest.raises(TransactionExpired):
        send(stage, USE._replace(value=Hash(bytes([9] * 32))))


def test_an_advanced_nonce_is_no_verdict_if_the_transaction_advanced_it() -> None:
    stage = Stage()
    stage.on("getSignatureStatuses", *[stage.status(False)] * 15, stage.status(True))
    holds(stage, NEXT)
    assert send(stage).slot == 77


def test_the_journal_has_the_nonce_and_recovers_it(tmp_path: Path) -> None:
    stage = RecordedStage(tmp_path)
    stage.on("getSignatureStatuses", stage.status(False))
    stage.on("getTransaction", None)
    holds(stage, VALUE)
    with pytest.raises(TransactionUnknown):
        send(stage)
    record = stage.record
    assert (record.nonce_account, record.blockhash, record.last_valid_block_height) == (str(ACCOUNT), str(VALUE), None)
    assert record.recorded_slot == 150
    stage.clock.now = stage.cluster.started  # a new process, right after
    holds(stage, NEXT)
    assert stage.sender.settle(record).state is RecordState.EXPIRED
    assert len(set(stage.cluster.sent)) == 1
    stage.journal.close()


@pytest.mark.parametrize(("oldest", "expires"), [(150, True), (151, False), (RpcFault(-32000, "no"), False)])
def test_an_old_record_is_dead_only_if_the_ledger_reaches_back(tmp_path: Path, oldest: Any, expires: bool) -> None:
    stage = RecordedStage(tmp_path)
    stage.on("getSignatureStatuses", stage.status(False))
    stage.on("getTransaction", None)
    holds(stage, VALUE)
    with pytest.raises(TransactionUnknown):
        send(stage)
    stage.clock.now += 1000
    holds(stage, NEXT)
    stage.on("getFirstAvailableBlock", oldest)
    if expires:
        assert stage.sender.settle(stage.record).state is RecordState.EXPIRED
    else:
        with pytest.raises(TransactionUnknown, match="does not reach back"):
            stage.sender.settle(stage.record)
    stage.journal.close()
