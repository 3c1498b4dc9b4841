"""SPL tokens: balances before and after, and the methods that read them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey
from solders.rpc.responses import GetTransactionResp
from spl.token.constants import TOKEN_PROGRAM_ID
from spl.token.instructions import (
    ApproveParams,
    BurnParams,
    CloseAccountParams,
    TransferCheckedParams,
    approve,
    burn,
    close_account,
    create_associated_token_account,
    get_associated_token_address,
    transfer_checked,
)

from psyche_cli.localnet.chain.token_state import token_amount
from psyche_cli.solana.programs import NATIVE_MINT
from tests.localnet.harness import PARSED, Chain, text
from tests.localnet.tokens import NewMint, new_mint


@pytest.fixture
def mint(chain: Chain) -> NewMint:
    made = new_mint(chain.payer.pubkey(), rent=1_461_600, decimals=6, base_units=1_000_250_000)
    chain.send(chain.sign(*made.instructions, others=(made.mint,)))
    return made


@pytest.mark.parametrize(
    ("amount", "decimals", "written", "number"),
    [
        (0, 0, "0", 0.0),
        (7, 0, "7", 7.0),
        (1_000_250_000, 6, "1000.25", 1000.25),
        (1, 9, "0.000000001", 1e-9),
        (2**64 - 1, 6, "18446744073709.551615", 18446744073709.551615),
        (100, 2, "1", 1.0),
    ],
)
def test_amount_in_its_four_forms(amount: int, decimals: int, written: str, number: float) -> None:
    assert token_amount(amount, decimals) == {
        "amount": str(amount),
        "decimals": decimals,
        "uiAmount": number,
        "uiAmountString": written,
    }


def test_balance_supply_and_holders(chain: Chain, mint: NewMint) -> None:
    amount = token_amount(1_000_250_000, 6)
    assert chain.value("getTokenAccountBalance", str(mint.holder)) == amount
    assert chain.value("getTokenSupply", str(mint.address)) == amount
    assert chain.value("getTokenLargestAccounts", str(mint.address)) == [{"address": str(mint.holder), **amount}]


@pytest.mark.parametrize(("offset", "byte"), [(72, 2), (108, 0), (108, 3), (129, 2)])
def test_a_damaged_token_account_is_none(chain: Chain, mint: NewMint, offset: int, byte: int) -> None:
    """An invalid tag of an option (delegate, close authority), or an invalid state."""
    account = chain.value("getAccountInfo", str(mint.holder), {"encoding": "base64"})
    data = bytearray(base64.b64decode(account["data"][0]))
    data[offset] = byte
    account["data"][0] = base64.b64encode(data).decode()
    chain.result("localnet_setAccount", str(mint.holder), account)
    assert isinstance(chain.value("getAccountInfo", str(mint.holder), PARSED)["data"], list)
    assert chain.value("getTokenLargestAccounts", str(mint.address)) == []


def test_parsed_mint_and_account(chain: Chain, mint: NewMint) -> None:
    owner = str(chain.payer.pubkey())
    parsed = chain.value("getAccountInfo", str(mint.address), PARSED)["data"]
    assert parsed == {
        "program": "spl-token",
        "space": 82,
        "parsed": {
            "type": "mint",
            "info": {
                "mintAuthority": owner,
                "supply": "1000250000",
                "decimals": 6,
                "isInitialized": True,
                "freezeAuthority": None,
            },
        },
    }
    parsed = chain.value("getAccountInfo", str(mint.holder), PARSED)["data"]
    assert (parsed["program"], parsed["space"]) == ("spl-token", 165)
    assert parsed["parsed"]["info"] == {
        "mint": str(mint.address),
        "owner": owner,
        "tokenAmount": token_amount(1_000_250_000, 6),
        "state": "initialized",
        "isNative": False,
    }


def test_accounts_by_owner_and_by_delegate(chain: Chain, mint: NewMint) -> None:
    owner, delegate = str(chain.payer.pubkey()), Pubkey.new_unique()
    for selection in ({"mint": str(mint.address)}, {"programId": str(TOKEN_PROGRAM_ID)}):
        [found] = chain.value("getTokenAccountsByOwner", owner, selection, PARSED)
        assert found["pubkey"] == str(mint.holder)
        assert chain.value("getTokenAccountsByDelegate", str(delegate), selection, PARSED) == []
    allowance = ApproveParams(
        program_id=TOKEN_PROGRAM_ID, source=mint.holder, delegate=delegate, owner=chain.payer.pubkey(), amount=5
    )
    chain.send(chain.sign(approve(allowance)))
    [found] = chain.value("getTokenAccountsByDelegate", str(delegate), {"mint": str(mint.address)}, PARSED)
    assert found["account"]["data"]["parsed"]["info"]["delegatedAmount"] == token_amount(5, 6)


def test_transfer_shows_token_balances_and_inner_instructions(chain: Chain, mint: NewMint) -> None:
    receiver = Pubkey.new_unique()
    destination = get_associated_token_address(receiver, mint.address)
    parameters = TransferCheckedParams(
        program_id=TOKEN_PROGRAM_ID,
        source=mint.holder,
        mint=mint.address,
        dest=destination,
        owner=chain.payer.pubkey(),
        amount=250_000,
        decimals=6,
    )
    signature = chain.send(
        chain.sign(
            create_associated_token_account(chain.payer.pubkey(), receiver, mint.address), transfer_checked(parameters)
        )
    )
    meta = chain.result("getTransaction", signature)["meta"]
    assert _amounts(meta["preTokenBalances"]) == {str(chain.payer.pubkey()): "1000250000"}
    assert _amounts(meta["postTokenBalances"]) == {str(chain.payer.pubkey()): "1000000000", str(receiver): "250000"}
    [inner] = meta["innerInstructions"]
    assert inner["index"] == 0
    assert {instruction["stackHeight"] for instruction in inner["instructions"]} == {2}
    parsed = chain.result("getTransaction", signature, {"encoding": "jsonParsed"})
    programs = {item["programId"] for item in parsed["meta"]["innerInstructions"][0]["instructions"]}
    assert programs == {str(TOKEN_PROGRAM_ID), str(Pubkey.default())}


def _amounts(balances: Any) -> dict[str, str]:
    return {balance["owner"]: balance["uiTokenAmount"]["amount"] for balance in balances}


def test_closed_token_account_disappears_everywhere(chain: Chain, mint: NewMint) -> None:
    receiver = Pubkey.new_unique()
    owner = chain.payer.pubkey()
    destroy = BurnParams(
        program_id=TOKEN_PROGRAM_ID, account=mint.holder, mint=mint.address, owner=owner, amount=1_000_250_000
    )
    close = CloseAccountParams(program_id=TOKEN_PROGRAM_ID, account=mint.holder, dest=receiver, owner=owner)
    chain.send(chain.sign(burn(destroy), close_account(close)))
    assert chain.value("getAccountInfo", str(mint.holder), PARSED) is None
    assert chain.value("getTokenAccountsByOwner", str(owner), {"mint": str(mint.address)}, PARSED) == []
    held = {found["pubkey"] for found in chain.result("getProgramAccounts", str(TOKEN_PROGRAM_ID), PARSED)}
    assert held == {str(mint.address), str(NATIVE_MINT)}
    assert chain.balance(receiver) == 2_039_280


def test_wrong_addresses(chain: Chain, mint: NewMint) -> None:
    nowhere, payer = str(Pubkey.new_unique()), str(chain.payer.pubkey())
    for method, address, message in (
        ("getTokenAccountBalance", nowhere, "Invalid param: could not find account"),
        ("getTokenAccountBalance", payer, "Invalid param: not a Token account"),
        ("getTokenAccountBalance", str(mint.address), "Invalid param: not a Token account"),
        ("getTokenSupply", nowhere, "Invalid param: could not find account"),
        ("getTokenSupply", str(mint.holder), "Invalid param: mint could not be unpacked"),
        ("getTokenLargestAccounts", payer, "Invalid param: Token mint could not be unpacked"),
    ):
        assert chain.error(method, address) == {"code": -32602, "message": message}
    unknown = chain.error("getTokenAccountsByOwner", payer, {"programId": nowhere})
    assert unknown["message"] == "Invalid param: unrecognized Token program id"
    assert chain.error("getTokenAccountsByOwner", payer, {})["code"] == -32602


def test_mint_of_wrapped_sol_exists(chain: Chain) -> None:
    info = chain.value("getAccountInfo", str(NATIVE_MINT), PARSED)["data"]["parsed"]["info"]
    assert info == {
        "mintAuthority": None,
        "supply": "0",
        "decimals": 9,
        "isInitialized": True,
        "freezeAuthority": None,
    }


def test_return_data_and_inner_instructions_of_simulation_and_execution(chain: Chain, mint: NewMint) -> None:
    size_of_account = (165).to_bytes(8, "little")
    asking = Instruction(TOKEN_PROGRAM_ID, bytes([21]), [AccountMeta(mint.address, is_signer=False, is_writable=False)])
    expected = {"programId": str(TOKEN_PROGRAM_ID), "data": [base64.b64encode(size_of_account).decode(), "base64"]}
    assert (
        chain.value("simulateTransaction", text(chain.sign(asking)), {"encoding": "base64"})["returnData"] == expected
    )
    signature = chain.send(chain.sign(asking))
    assert chain.result("getTransaction", signature)["meta"]["returnData"] == expected
    parsed = GetTransactionResp.from_json(chain.raw("getTransaction", signature))
    assert isinstance(parsed, GetTransactionResp)

    creating = chain.sign(create_associated_token_account(chain.payer.pubkey(), Pubkey.new_unique(), mint.address))
    options = {"encoding": "base64", "innerInstructions": True}
    [inner] = chain.value("simulateTransaction", text(creating), options)["innerInstructions"]
    assert [item["parsed"]["type"] for item in inner["instructions"]] == [
        "getAccountDataSize",
        "createAccount",
        "initializeImmutableOwner",
        "initializeAccount3",
    ]
