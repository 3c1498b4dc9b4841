"""Simulations and preflight checks of transactions that succeed, or fail in each possible way."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from spl.token.constants import TOKEN_PROGRAM_ID
from spl.token.instructions import TransferCheckedParams, transfer_checked

from tests.localnet.node_answers.asking import Asker
from tests.localnet.tokens import NewMint, new_mint

SOL = 10**9
SYSTEM_LOGS = [
    "Program 11111111111111111111111111111111 invoke [1]",
    "Program 11111111111111111111111111111111 success",
]
TRANSACTION = "solana_transaction::versioned::VersionedTransaction"
BASE64 = {"encoding": "base64"}
SYSTEM_ACCOUNTS = 206
"""The size of two empty accounts and the system program, each with 64 bytes for itself."""

NOT_EXECUTED: dict[str, Any] = {
    "fee": None, "innerInstructions": None, "loadedAccountsDataSize": 0, "logs": [], "unitsConsumed": 0,
}  # fmt: skip
FEE_ONLY: dict[str, Any] = {**NOT_EXECUTED, "fee": 5000}
TRANSFERRED: dict[str, Any] = {
    "fee": 5000, "innerInstructions": [], "loadedAccountsDataSize": SYSTEM_ACCOUNTS, "logs": SYSTEM_LOGS,
    "unitsConsumed": 150,
}  # fmt: skip
FIELDS = {
    "accounts", "err", "fee", "innerInstructions", "loadedAccountsDataSize", "loadedAddresses", "logs", "postBalances",
    "postTokenBalances", "preBalances", "preTokenBalances", "replacementBlockhash", "returnData", "unitsConsumed",
}  # fmt: skip


class Scene(NamedTuple):
    """Wallets and a mint whose holder has 7 tokens."""

    payer: Keypair
    friend: Pubkey
    mint: NewMint


@pytest.fixture(scope="module")
def scene(asker: Asker) -> Scene:
    payer, friend = Keypair(), Pubkey.new_unique()
    asker.result("requestAirdrop", str(payer.pubkey()), 100 * SOL)
    asker.result("requestAirdrop", str(friend), SOL)
    mint = new_mint(payer.pubkey(), rent=1_461_600, decimals=6, base_units=7_000_000)
    asker.land(*mint.instructions, signers=[payer, mint.mint])
    return Scene(payer, friend, mint)


def pay(scene: Scene, lamports: int, to: Pubkey | None = None, payer: Keypair | None = None) -> Instruction:
    sender = (payer or scene.payer).pubkey()
    return transfer(TransferParams(from_pubkey=sender, to_pubkey=to or scene.friend, lamports=lamports))


def pay_tokens(scene: Scene, amount: int) -> Instruction:
    holder = scene.mint.holder
    return transfer_checked(
        TransferCheckedParams(
            program_id=TOKEN_PROGRAM_ID, source=holder, mint=scene.mint.address, dest=holder,
            owner=scene.payer.pubkey(), amount=amount, decimals=6, signers=[],
        )
    )  # fmt: skip


def transactions(asker: Asker, scene: Scene) -> dict[str, tuple[str, Any, dict[str, Any]]]:
    """By name, a transaction, its error, and further facts of its simulation."""
    payer, poor = scene.payer, Keypair()
    failed = {"InstructionError": [0, {"Custom": 1}]}
    token_size = 64 * 4 + 165 + 82 + 133_352
    return {
        "good": (asker.signed(pay(scene, 3), signers=[payer]), None, TRANSFERRED),
        "poor": (
            asker.signed(pay(scene, 10**15), signers=[payer]),
            failed,
            {
                **TRANSFERRED,
                "logs": [
                    SYSTEM_LOGS[0],
                    f"Transfer: insufficient lamports {held(asker, payer) - 5000}, need 1000000000000000",
                    "Program 11111111111111111111111111111111 failed: custom program error: 0x1",
                ],
            },
        ),
        "stale": (
            asker.signed(pay(scene, 3), signers=[payer], at=Hash.default()),
            "BlockhashNotFound",
            NOT_EXECUTED,
        ),
        "no payer": (asker.signed(pay(scene, 3, payer=poor), signers=[poor]), "AccountNotFound", NOT_EXECUTED),
        "unknown program": (
            asker.signed(Instruction(Pubkey.new_unique(), b"x", []), signers=[payer]),
            "ProgramAccountNotFound",
            FEE_ONLY,
        ),
        "dust": (
            asker.signed(pay(scene, 5, Pubkey.new_unique()), signers=[payer]),
            {"InsufficientFundsForRent": {"account_index": 1}},
            {**TRANSFERRED, "loadedAccountsDataSize": SYSTEM_ACCOUNTS - 64},
        ),
        "tokens": (
            asker.signed(pay_tokens(scene, 10**12), signers=[payer]),
            failed,
            {"fee": 5000, "innerInstructions": [], "loadedAccountsDataSize": token_size},
        ),
        "price": (
            asker.signed(set_compute_unit_price(10**15), pay(scene, 3), signers=[payer]),
            "InsufficientFundsForFee",
            NOT_EXECUTED,
        ),
        "limit": (
            asker.signed(set_compute_unit_limit(100), pay_tokens(scene, 1), signers=[payer]),
            {"InstructionError": [0, "ComputationalBudgetExceeded"]},
            {"fee": 5000, "unitsConsumed": 100, "innerInstructions": []},
        ),
    }


def held(asker: Asker, wallet: Keypair) -> int:
    lamports: int = asker.result("getBalance", str(wallet.pubkey()))["value"]
    return lamports


def test_simulations_have_all_fields(asker: Asker, scene: Scene) -> None:
    for name, (text, error, facts) in transactions(asker, scene).items():
        value = asker.result("simulateTransaction", text, {**BASE64, "innerInstructions": True})["value"]
        assert value.keys() == FIELDS, name
        assert value["err"] == error, name
        assert {key: value[key] for key in facts} == facts, name
        charged = 0 if facts["fee"] is None else facts["fee"]
        moved = 3 if error is None else 0
        assert value["postBalances"][0] == value["preBalances"][0] - charged - moved, name
        assert value["postBalances"][2:] == value["preBalances"][2:], name
        assert value["loadedAddresses"] == {"writable": [], "readonly": []}
        assert (value["accounts"], value["replacementBlockhash"], value["returnData"]) == (None, None, None)


def test_inner_instructions_are_null_unless_asked_for(asker: Asker, scene: Scene) -> None:
    text = asker.signed(pay(scene, 3), signers=[scene.payer])
    assert asker.result("simulateTransaction", text, BASE64)["value"]["innerInstructions"] is None


def test_token_balances_of_simulations(asker: Asker, scene: Scene) -> None:
    text = asker.signed(pay_tokens(scene, 1), signers=[scene.payer])
    value = asker.result("simulateTransaction", text, BASE64)["value"]
    balance = {
        "accountIndex": 1,
        "mint": str(scene.mint.address),
        "owner": str(scene.payer.pubkey()),
        "programId": str(TOKEN_PROGRAM_ID),
        "uiTokenAmount": {"amount": "7000000", "decimals": 6, "uiAmount": 7.0, "uiAmountString": "7"},
    }
    assert (value["preTokenBalances"], value["postTokenBalances"]) == ([balance], [balance])


def test_accounts_of_simulations(asker: Asker, scene: Scene) -> None:
    fresh = Pubkey.new_unique()
    text = asker.signed(pay(scene, SOL, fresh), signers=[scene.payer])
    addresses = [str(fresh), str(scene.mint.address), str(Pubkey.new_unique())]

    def accounts(**options: Any) -> Any:
        return asker.call("simulateTransaction", text, {**BASE64, "accounts": {"addresses": addresses, **options}})

    shown = accounts(encoding="jsonParsed")["result"]["value"]["accounts"]
    assert [None if account is None else account["lamports"] for account in shown] == [SOL, 1_461_600, None]
    assert shown[1]["data"]["parsed"]["type"] == "mint"
    assert accounts(encoding="base58")["error"]["message"] == "base58 encoding not supported"
    addresses.append(str(fresh))
    assert accounts()["error"]["message"] == "Too many accounts provided; max 3"
    addresses[3:] = []
    addresses[0] = "x"
    assert accounts()["error"]["message"] == "Invalid param: WrongSize"


def test_accounts_are_null_after_an_error(asker: Asker, scene: Scene) -> None:
    text = asker.signed(pay(scene, 10**15), signers=[scene.payer])
    options = {**BASE64, "accounts": {"addresses": [str(scene.friend), "x"]}}
    assert asker.result("simulateTransaction", text, options)["value"]["accounts"] == [None, None]


def test_a_replaced_blockhash_is_shown(asker: Asker, scene: Scene) -> None:
    text = asker.signed(pay(scene, 3), signers=[scene.payer], at=Hash.default())
    value = asker.result("simulateTransaction", text, {**BASE64, "replaceRecentBlockhash": True})["value"]
    assert (value["err"], value["replacementBlockhash"].keys()) == (None, {"blockhash", "lastValidBlockHeight"})
    both = {**BASE64, "replaceRecentBlockhash": True, "sigVerify": True}
    assert asker.error("simulateTransaction", text, both) == {
        "code": -32602,
        "message": "sigVerify may not be used with replaceRecentBlockhash",
    }


@pytest.mark.parametrize("method", ["simulateTransaction", "sendTransaction"])
@pytest.mark.parametrize("options", [{}, {"skipPreflight": True}])
def test_a_duplicate_instruction_is_found_before_all_checks(
    asker: Asker, scene: Scene, method: str, options: dict[str, Any]
) -> None:
    budgets = [set_compute_unit_limit(100), set_compute_unit_limit(200)]
    text = asker.signed(*budgets, pay(scene, 3), signers=[scene.payer])
    assert asker.error(method, text, {**BASE64, **options}) == {
        "code": -32602,
        "message": "invalid transaction: Transaction contains a duplicate instruction (1) that is not allowed",
    }


TEXTS = {
    "stale": "Blockhash not found",
    "no payer": "Attempt to debit an account but found no record of a prior credit.",
    "unknown program": "Attempt to load a program that does not exist",
    "price": "Insufficient funds for fee",
    "dust": "Transaction results in an account (1) with insufficient funds for rent",
    "poor": "Error processing Instruction 0: custom program error: 0x1",
    "limit": "Error processing Instruction 0: Computational budget exceeded",
}


def test_preflight_failures_have_all_fields_but_only_some_values(asker: Asker, scene: Scene) -> None:
    cases = transactions(asker, scene)
    for name, text in TEXTS.items():
        transaction, err, facts = cases[name]
        error = asker.error("sendTransaction", transaction, BASE64)
        assert (error["code"], error["message"]) == (-32002, f"Transaction simulation failed: {text}")
        data = error["data"]
        assert data.keys() == FIELDS
        assert data["err"] == err
        absent = FIELDS - {"err", "logs", "unitsConsumed", "loadedAccountsDataSize", "returnData"}
        assert {key for key in FIELDS if data[key] is None} == absent | {"returnData"}
        assert {key: data[key] for key in facts.keys() - absent} == {key: facts[key] for key in facts.keys() - absent}


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, f"failed to deserialize {TRANSACTION}: io error: failed to fill whole buffer"),
        ("0", {}, "invalid base58 encoding: InvalidCharacter { character: '0', index: 0 }"),
        ("é", {}, "invalid base58 encoding: NonAsciiCharacter { index: 0 }"),
        ("1'", {}, "invalid base58 encoding: InvalidCharacter { character: '\\'', index: 1 }"),
        ("!!!", BASE64, "invalid base64 encoding: InvalidByte(0, 33)"),
        ("AAAA!", BASE64, "invalid base64 encoding: InvalidByte(4, 33)"),
        ("AA=A", BASE64, "invalid base64 encoding: InvalidByte(2, 61)"),
        ("A===", BASE64, "invalid base64 encoding: InvalidByte(1, 61)"),
        ("AAAAA", BASE64, "invalid base64 encoding: InvalidLength(5)"),
        ("AAA", BASE64, "invalid base64 encoding: InvalidPadding"),
        ("AB==", BASE64, "invalid base64 encoding: InvalidLastSymbol(1, 66)"),
        ("1" * 1684, {},
         f"base58 encoded {TRANSACTION} too large: 1684 bytes (max: encoded/raw 1683/1232)"),
        ("A" * 1648, BASE64,
         f"base64 encoded {TRANSACTION} too large: 1648 bytes (max: encoded/raw 1644/1232)"),
        ("1" * 1233, {}, f"decoded {TRANSACTION} too large: 1233 bytes (max: 1232 bytes)"),
        ("AAAA", {"encoding": "json"}, "unsupported encoding: json. Supported encodings: base58, base64"),
    ],
)  # fmt: skip
def test_texts_of_transactions(asker: Asker, text: str, options: dict[str, Any], message: str) -> None:
    for method in ("sendTransaction", "simulateTransaction"):
        assert asker.error(method, text, options) == {"code": -32602, "message": message}


def test_bad_signatures(asker: Asker, scene: Scene) -> None:
    good = asker.signed(pay(scene, 3), signers=[scene.payer])
    forged = good[:4] + ("B" if good[4] != "B" else "C") + good[5:]
    error = {"code": -32003, "message": "Transaction signature verification failure"}
    assert asker.error("sendTransaction", forged, BASE64) == error
    assert asker.error("simulateTransaction", forged, {**BASE64, "sigVerify": True}) == error
    assert asker.result("simulateTransaction", forged, BASE64)["value"]["err"] is None
