"""Unit tests of small modules: error texts, the account index, the indexes of the history."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.account_index import AccountIndex
from psyche_cli.localnet.rpc.error_texts import transaction_error_text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("BlockhashNotFound", "Blockhash not found"),
        ("AlreadyProcessed", "This transaction has already been processed"),
        ("AccountNotFound", "Attempt to debit an account but found no record of a prior credit."),
        ({"InstructionError": [0, {"Custom": 6015}]}, "Error processing Instruction 0: custom program error: 0x177f"),
        (
            {"InstructionError": [2, "MissingRequiredSignature"]},
            "Error processing Instruction 2: missing required signature for instruction",
        ),
        (
            {"InstructionError": [1, {"BorshIoError": "Unknown"}]},
            "Error processing Instruction 1: borsh io error: Unknown",
        ),
        (
            {"InsufficientFundsForRent": {"account_index": 1}},
            "Transaction results in an account (1) with insufficient funds for rent",
        ),
        ({"DuplicateInstruction": 3}, "Transaction contains a duplicate instruction (3) that is not allowed"),
        ({"ProgramExecutionTemporarilyRestricted": 3}, "program execution temporarily restricted: 3"),
        ("SomethingNewer", "something newer"),
        ({"InstructionError": [0, "SomethingNewer"]}, "Error processing Instruction 0: something newer"),
    ],
)
def test_error_texts(error: object, text: str) -> None:
    assert transaction_error_text(error) == text


KEYS = [Pubkey.new_unique() for _ in range(6)]


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.none() | st.sampled_from(KEYS))))
def test_account_index_equals_a_plain_mapping(changes: list[tuple[Pubkey, Pubkey | None]]) -> None:
    index, plain = AccountIndex(), dict[Pubkey, Pubkey]()
    for address, owner in changes:
        index.record(address, owner)
        if owner is None:
            plain.pop(address, None)
        else:
            plain[address] = owner
    assert len(index) == len(plain)
    assert set(index.addresses()) == set(plain)
    for key in KEYS:
        assert index.owner_of(key) == plain.get(key)
        assert set(index.owned_by(key)) == {address for address, owner in plain.items() if owner == key}
