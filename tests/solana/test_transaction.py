"""Transactions: size, signatures, and invalid input."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.compute_budget import ID as COMPUTE_BUDGET
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import Transaction

from psyche_cli.errors import TransactionTooLarge
from psyche_cli.solana.rpc.types import Blockhash
from psyche_cli.solana.sending.transaction import (
    sign_transaction,
    transaction_fee,
    transaction_size,
    unique_data_limit,
)
from psyche_cli.solana.wallet import Wallet
from tests.support.counts import repetitions

BLOCKHASH = Blockhash(Hash(bytes(range(32))), 250)
MIB = 1024 * 1024
PROGRAM = Pubkey.new_unique()


def wallet() -> tuple[Wallet, Keypair]:
    keypair = Keypair()
    return Wallet(keypair, "a test"), keypair


def pay(payer: Pubkey, lamports: int = 5) -> Instruction:
    return transfer(TransferParams(from_pubkey=payer, to_pubkey=Pubkey.new_unique(), lamports=lamports))


def test_the_bytes_are_those_that_solders_signs() -> None:
    (payer, payer_key), (other, other_key) = wallet(), wallet()
    instructions = [pay(payer.address), pay(other.address)]
    signed = sign_transaction(instructions, payer, [other], BLOCKHASH)
    transaction = Transaction.from_bytes(signed.raw)
    assert transaction == Transaction([payer_key, other_key], transaction.message, BLOCKHASH.hash)
    transaction.verify()
    assert signed.signature == transaction.signatures[0]
    assert signed.last_valid_block_height == 250
    assert signed.account_keys[:2] == (payer.address, other.address)
    assert signed.program_ids == (instructions[0].program_id, instructions[1].program_id)
    assert transaction.message.recent_blockhash == BLOCKHASH.hash


def test_a_wallet_given_twice_or_not_needed_signs_once_or_not_at_all() -> None:
    (payer, _), (stranger, _) = wallet(), wallet()
    signed = sign_transaction([pay(payer.address)], payer, [payer, stranger], BLOCKHASH)
    assert len(Transaction.from_bytes(signed.raw).signatures) == 1


def test_a_missing_signer_is_a_programming_error() -> None:
    (payer, _), (other, _) = wallet(), wallet()
    with pytest.raises(ValueError, match=f"missing wallets for the signers {other.address}"):
        sign_transaction([pay(other.address)], payer, [], BLOCKHASH)


def test_an_invalid_signature_is_a_programming_error() -> None:
    class WrongWallet(Wallet):
        def sign_message(self, message: bytes) -> Signature:
            return super().sign_message(message + b"!")

    (payer, _), wrong = wallet(), WrongWallet(Keypair(), "a test")
    with pytest.raises(ValueError, match="invalid signature"):
        sign_transaction([pay(wrong.address)], wrong, [], BLOCKHASH)
    with pytest.raises(ValueError, match="invalid signature"):
        sign_transaction([pay(payer.address), pay(wrong.address)], payer, [wrong], BLOCKHASH)


def test_every_signature_costs_5000_lamports() -> None:
    payer, other, third = (wallet()[0].address for _ in range(3))
    assert transaction_fee([pay(payer)], payer) == 5_000
    assert transaction_fee([pay(payer), pay(payer)], payer) == 5_000
    assert transaction_fee([pay(payer), pay(other)], payer) == 10_000
    assert transaction_fee([pay(third), pay(other)], payer) == 15_000


def test_a_unique_data_limit_distinguishes_equal_payments_and_is_sufficient() -> None:
    marks = {bytes(unique_data_limit().data) for _ in range(200)}
    # Of 2^24 marks, 200 random ones are distinct but for one or two.
    assert len(marks) > 197
    limits = [int.from_bytes(mark[1:], "little") for mark in marks]
    assert min(limits) < 56 * MIB < max(limits)
    for mark, limit in zip(marks, limits, strict=True):
        # SetLoadedAccountsDataSizeLimit: the tag 4, then the limit as u32.
        assert (mark[0], len(mark)) == (4, 5)
        assert 48 * MIB < limit <= 64 * MIB
    assert unique_data_limit().program_id == COMPUTE_BUDGET
    assert unique_data_limit().accounts == []


def test_1232_bytes_fit_and_one_more_does_not() -> None:
    payer, _ = wallet()
    empty = transaction_size([Instruction(PROGRAM, bytes(200), [])], payer.address) - 200
    fits = Instruction(PROGRAM, bytes(1232 - empty), [])
    assert transaction_size([fits], payer.address) == 1232
    assert len(sign_transaction([fits], payer, [], BLOCKHASH).raw) == 1232
    with pytest.raises(TransactionTooLarge) as caught:
        sign_transaction([Instruction(PROGRAM, bytes(1233 - empty), [])], payer, [], BLOCKHASH)
    assert caught.value.message == "The transaction is 1233 bytes long; the maximum is 1232."
    assert caught.value.context == {"size": 1233, "limit": 1232}


def test_more_than_256_accounts_cannot_be_expressed() -> None:
    payer, _ = wallet()
    metas = [AccountMeta(Pubkey.new_unique(), False, False) for _ in range(255)]
    assert transaction_size([Instruction(PROGRAM, b"", metas[:254])], payer.address) > 8000
    with pytest.raises(TransactionTooLarge, match="uses 257 accounts; the maximum is 256"):
        transaction_size([Instruction(PROGRAM, b"", metas)], payer.address)


@settings(max_examples=repetitions(50))
@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=60)), min_size=1, max_size=4))
def test_the_planned_size_is_the_size(parts: list[tuple[int, bytes]]) -> None:
    signers = [wallet()[0] for _ in range(4)]
    instructions = [
        Instruction(PROGRAM, data, [AccountMeta(signer.address, True, False) for signer in signers[:count]])
        for count, data in parts
    ]
    signed = sign_transaction(instructions, signers[0], signers[1:], BLOCKHASH)
    assert transaction_size(instructions, signers[0].address) == len(signed.raw)
