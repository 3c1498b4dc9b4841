"""Transactions and bare messages of any origin: decoding, signers, lookup tables, and what is not a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.hash import Hash
from solders.instruction import AccountMeta, CompiledInstruction, Instruction
from solders.keypair import Keypair
from solders.message import Message, MessageAddressTableLookup, MessageHeader, MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import AdvanceNonceAccountParams, TransferParams, advance_nonce_account, transfer
from solders.transaction import VersionedTransaction

from psyche_cli.errors import InvalidTransaction
from psyche_cli.solana.lookup_tables import with_tables
from psyche_cli.solana.messages import INVALID, MISSING, SIGNED, Signer, decode_message
from psyche_cli.solana.programs import LOOKUP_TABLE_PROGRAM, SYSTEM_PROGRAM
from psyche_cli.solana.raw_account import RawAccount

PAYER, OTHER = Keypair(), Keypair()
A, B, TABLE, TABLE_2, PROGRAM = (Pubkey.new_unique() for _ in range(5))
BLOCKHASH = Hash.new_unique()


def two_signers() -> Message:
    call = Instruction(PROGRAM, b"data", [AccountMeta(OTHER.pubkey(), True, False), AccountMeta(A, False, True)])
    return Message.new_with_blockhash([call], PAYER.pubkey(), BLOCKHASH)


def looking_up() -> MessageV0:
    return MessageV0(
        header=MessageHeader(1, 0, 1),
        account_keys=[PAYER.pubkey(), PROGRAM],
        recent_blockhash=BLOCKHASH,
        instructions=[CompiledInstruction(1, b"data", bytes([0, 2, 3, 4, 5]))],
        address_table_lookups=[
            MessageAddressTableLookup(TABLE, bytes([1]), bytes([0])),
            MessageAddressTableLookup(TABLE_2, bytes([2]), bytes([1])),
        ],
    )


def test_a_bare_message() -> None:
    message = two_signers()
    decoded = decode_message(bytes(message))
    assert (decoded.version, decoded.signatures, decoded.signature) == ("legacy", (), None)
    assert (decoded.content, decoded.blockhash, decoded.payer) == (bytes(message), BLOCKHASH, PAYER.pubkey())
    assert decoded.signers == (Signer(PAYER.pubkey(), MISSING), Signer(OTHER.pubkey(), MISSING))
    assert (decoded.base_fee, decoded.unresolved, decoded.nonce_account) == (10_000, False, None)
    [call] = decoded.instructions
    assert (call.program, call.data) == (PROGRAM, b"data")
    assert [(one.address, one.is_signer, one.is_writable) for one in call.accounts] == [
        (OTHER.pubkey(), True, False),
        (A, False, True),
    ]
    assert [(one.address, one.is_signer, one.is_writable) for one in decoded.accounts] == [
        (PAYER.pubkey(), True, True),
        (OTHER.pubkey(), True, False),
        (A, False, True),
        (PROGRAM, False, False),
    ]


def test_signatures_are_verified() -> None:
    message = two_signers()
    first = PAYER.sign_message(bytes(message))
    partly = decode_message(bytes(VersionedTransaction.populate(message, [first, Signature.default()])))
    assert [signer.state for signer in partly.signers] == [SIGNED, MISSING]
    assert partly.signature == first
    wrong = decode_message(bytes(VersionedTransaction.populate(message, [first, first])))
    assert [signer.state for signer in wrong.signers] == [SIGNED, INVALID]
    other = decode_message(bytes(VersionedTransaction.populate(message, [Signature.default(), first])))
    assert other.signature is None


@pytest.mark.parametrize("make", [two_signers, looking_up])
def test_as_transaction(make: Callable[[], Any]) -> None:
    message = make()
    bare = decode_message(to_bytes_versioned(message))
    whole = VersionedTransaction.from_bytes(bare.as_transaction())
    assert whole.message == message
    assert set(whole.signatures) == {Signature.default()}
    signed = VersionedTransaction.populate(message, [Signature.new_unique() for _ in whole.signatures])
    assert decode_message(bytes(signed)).as_transaction() == bytes(signed)


def test_the_accounts_of_lookup_tables() -> None:
    decoded = decode_message(to_bytes_versioned(looking_up()))
    assert (decoded.version, decoded.unresolved) == (0, True)
    looked_up = [(one.table, one.table_index, one.is_writable) for one in decoded.accounts[2:]]
    assert looked_up == [(TABLE, 1, True), (TABLE_2, 2, True), (TABLE, 0, False), (TABLE_2, 1, False)]
    keys = [Pubkey.new_unique() for _ in range(6)]
    tables = [table(keys[:2], TABLE), table(keys[2:], TABLE_2)]
    resolved = with_tables(decoded, tables)
    assert not resolved.unresolved
    assert [one.address for one in resolved.instructions[0].accounts] == [
        PAYER.pubkey(), keys[1], keys[4], keys[0], keys[3]
    ]  # fmt: skip
    with pytest.raises(ValueError, match="zip"):
        decoded.with_loaded(keys[:1], [])
    short: list[list[RawAccount | None]] = [
        [tables[0], None],
        [table(keys[:1], TABLE), tables[1]],
        [tables[0], tables[1]._replace(owner=PROGRAM)],
        [tables[0], tables[1]._replace(data=b"damaged")],
    ]
    assert all(with_tables(decoded, found) == decoded for found in short)


def table(addresses: list[Pubkey], address: Pubkey) -> RawAccount:
    never_deactivated = b"\xff" * 8
    head = ((1).to_bytes(4, "little") + never_deactivated).ljust(56, b"\0")
    return RawAccount(address, LOOKUP_TABLE_PROGRAM, 1, head + b"".join(map(bytes, addresses)))


def test_the_nonce_account() -> None:
    advance = advance_nonce_account(AdvanceNonceAccountParams(nonce_pubkey=A, authorized_pubkey=PAYER.pubkey()))
    pay = transfer(TransferParams(from_pubkey=PAYER.pubkey(), to_pubkey=B, lamports=1))

    def nonce(*calls: Instruction) -> Pubkey | None:
        return decode_message(bytes(Message.new_with_blockhash([*calls], PAYER.pubkey(), BLOCKHASH))).nonce_account

    assert nonce(advance, pay) == A
    assert nonce(pay, advance) is None
    assert nonce() is None
    assert nonce(Instruction(SYSTEM_PROGRAM, bytes(advance.data), [])) is None
    assert nonce(Instruction(PROGRAM, bytes(advance.data), advance.accounts)) is None


def changed(message: Message, **parts: Any) -> bytes:
    fields: dict[str, Any] = {
        "header": message.header,
        "account_keys": message.account_keys,
        "recent_blockhash": message.recent_blockhash,
        "instructions": message.instructions,
    }
    given = {**fields, **parts}
    head = given["header"]
    return bytes(
        Message.new_with_compiled_instructions(
            head.num_required_signatures,
            head.num_readonly_signed_accounts,
            head.num_readonly_unsigned_accounts,
            given["account_keys"],
            given["recent_blockhash"],
            given["instructions"],
        )
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "The 0 bytes are neither a transaction nor a message"),
        (b"\1", "The 1 bytes are neither"),
        (bytes(two_signers())[:-1], "are neither"),
        (bytes(two_signers()) + b"\0", "are neither"),
        (b"\x81" + bytes(two_signers()), "are neither"),
        (bytes(1233), "1233 bytes are too long for a transaction; the maximum is 1232"),
        (changed(two_signers(), header=MessageHeader(0, 0, 1)), "message is invalid: no account can pay the fee"),
        (changed(two_signers(), header=MessageHeader(2, 2, 1)), "message is invalid: no account can pay the fee"),
        (changed(two_signers(), header=MessageHeader(2, 1, 3)), "declares more accounts than it has"),
        (
            changed(two_signers(), instructions=[CompiledInstruction(9, b"", b"")]),
            "instruction 1 refers to an account that does not exist",
        ),
        (
            changed(two_signers(), instructions=[CompiledInstruction(3, b"", b""), CompiledInstruction(3, b"", b"\4")]),
            "instruction 2 refers to an account that does not exist",
        ),
        (
            bytes(
                VersionedTransaction.populate(
                    Message.new_with_compiled_instructions(1, 1, 0, [A], BLOCKHASH, []), [Signature.default()]
                )
            ),
            "The transaction is invalid: no account can pay the fee",
        ),
        (
            bytes(VersionedTransaction.populate(two_signers(), [Signature.default()])),
            "are neither",
        ),
    ],
)
def test_what_is_not_a_message(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidTransaction) as error:
        decode_message(data)
    assert reason in error.value.message
    assert error.value.hint


@given(st.binary(max_size=1300))
def test_random_bytes(data: bytes) -> None:
    read_or_refuse(data)


@given(st.data(), st.sampled_from([two_signers, looking_up]), st.booleans())
def test_damaged_messages(data: st.DataObject, make: Callable[[], Any], in_transaction: bool) -> None:
    decoded = decode_message(to_bytes_versioned(make()))
    raw = bytearray(decoded.as_transaction() if in_transaction else decoded.content)
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(bytes(raw[: data.draw(st.integers(0, len(raw)))]))


def read_or_refuse(data: bytes) -> None:
    try:
        decoded = decode_message(data)
    except InvalidTransaction:
        return
    assert len(decoded.signers) == decoded.required_signatures
    assert decoded.instructions is not None
    assert data in (decoded.content, decoded.as_transaction())
