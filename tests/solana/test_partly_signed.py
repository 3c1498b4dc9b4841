"""Transactions whose signatures are made in different places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams, transfer
from solders.transaction import Transaction

from psyche_cli.errors import InvalidSignature, InvalidTransaction, MissingSignatures, TransactionTooLarge, UsageError
from psyche_cli.solana.sending.partly_signed import (
    AbsentSigner,
    PartlySigned,
    SignedElsewhere,
    read_partly_signed,
)
from psyche_cli.solana.wallet import Wallet
from tests.solana.stage import PAYMENT, WALLET

OTHER = Wallet(Keypair.from_seed(bytes([5] * 32)), "another")
SECOND = transfer(TransferParams(from_pubkey=OTHER.address, to_pubkey=Pubkey(bytes([3] * 32)), lamports=1))
MESSAGE = Message.new_with_blockhash([PAYMENT, SECOND], WALLET.address, Hash(bytes([8] * 32)))
UNSIGNED = PartlySigned(MESSAGE, {})


def test_signatures_are_collected_until_none_is_missing() -> None:
    assert UNSIGNED.signers == UNSIGNED.missing == (WALLET.address, OTHER.address)
    with pytest.raises(MissingSignatures, match=r"signatures of .* are missing") as caught:
        UNSIGNED.require_complete()
    assert caught.value.missing == (str(WALLET.address), str(OTHER.address))
    half = UNSIGNED.signed_by(OTHER)
    assert half.missing == (WALLET.address,)
    with pytest.raises(MissingSignatures, match=f"The signature of {WALLET.address} is missing"):
        half.require_complete()
    assert read_partly_signed(half.raw) == half
    whole = half.signed_by(WALLET)
    whole.require_complete()
    Transaction.from_bytes(whole.raw).verify()
    assert read_partly_signed(whole.raw) == whole


def test_keys_that_need_not_sign_do_not() -> None:
    assert UNSIGNED.signed_by(Wallet.generate(), AbsentSigner(Pubkey.new_unique())) == UNSIGNED


def test_a_signature_made_elsewhere_is_verified() -> None:
    signature = OTHER.sign_message(bytes(MESSAGE))
    assert UNSIGNED.signed_by(SignedElsewhere(OTHER.address, signature)).signatures == {OTHER.address: signature}
    for wrong in (OTHER.sign_message(b"another"), WALLET.sign_message(bytes(MESSAGE)), Signature.default()):
        with pytest.raises(InvalidSignature, match=str(OTHER.address)) as caught:
            UNSIGNED.signed_by(SignedElsewhere(OTHER.address, wrong))
        assert caught.value.signer == str(OTHER.address)


def test_an_absent_signer_cannot_sign() -> None:
    with pytest.raises(MissingSignatures) as caught:
        UNSIGNED.signed_by(AbsentSigner(OTHER.address))
    assert caught.value.missing == (str(OTHER.address),)


def test_a_tampered_transaction_is_refused() -> None:
    raw = bytearray(UNSIGNED.signed_by(WALLET, OTHER).raw)
    raw[-1] ^= 1  # the amount
    with pytest.raises(InvalidSignature):
        read_partly_signed(bytes(raw))


def test_a_transaction_that_is_too_large_has_no_bytes() -> None:
    many = [
        transfer(TransferParams(from_pubkey=WALLET.address, to_pubkey=Pubkey(bytes([n] * 32)), lamports=1))
        for n in range(1, 40)
    ]
    with pytest.raises(TransactionTooLarge):
        _ = PartlySigned(Message.new_with_blockhash(many, WALLET.address, Hash.default()), {}).raw


def test_a_bare_message_has_no_signatures_yet() -> None:
    assert read_partly_signed(bytes(MESSAGE)) == UNSIGNED


def test_other_bytes_are_no_transaction() -> None:
    versioned = MessageV0.try_compile(WALLET.address, [PAYMENT], [], Hash.default())
    with pytest.raises(InvalidTransaction, match="Versioned"):
        read_partly_signed(b"\x80" + bytes(versioned))
    content = bytes(MESSAGE)
    for wrong in (b"", content + b"\0", content[:-1], b"\1" + bytes(64) + content):
        with pytest.raises(UsageError):
            read_partly_signed(wrong)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read_back(content: bytes) -> None:
    try:
        read = read_partly_signed(content)
    except UsageError:
        return
    assert content in (read.raw, bytes(read.message))
