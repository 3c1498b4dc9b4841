"""Durable nonces and address lookup tables."""

from __future__ import annotations

import base64

import pytest
from solders.account import Account
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.system_program import (
    AdvanceNonceAccountParams,
    CreateLookupTableParams,
    ExtendLookupTableParams,
    WithdrawNonceAccountParams,
    advance_nonce_account,
    create_lookup_table,
    create_nonce_account,
    extend_lookup_table,
    withdraw_nonce_account,
)
from solders.transaction import VersionedTransaction

from psyche_cli.localnet.chain.slot_ends import MOST_AT_ONCE, Urgency
from tests.localnet.harness import BASE64, FEE, SOL, Chain, move, text


@pytest.fixture
def nonce(chain: Chain) -> Pubkey:
    account = Keypair()
    payer = chain.payer.pubkey()
    chain.send(chain.sign(*create_nonce_account(payer, account.pubkey(), payer, 1_447_680), others=(account,)))
    return account.pubkey()


def nonce_value(chain: Chain, nonce: Pubkey) -> Hash:
    account = chain.value("getAccountInfo", str(nonce), {"encoding": "jsonParsed"})
    assert account["data"]["program"] == "nonce"
    return Hash.from_string(account["data"]["parsed"]["info"]["blockhash"])


def with_nonce(chain: Chain, nonce: Pubkey, value: Hash, to: Pubkey, lamports: int) -> VersionedTransaction:
    payer = chain.payer
    advance = advance_nonce_account(AdvanceNonceAccountParams(nonce_pubkey=nonce, authorized_pubkey=payer.pubkey()))
    message = Message.new_with_blockhash([advance, move(payer, to, lamports)], payer.pubkey(), value)
    return VersionedTransaction(message, [payer])


def test_nonce_outlives_blockhashes_and_works_once(chain: Chain, nonce: Pubkey) -> None:
    to, value = Pubkey.new_unique(), nonce_value(chain, nonce)
    transaction = with_nonce(chain, nonce, value, to, SOL)
    chain.pass_slots(10_000)
    message = base64.b64encode(bytes(transaction.message)).decode()
    assert chain.value("getFeeForMessage", message) == FEE
    chain.send(transaction)
    assert chain.value("getFeeForMessage", message) is None
    assert chain.balance(to) == SOL
    assert nonce_value(chain, nonce) != value
    assert chain.error("sendTransaction", text(transaction), BASE64)["data"]["err"] == "BlockhashNotFound"
    chain.send(transaction, skipPreflight=True)
    assert chain.balance(to) == SOL


def test_failed_transaction_advances_its_nonce(chain: Chain, nonce: Pubkey) -> None:
    to, value = Pubkey.new_unique(), nonce_value(chain, nonce)
    before = chain.balance(chain.payer.pubkey())
    signature = chain.send(with_nonce(chain, nonce, value, to, 1000 * SOL), skipPreflight=True)
    assert chain.status(signature)["err"] == {"InstructionError": [1, {"Custom": 1}]}
    assert chain.balance(chain.payer.pubkey()) == before - FEE
    following = nonce_value(chain, nonce)
    assert following != value
    chain.send(with_nonce(chain, nonce, following, to, SOL))
    assert chain.balance(to) == SOL


def test_nonces_advance_alike_after_success_and_failure(chain: Chain, nonce: Pubkey) -> None:
    """After a failure, the bank writes the same nonce that the VM would have written."""
    account = base64.b64decode(chain.value("getAccountInfo", str(nonce), BASE64)["data"][0])
    value, to = nonce_value(chain, nonce), Pubkey.new_unique()
    chain.send(with_nonce(chain, nonce, value, to, 1000 * SOL), skipPreflight=True)
    after_failure = nonce_value(chain, nonce)
    bank = chain.dispatcher.context.bank
    existing = bank.accounts.get(nonce)
    assert existing is not None
    bank.set_account(nonce, Account(existing.lamports, account, existing.owner))
    chain.send(with_nonce(chain, nonce, value, to, SOL))
    assert nonce_value(chain, nonce) == after_failure


def test_nonce_without_its_authority_is_rejected(chain: Chain, nonce: Pubkey) -> None:
    stranger = Keypair()
    chain.send(chain.transfer(stranger.pubkey(), SOL))
    advance = advance_nonce_account(AdvanceNonceAccountParams(nonce_pubkey=nonce, authorized_pubkey=stranger.pubkey()))
    message = Message.new_with_blockhash([advance], stranger.pubkey(), nonce_value(chain, nonce))
    refused = VersionedTransaction(message, [stranger])
    assert chain.error("sendTransaction", text(refused), BASE64)["data"]["err"] == "BlockhashNotFound"


def make_table(chain: Chain, addresses: list[Pubkey], *, at: Hash | None = None) -> AddressLookupTableAccount:
    payer = chain.payer.pubkey()
    create, table = create_lookup_table(
        CreateLookupTableParams(authority_address=payer, payer_address=payer, recent_slot=chain.result("getSlot"))
    )
    extend = extend_lookup_table(
        ExtendLookupTableParams(
            lookup_table_address=table, authority_address=payer, payer_address=payer, new_addresses=addresses
        )
    )
    chain.send(chain.sign(create, extend, at=at))
    return AddressLookupTableAccount(table, addresses)


def through_table(
    chain: Chain, table: AddressLookupTableAccount, to: Pubkey, *, at: Hash | None = None
) -> VersionedTransaction:
    instructions = [move(chain.payer, to, SOL)]
    message = MessageV0.try_compile(chain.payer.pubkey(), instructions, [table], at or chain.blockhash())
    assert len(message.address_table_lookups) == 1
    return VersionedTransaction(message, [chain.payer])


def test_looked_up_account_is_written_and_shown(chain: Chain) -> None:
    to = Pubkey.new_unique()
    table = make_table(chain, [Pubkey.new_unique(), to])
    chain.pass_slots(1)
    signature = chain.send(through_table(chain, table, to))
    assert chain.balance(to) == SOL
    options = {"maxSupportedTransactionVersion": 0}
    result = chain.result("getTransaction", signature, options)
    assert result["meta"]["loadedAddresses"] == {"writable": [str(to)], "readonly": []}
    assert result["meta"]["postBalances"][-1] == SOL
    [lookup] = result["transaction"]["message"]["addressTableLookups"]
    assert lookup == {"accountKey": str(table.key), "writableIndexes": [1], "readonlyIndexes": []}
    parsed = chain.result("getTransaction", signature, {**options, "encoding": "jsonParsed"})
    assert parsed["transaction"]["message"]["accountKeys"][-1] == {
        "pubkey": str(to),
        "signer": False,
        "writable": True,
        "source": "lookupTable",
    }
    assert [item["signature"] for item in chain.result("getSignaturesForAddress", str(to))] == [signature]
    assert chain.value("getAccountInfo", str(table.key), {"encoding": "jsonParsed"})["data"]["parsed"]["info"][
        "addresses"
    ] == [str(address) for address in table.addresses]


def test_table_extended_in_the_same_slot_can_be_used_in_the_next(chain: Chain) -> None:
    """The slot ends for it, although the client still uses the blockhash of the slot before."""
    at, to = chain.blockhash(), Pubkey.new_unique()
    table = make_table(chain, [to], at=at)
    slot = chain.result("getSlot")
    chain.send(through_table(chain, table, to, at=at))
    assert chain.balance(to) == SOL
    assert chain.result("getSlot") == slot + 1


def test_nonce_can_be_advanced_right_after_its_creation(chain: Chain) -> None:
    """Also with the blockhash of its creation, and again and again by its value."""
    at, account, payer = chain.blockhash(), Keypair(), chain.payer.pubkey()
    create = create_nonce_account(payer, account.pubkey(), payer, 1_447_680)
    chain.send(chain.sign(*create, others=(account,), at=at))
    advance = AdvanceNonceAccountParams(nonce_pubkey=account.pubkey(), authorized_pubkey=payer)
    values = [nonce_value(chain, account.pubkey())]
    chain.send(chain.sign(advance_nonce_account(advance), at=at))
    for _ in range(3):
        values.append(nonce_value(chain, account.pubkey()))
        chain.send(with_nonce(chain, account.pubkey(), values[-1], Pubkey.new_unique(), SOL))
    assert len(set(values)) == 4
    assert chain.result("getSlot") == 5


def test_nonce_can_be_closed_right_after_its_creation(chain: Chain) -> None:
    at, account, payer = chain.blockhash(), Keypair(), chain.payer.pubkey()
    create = create_nonce_account(payer, account.pubkey(), payer, 1_447_680)
    chain.send(chain.sign(*create, others=(account,), at=at))
    everything = WithdrawNonceAccountParams(
        nonce_pubkey=account.pubkey(), authorized_pubkey=payer, to_pubkey=payer, lamports=1_447_680
    )
    chain.send(chain.sign(withdraw_nonce_account(everything), at=at))
    assert chain.balance(account.pubkey()) == 0


def test_only_so_many_slots_end_for_nonces(chain: Chain, nonce: Pubkey) -> None:
    """Then a nonce is advanced again in the same slot, as it was before slots ended for it."""
    for _ in range(100):
        chain.send(with_nonce(chain, nonce, nonce_value(chain, nonce), Pubkey.new_unique(), SOL // 10))
    assert chain.result("getSlot") == 1 + MOST_AT_ONCE - Urgency.NECESSARY


def test_unknown_and_wrong_tables(chain: Chain) -> None:
    to = Pubkey.new_unique()
    for key, reason in (
        (Pubkey.new_unique(), "loads an address table account that doesn't exist"),
        (chain.payer.pubkey(), "loads an address table account with an invalid owner"),
    ):
        refused = through_table(chain, AddressLookupTableAccount(key, [to]), to)
        expected = {"code": -32602, "message": f"invalid transaction: Transaction {reason}"}
        assert chain.error("sendTransaction", text(refused), BASE64) == expected
        assert chain.error("sendTransaction", text(refused), {**BASE64, "skipPreflight": True}) == expected
        assert chain.error("simulateTransaction", text(refused), BASE64) == expected
        assert chain.balance(to) == 0
