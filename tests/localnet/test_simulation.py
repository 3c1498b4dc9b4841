"""simulateTransaction: every option, and the absence of effects."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from psyche_cli import base58
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from tests.localnet.harness import FEE, SOL, Chain, move, text
from tests.localnet.tokens import new_mint


def test_success_reports_and_changes_nothing(chain: Chain) -> None:
    to = Pubkey.new_unique()
    payer = str(chain.payer.pubkey())
    value = chain.value(
        "simulateTransaction",
        text(chain.transfer(to, SOL)),
        {
            "encoding": "base64",
            "accounts": {"encoding": "base64", "addresses": [str(to), payer]},
            "innerInstructions": True,
        },
    )
    assert value["err"] is None
    assert value["unitsConsumed"] > 0
    assert value["innerInstructions"] == []
    assert [account["lamports"] for account in value["accounts"]] == [SOL, 99 * SOL - FEE]
    assert chain.balance(to) == 0
    assert chain.balance(chain.payer.pubkey()) == 100 * SOL


def test_failure_has_its_error_and_logs(chain: Chain) -> None:
    value = chain.value(
        "simulateTransaction", text(chain.transfer(Pubkey.new_unique(), 1000 * SOL)), {"encoding": "base64"}
    )
    assert value["err"] == {"InstructionError": [0, {"Custom": 1}]}
    assert value["logs"]
    assert value["accounts"] is None


def test_accounts_are_null_after_a_failure(chain: Chain) -> None:
    to = Pubkey.new_unique()
    value = chain.value(
        "simulateTransaction",
        text(chain.transfer(to, 1000 * SOL)),
        {"encoding": "base64", "accounts": {"addresses": [str(to)]}},
    )
    assert value["accounts"] == [None]


def test_signatures_matter_only_when_asked(chain: Chain) -> None:
    genuine = chain.transfer(Pubkey.new_unique(), SOL)
    unsigned = text(VersionedTransaction.populate(genuine.message, [Signature.default()]))
    assert chain.value("simulateTransaction", unsigned, {"encoding": "base64"})["err"] is None
    error = chain.error("simulateTransaction", unsigned, {"encoding": "base64", "sigVerify": True})
    assert error["code"] == -32003
    assert chain.value("simulateTransaction", text(genuine), {"encoding": "base64", "sigVerify": True})["err"] is None


def test_blockhash_replacement(chain: Chain) -> None:
    old = text(chain.transfer(Pubkey.new_unique(), SOL, at=Hash.new_unique()))
    assert chain.value("simulateTransaction", old, {"encoding": "base64"})["err"] == "BlockhashNotFound"
    value = chain.value("simulateTransaction", old, {"encoding": "base64", "replaceRecentBlockhash": True})
    assert value["err"] is None
    assert value["replacementBlockhash"] == chain.value("getLatestBlockhash")
    both = {"encoding": "base64", "replaceRecentBlockhash": True, "sigVerify": True}
    assert chain.error("simulateTransaction", old, both)["code"] == -32602


def test_landed_transaction_simulates_as_processed(chain: Chain) -> None:
    transaction = chain.transfer(Pubkey.new_unique(), SOL)
    chain.send(transaction)
    assert chain.value("simulateTransaction", text(transaction), {"encoding": "base64"})["err"] == "AlreadyProcessed"
    # What counts is the message. With the next blockhash, which is now the latest one, it is another.
    replace = {"encoding": "base64", "replaceRecentBlockhash": True}
    unsigned = text(VersionedTransaction.populate(transaction.message, [Signature.default()]))
    value = chain.value("simulateTransaction", unsigned, replace)
    assert value["err"] is None
    assert value["replacementBlockhash"]["blockhash"] == str(chain.blockhash())


@pytest.mark.parametrize("keys", [2, 127, 128, 200])
@pytest.mark.parametrize("kind", [Message, MessageV0])
def test_a_replaced_blockhash_is_all_that_changes(kind: Any, keys: int) -> None:
    payer, old, new = Keypair(), Hash.new_unique(), Hash.new_unique()
    accounts = [AccountMeta(Pubkey.new_unique(), is_signer=False, is_writable=True) for _ in range(keys - 2)]
    instruction = Instruction(Pubkey.new_unique(), b"data", accounts)

    def message(blockhash: Hash) -> Any:
        if kind is Message:
            return Message.new_with_blockhash([instruction], payer.pubkey(), blockhash)
        return MessageV0.try_compile(payer.pubkey(), [instruction], [], blockhash)

    transaction = VersionedTransaction(message(old), [payer])
    changed = DecodedTransaction(bytes(transaction), transaction).with_blockhash(new)
    assert changed.message == message(new)
    assert changed.versioned.signatures == transaction.signatures
    assert len(changed.static_keys) == keys


def test_accounts_that_the_transaction_does_not_write_are_shown_as_they_are(chain: Chain) -> None:
    to, other = Pubkey.new_unique(), Pubkey.new_unique()
    chain.send(chain.transfer(other, 3 * SOL))
    addresses = [str(other), str(Pubkey.new_unique()), str(to)]
    options = {"encoding": "base64", "accounts": {"addresses": addresses}}
    shown = chain.value("simulateTransaction", text(chain.transfer(to, SOL)), options)["accounts"]
    assert [account and account["lamports"] for account in shown] == [3 * SOL, None, SOL]


def test_blockhash_replacement_leaves_the_other_checks(chain: Chain) -> None:
    replace = {"encoding": "base64", "replaceRecentBlockhash": True}
    many = chain.sign(*(move(chain.payer, Pubkey.new_unique(), SOL) for _ in range(10)))
    assert chain.value("simulateTransaction", text(many), replace)["err"] is None
    almost_all = chain.transfer(Pubkey.new_unique(), 100 * SOL - FEE - 1)
    assert chain.value("simulateTransaction", text(almost_all), replace)["err"] == {
        "InsufficientFundsForRent": {"account_index": 0}
    }
    poor = Keypair()
    chain.result("localnet_setAccount", str(poor.pubkey()), {"lamports": 2_000_000})
    leaves_dust = chain.transfer(chain.payer.pubkey(), 2_000_000 - FEE, payer=poor)
    assert chain.value("simulateTransaction", text(leaves_dust), replace)["err"] is None


def test_too_many_or_wrong_accounts(chain: Chain) -> None:
    transaction = text(chain.transfer(Pubkey.new_unique(), SOL))
    many = {"encoding": "base64", "accounts": {"addresses": [str(Pubkey.new_unique())] * 4}}
    assert chain.error("simulateTransaction", transaction, many)["message"] == "Too many accounts provided; max 3"
    wrong = {"encoding": "base64", "accounts": {"addresses": ["nothing"]}}
    assert chain.error("simulateTransaction", transaction, wrong)["code"] == -32602
    unsupported = {"encoding": "base64", "accounts": {"addresses": [], "encoding": "base58"}}
    assert chain.error("simulateTransaction", transaction, unsupported)["message"] == "base58 encoding not supported"


def test_simulation_takes_base58_and_account_slices(chain: Chain) -> None:
    to = Pubkey.new_unique()
    value = chain.value(
        "simulateTransaction",
        base58.encode(bytes(chain.transfer(to, SOL))),
        {"accounts": {"addresses": [str(to)], "encoding": "base64+zstd"}},
    )
    assert value["accounts"][0]["data"][1] == "base64+zstd"
    assert base64.b64decode(value["accounts"][0]["data"][0])


def test_a_token_account_is_parsed_with_the_mint_that_the_simulation_creates(chain: Chain) -> None:
    made = new_mint(chain.payer.pubkey(), rent=1_461_600, decimals=6, base_units=1_500_000)
    wanted = {"encoding": "jsonParsed", "addresses": [str(made.holder)]}
    transaction = text(chain.sign(*made.instructions, others=(made.mint,)))
    simulated = chain.value("simulateTransaction", transaction, {"encoding": "base64", "accounts": wanted})
    [holder] = simulated["accounts"]
    assert holder["data"]["parsed"]["info"]["tokenAmount"]["uiAmountString"] == "1.5"
    assert chain.value("getAccountInfo", str(made.address)) is None
