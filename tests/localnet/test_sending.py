"""sendTransaction: landed, failed and rejected transactions, and their fees."""

from __future__ import annotations

import base64

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import CreateAccountParams, create_account
from solders.transaction import VersionedTransaction

from psyche_cli import base58
from psyche_cli.localnet.chain.decoded_transaction import parse_transaction
from psyche_cli.localnet.chain.executor import TransactionRejected
from tests.localnet.harness import FEE, SOL, Chain, move, text


def test_transfer_lands_final_and_is_recorded(chain: Chain) -> None:
    to = Pubkey.new_unique()
    signature = chain.send(chain.transfer(to, SOL))
    assert chain.balance(to) == SOL
    assert chain.balance(chain.payer.pubkey()) == 99 * SOL - FEE
    assert chain.status(signature) == {
        "slot": 1,
        "confirmations": None,
        "err": None,
        "status": {"Ok": None},
        "confirmationStatus": "finalized",
    }
    meta = chain.result("getTransaction", signature)["meta"]
    assert meta["fee"] == FEE
    assert meta["preBalances"][:2] == [100 * SOL, 0]
    assert meta["postBalances"][:2] == [99 * SOL - FEE, SOL]
    assert meta["logMessages"][-1] == "Program 11111111111111111111111111111111 success"


def test_base58_is_the_default_encoding(chain: Chain) -> None:
    transaction = chain.transfer(Pubkey.new_unique(), SOL)
    assert chain.result("sendTransaction", base58.encode(bytes(transaction))) == str(transaction.signatures[0])


def test_preflight_refuses_with_logs_and_costs_nothing(chain: Chain) -> None:
    error = chain.error(
        "sendTransaction", text(chain.transfer(Pubkey.new_unique(), 1000 * SOL)), {"encoding": "base64"}
    )
    assert error["code"] == -32002
    assert error["message"] == (
        "Transaction simulation failed: Error processing Instruction 0: custom program error: 0x1"
    )
    assert error["data"]["err"] == {"InstructionError": [0, {"Custom": 1}]}
    assert any("insufficient lamports" in line for line in error["data"]["logs"])
    assert chain.balance(chain.payer.pubkey()) == 100 * SOL


def test_failed_transaction_without_preflight_pays_its_fee_and_is_recorded(chain: Chain) -> None:
    to = Pubkey.new_unique()
    signature = chain.send(chain.transfer(to, 1000 * SOL), skipPreflight=True)
    failure = {"InstructionError": [0, {"Custom": 1}]}
    assert chain.status(signature)["err"] == failure
    assert chain.status(signature)["status"] == {"Err": failure}
    assert chain.result("getTransaction", signature)["meta"]["err"] == failure
    assert chain.result("getTransaction", signature)["meta"]["fee"] == FEE
    assert chain.balance(chain.payer.pubkey()) == 100 * SOL - FEE
    assert chain.balance(to) == 0


def test_fee_is_per_signature(chain: Chain) -> None:
    other, to = Keypair(), Pubkey.new_unique()
    chain.send(chain.transfer(other.pubkey(), 2 * SOL))
    before = chain.balance(chain.payer.pubkey())
    signature = chain.send(chain.sign(move(other, to, SOL), others=(other,)))
    assert chain.result("getTransaction", signature)["meta"]["fee"] == 2 * FEE
    assert chain.balance(chain.payer.pubkey()) == before - 2 * FEE


def test_duplicate_is_refused_and_executes_once(chain: Chain) -> None:
    to = Pubkey.new_unique()
    transaction = chain.transfer(to, SOL)
    signature = chain.send(transaction)
    error = chain.error("sendTransaction", text(transaction), {"encoding": "base64"})
    assert error["data"]["err"] == "AlreadyProcessed"
    assert error["message"].endswith("This transaction has already been processed")
    assert chain.send(transaction, skipPreflight=True) == signature
    assert chain.balance(to) == SOL


def test_failed_transaction_cannot_be_repeated_either(chain: Chain) -> None:
    transaction = chain.transfer(Pubkey.new_unique(), 1000 * SOL)
    chain.send(transaction, skipPreflight=True)
    chain.send(transaction, skipPreflight=True)
    assert chain.balance(chain.payer.pubkey()) == 100 * SOL - FEE


def test_forged_signature(chain: Chain) -> None:
    to = Pubkey.new_unique()
    genuine = chain.transfer(to, SOL)
    forged = VersionedTransaction.populate(genuine.message, [Signature.new_unique()])
    error = chain.error("sendTransaction", text(forged), {"encoding": "base64"})
    assert (error["code"], error["message"]) == (-32003, "Transaction signature verification failure")
    chain.send(forged, skipPreflight=True)
    assert chain.balance(to) == 0


def test_unknown_payer_and_unknown_program(chain: Chain) -> None:
    stranger = Keypair()
    transaction = chain.transfer(Pubkey.new_unique(), 1, payer=stranger)
    assert chain.error("sendTransaction", text(transaction), {"encoding": "base64"})["data"]["err"] == "AccountNotFound"
    nowhere = chain.sign(Instruction(Pubkey.new_unique(), b"", []))
    error = chain.error("sendTransaction", text(nowhere), {"encoding": "base64"})
    assert error["data"]["err"] == "ProgramAccountNotFound"
    assert chain.balance(chain.payer.pubkey()) == 100 * SOL


def test_account_below_rent_exemption_is_refused(chain: Chain) -> None:
    new = Keypair()
    minimum = chain.result("getMinimumBalanceForRentExemption", 119_160)
    assert minimum == 830_244_480

    def creation(lamports: int) -> VersionedTransaction:
        parameters = CreateAccountParams(
            from_pubkey=chain.payer.pubkey(),
            to_pubkey=new.pubkey(),
            lamports=lamports,
            space=119_160,
            owner=Pubkey.new_unique(),
        )
        return chain.sign(create_account(parameters), others=(new,))

    error = chain.error("sendTransaction", text(creation(minimum - 1)), {"encoding": "base64"})
    assert error["data"]["err"] == {"InsufficientFundsForRent": {"account_index": 1}}
    chain.send(creation(minimum))
    assert chain.value("getAccountInfo", str(new.pubkey()), {"encoding": "base64"})["space"] == 119_160


def test_size_limit(chain: Chain) -> None:
    memo = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")

    def with_memo(size: int) -> VersionedTransaction:
        return chain.sign(Instruction(memo, b"m" * size, []))

    overhead = len(bytes(with_memo(1000))) - 1000
    most = 1232 - overhead
    # It lands, although the memo program finds it too long to read.
    assert chain.status(chain.send(with_memo(most), skipPreflight=True)) is not None
    error = chain.error("sendTransaction", text(with_memo(most + 1)), {"encoding": "base64"})
    assert error["code"] == -32602
    assert "too large: 1233 bytes (max: 1232 bytes)" in error["message"]
    error = chain.error("sendTransaction", text(with_memo(most + 1000)), {"encoding": "base64"})
    assert "too large" in error["message"]


def test_at_most_64_accounts_are_locked(chain: Chain) -> None:
    def naming(count: int) -> VersionedTransaction:
        metas = [AccountMeta(Pubkey.new_unique(), is_signer=False, is_writable=True) for _ in range(count)]
        return chain.sign(Instruction(Pubkey.default(), b"", metas))

    bank = chain.dispatcher.context.bank
    # The payer and the program count too. Only look-up tables let so many into 1,232 bytes.
    for count in (62, 63):
        transaction = parse_transaction(bytes(naming(count)))
        loaded = bank.executor.load_keys(transaction)
        if count == 62:
            bank.executor.check(transaction, loaded)
            continue
        with pytest.raises(TransactionRejected) as rejected:
            bank.executor.check(transaction, loaded)
    assert rejected.value.error == "TooManyAccountLocks"


def test_min_context_slot(chain: Chain) -> None:
    transaction = text(chain.transfer(Pubkey.new_unique(), SOL))
    error = chain.error("sendTransaction", transaction, {"encoding": "base64", "minContextSlot": 99})
    assert error == {"code": -32016, "message": "Minimum context slot has not been reached", "data": {"contextSlot": 1}}
    chain.pass_slots(98)
    chain.result("sendTransaction", transaction, {"encoding": "base64", "minContextSlot": 99})


def test_undecodable_transactions(chain: Chain) -> None:
    good = bytes(chain.transfer(Pubkey.new_unique(), SOL))
    for content in (b"", b"\x00", b"\x01" * 40, good[:-1], good[:70], bytes(64)):
        error = chain.error("sendTransaction", base64.b64encode(content).decode(), {"encoding": "base64"})
        assert error["code"] == -32602, content
    for wrong, encoding in (("!!!", "base64"), ("0OIl", "base58"), (5, "base64"), (None, "base64"), ("AA", "hex")):
        assert chain.error("sendTransaction", wrong, {"encoding": encoding})["code"] == -32602


def test_closed_account_is_gone_and_can_be_created_again(chain: Chain) -> None:
    other = Keypair()
    chain.send(chain.transfer(other.pubkey(), SOL))
    chain.send(chain.transfer(chain.payer.pubkey(), SOL - FEE, payer=other))
    assert chain.value("getAccountInfo", str(other.pubkey())) is None
    assert chain.balance(other.pubkey()) == 0
    chain.send(chain.transfer(other.pubkey(), 2 * SOL))
    assert chain.value("getAccountInfo", str(other.pubkey()))["lamports"] == 2 * SOL


def test_equal_airdrops_in_one_slot_all_arrive(chain: Chain) -> None:
    to = str(Pubkey.new_unique())
    signatures = {chain.result("requestAirdrop", to, SOL) for _ in range(20)}
    assert len(signatures) == 20
    assert chain.value("getBalance", to) == 20 * SOL


def test_airdrop_beyond_the_faucet(chain: Chain) -> None:
    to = Pubkey.new_unique()
    signature = chain.result("requestAirdrop", str(to), 2**63)
    assert chain.status(signature)["err"] == {"InstructionError": [0, {"Custom": 1}]}
    assert chain.balance(to) == 0
    assert f"failed: Error processing Instruction 0: custom program error: 0x1  {signature}" in chain.log[-1]


def test_airdrop_below_rent(chain: Chain) -> None:
    signature = chain.result("requestAirdrop", str(Pubkey.new_unique()), 1)
    assert chain.status(signature)["err"] == {"InsufficientFundsForRent": {"account_index": 1}}


def test_airdrop_with_a_blockhash(chain: Chain) -> None:
    to, blockhash = str(Pubkey.new_unique()), str(chain.blockhash())
    chain.result("localnet_warpSlots", 3)
    signature = chain.result("requestAirdrop", to, SOL, {"recentBlockhash": blockhash})
    found = chain.result("getTransaction", signature)
    assert found["transaction"]["message"]["recentBlockhash"] == blockhash
    assert chain.error("requestAirdrop", to, SOL, {"recentBlockhash": "1" * 32}) == {
        "code": -32603,
        "message": "airdrop request failed: Blockhash not found",
    }
