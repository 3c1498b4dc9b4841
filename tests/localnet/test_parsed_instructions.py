"""jsonParsed instructions: known answers for instructions that solders and spl-token build."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders import system_program as system
from solders.instruction import Instruction
from solders.pubkey import Pubkey
from solders.rpc.responses import GetTransactionResp
from spl.token import instructions as token
from spl.token.constants import ASSOCIATED_TOKEN_PROGRAM_ID, TOKEN_PROGRAM_ID

from psyche_cli.localnet.rpc.encoding.parsed.instructions import parsed_instruction
from tests.localnet.harness import MEMO, Chain
from tests.localnet.tokens import new_mint

A, B, C, D, E = (Pubkey.new_unique() for _ in range(5))
a, b, c, d, e = (str(key) for key in (A, B, C, D, E))
PROGRAM_ID = TOKEN_PROGRAM_ID


def show(instruction: Instruction) -> Any:
    accounts = [meta.pubkey for meta in instruction.accounts]
    return parsed_instruction(instruction.program_id, accounts, bytes(instruction.data), None)


@pytest.mark.parametrize(
    ("instruction", "name", "info"),
    [
        (system.transfer(system.TransferParams(from_pubkey=A, to_pubkey=B, lamports=7)),
         "transfer", {"source": a, "destination": b, "lamports": 7}),
        (system.create_account(system.CreateAccountParams(
            from_pubkey=A, to_pubkey=B, lamports=7, space=9, owner=C)),
         "createAccount", {"source": a, "newAccount": b, "lamports": 7, "space": 9, "owner": c}),
        (system.create_account_with_seed(system.CreateAccountWithSeedParams(
            from_pubkey=A, to_pubkey=B, base=C, seed="sée", lamports=7, space=9, owner=D)),
         "createAccountWithSeed",
         {"source": a, "newAccount": b, "base": c, "seed": "sée", "lamports": 7, "space": 9, "owner": d}),
        (system.assign(system.AssignParams(pubkey=A, owner=B)), "assign", {"account": a, "owner": b}),
        (system.allocate(system.AllocateParams(pubkey=A, space=9)), "allocate", {"account": a, "space": 9}),
        (system.advance_nonce_account(system.AdvanceNonceAccountParams(nonce_pubkey=A, authorized_pubkey=B)),
         "advanceNonce",
         {"nonceAccount": a, "recentBlockhashesSysvar": "SysvarRecentB1ockHashes11111111111111111111",
          "nonceAuthority": b}),
        (system.authorize_nonce_account(system.AuthorizeNonceAccountParams(
            nonce_pubkey=A, authorized_pubkey=B, new_authority=C)),
         "authorizeNonce", {"nonceAccount": a, "nonceAuthority": b, "newAuthorized": c}),
    ],
)  # fmt: skip
def test_system_instructions(instruction: Instruction, name: str, info: Any) -> None:
    shown = show(instruction)
    assert (shown["program"], shown["programId"]) == ("system", str(Pubkey.default()))
    assert shown["parsed"] == {"type": name, "info": info}


AMOUNT = {"amount": "1500000", "decimals": 6, "uiAmount": 1.5, "uiAmountString": "1.5"}


@pytest.mark.parametrize(
    ("instruction", "name", "info"),
    [
        (token.transfer(token.TransferParams(program_id=PROGRAM_ID, source=A, dest=B, owner=C, amount=5)),
         "transfer", {"source": a, "destination": b, "authority": c, "amount": "5"}),
        (token.transfer(token.TransferParams(
            program_id=PROGRAM_ID, source=A, dest=B, owner=C, amount=5, signers=[D, E])),
         "transfer", {"source": a, "destination": b, "multisigAuthority": c, "signers": [d, e], "amount": "5"}),
        (token.transfer_checked(token.TransferCheckedParams(
            program_id=PROGRAM_ID, source=A, mint=B, dest=C, owner=D, amount=1_500_000, decimals=6)),
         "transferChecked", {"source": a, "mint": b, "destination": c, "authority": d, "tokenAmount": AMOUNT}),
        (token.mint_to(token.MintToParams(program_id=PROGRAM_ID, mint=A, dest=B, mint_authority=C, amount=5)),
         "mintTo", {"mint": a, "account": b, "mintAuthority": c, "amount": "5"}),
        (token.mint_to_checked(token.MintToCheckedParams(
            program_id=PROGRAM_ID, mint=A, dest=B, mint_authority=C, amount=1_500_000, decimals=6)),
         "mintToChecked", {"mint": a, "account": b, "mintAuthority": c, "tokenAmount": AMOUNT}),
        (token.approve(token.ApproveParams(program_id=PROGRAM_ID, source=A, delegate=B, owner=C, amount=5)),
         "approve", {"source": a, "delegate": b, "owner": c, "amount": "5"}),
        (token.burn(token.BurnParams(program_id=PROGRAM_ID, account=A, mint=B, owner=C, amount=5)),
         "burn", {"account": a, "mint": b, "authority": c, "amount": "5"}),
        (token.close_account(token.CloseAccountParams(program_id=PROGRAM_ID, account=A, dest=B, owner=C)),
         "closeAccount", {"account": a, "destination": b, "owner": c}),
        (token.initialize_mint(token.InitializeMintParams(
            decimals=6, program_id=PROGRAM_ID, mint=A, mint_authority=B, freeze_authority=C)),
         "initializeMint",
         {"mint": a, "rentSysvar": "SysvarRent111111111111111111111111111111111", "decimals": 6,
          "mintAuthority": b, "freezeAuthority": c}),
        (token.initialize_mint(token.InitializeMintParams(
            decimals=6, program_id=PROGRAM_ID, mint=A, mint_authority=B)),
         "initializeMint",
         {"mint": a, "rentSysvar": "SysvarRent111111111111111111111111111111111", "decimals": 6,
          "mintAuthority": b}),
        (token.set_authority(token.SetAuthorityParams(
            program_id=PROGRAM_ID, account=A, authority=token.AuthorityType.MINT_TOKENS, current_authority=B)),
         "setAuthority", {"mint": a, "authority": b, "authorityType": "mintTokens", "newAuthority": None}),
        (token.set_authority(token.SetAuthorityParams(
            program_id=PROGRAM_ID, account=A, authority=token.AuthorityType.ACCOUNT_OWNER, current_authority=B,
            new_authority=C)),
         "setAuthority", {"account": a, "authority": b, "authorityType": "accountOwner", "newAuthority": c}),
    ],
)  # fmt: skip
def test_token_instructions(instruction: Instruction, name: str, info: Any) -> None:
    shown = show(instruction)
    assert (shown["program"], shown["programId"]) == ("spl-token", str(TOKEN_PROGRAM_ID))
    assert shown["parsed"] == {"type": name, "info": info}


def test_associated_token_and_memo() -> None:
    shown = show(token.create_associated_token_account(A, B, C))
    assert shown["program"] == "spl-associated-token-account"
    assert shown["programId"] == str(ASSOCIATED_TOKEN_PROGRAM_ID)
    assert shown["parsed"]["type"] == "create"
    assert (shown["parsed"]["info"]["wallet"], shown["parsed"]["info"]["mint"]) == (b, c)
    assert show(Instruction(MEMO, "für Ada".encode(), []))["parsed"] == "für Ada"


def test_unknown_instructions_stay_encoded() -> None:
    unknown = show(Instruction(A, b"\1\2", []))
    assert unknown == {"programId": a, "accounts": [], "data": "5T", "stackHeight": None}
    whole = system.transfer(system.TransferParams(from_pubkey=A, to_pubkey=B, lamports=7))
    for broken in (
        Instruction(whole.program_id, bytes(whole.data)[:-1], whole.accounts),
        Instruction(whole.program_id, bytes(whole.data), whole.accounts[:1]),
        Instruction(whole.program_id, b"\xff\0\0\0", whole.accounts),
        Instruction(MEMO, b"\xff\xfe", []),
    ):
        assert "parsed" not in show(broken)


@given(
    st.sampled_from([Pubkey.default(), TOKEN_PROGRAM_ID, ASSOCIATED_TOKEN_PROGRAM_ID, MEMO]),
    st.integers(0, 8),
    st.binary(max_size=80),
)
def test_any_data_is_shown_somehow(program: Pubkey, accounts: int, data: bytes) -> None:
    shown = parsed_instruction(program, [A] * accounts, data, 2)
    assert shown["stackHeight"] == 2
    assert ("parsed" in shown) is not ("data" in shown)


def test_transaction_in_parsed_form_parses_strictly(chain: Chain) -> None:
    mint = new_mint(chain.payer.pubkey(), rent=1_461_600, decimals=6, base_units=5)
    signature = chain.send(chain.sign(*mint.instructions, others=(mint.mint,)))
    options = {"encoding": "jsonParsed", "maxSupportedTransactionVersion": 0}
    result = chain.result("getTransaction", signature, options)
    words = [item["parsed"]["type"] for item in result["transaction"]["message"]["instructions"]]
    assert words == ["createAccount", "initializeMint", "create", "mintTo"]
    [called] = result["meta"]["innerInstructions"]
    assert words[called["index"]] == "create"
    inner = [item["parsed"]["type"] for item in called["instructions"]]
    assert inner == ["getAccountDataSize", "createAccount", "initializeImmutableOwner", "initializeAccount3"]
    parsed = GetTransactionResp.from_json(chain.raw("getTransaction", signature, options))
    assert isinstance(parsed, GetTransactionResp)
