"""Every instruction of the three programs: AnchorPy's bytes and account metas from our IDLs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.errors import UsageError
from psyche_cli.protocol.addresses import (
    associated_token_address,
    authorization_address,
    instance_address,
    participant_address,
    treasurer_run_address,
)
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.resources import idl_path
from psyche_cli.solana.programs import ASSOCIATED_TOKEN_PROGRAM, SYSTEM_PROGRAM, TOKEN_PROGRAM


def key(name: str) -> Pubkey:
    return Pubkey.from_bytes(hashlib.sha256(name.encode()).digest())


CLIENT_1, CLIENT_2 = key("client-1"), key("client-2")
WALLET, ACCOUNT, INSTANCE, RUN, MINT, SPILL = (
    key(n) for n in ("wallet", "account", "instance", "run", "mint", "spill")
)
AUTHORIZATION, COLLATERAL = key("authorization"), key("collateral")
GROUP: dict[str, Any] = {"instance": INSTANCE, "account": ACCOUNT}
OWNER: dict[str, Any] = {"authority": WALLET, **GROUP}
USER: dict[str, Any] = {"user": WALLET, **GROUP}
TEST_INSTANCE = instance_address("test")
RUN_7 = treasurer_run_address(7)

NO_BLOOM = {"keys": [0] * 8, "bits": [0] * 16}
NO_PROOF = {"position": 0, "index": 0, "witness": 1}
NO_METADATA = {
    "step": 0,
    "tokens_per_sec": 0.0,
    "bandwidth_per_sec": 0.0,
    "loss": 0.0,
    "evals": [],
    "prompt_results": [],
    "prompt_index": 0,
    "efficency": 0.0,
}
NO_PROOFS: dict[str, Any] = {
    "proof": NO_PROOF,
    "participant_bloom": NO_BLOOM,
    "broadcast_bloom": NO_BLOOM,
    "broadcast_merkle": bytes(32),
}
ZEROS_AND_TRUE = "00" * 16 + "01"

OWNER_METAS = [(WALLET, "s"), (INSTANCE, ""), (ACCOUNT, "w")]

Make = Callable[[Instructions], Instruction]
CASES: dict[str, tuple[Make, Pubkey, str, list[tuple[Pubkey, str]]]] = {
    "init_coordinator": (
        lambda i: i.init_coordinator(
            payer=WALLET,
            run_id="test",
            account=ACCOUNT,
            main_authority=CLIENT_1,
            join_authority=CLIENT_2,
            client_version="latest",
        ),
        PUBLISHED.coordinator,
        (
            "14399449e8857a19"
            "5704de18fc6045e4d08c3a261162795689ba6a0383964109350f8fad3c4ad972"
            "66c4d728fb28e09b8972593b421181c727d921eb3162bbbfb7d6eca704911402"
            "0400000074657374060000006c6174657374"
        ),
        [(WALLET, "sw"), (TEST_INSTANCE, "w"), (ACCOUNT, "w"), (SYSTEM_PROGRAM, "")],
    ),
    "free_coordinator": (
        lambda i: i.free_coordinator(authority=WALLET, spill=SPILL, **GROUP),
        PUBLISHED.coordinator,
        "59d8d7e5dff24a20",
        [(WALLET, "s"), (SPILL, "w"), (INSTANCE, "w"), (ACCOUNT, "w")],
    ),
    "update": (lambda i: i.update(**OWNER), PUBLISHED.coordinator, "dbc858b09e3ffd7f00000000", OWNER_METAS),
    "update_client_version": (
        lambda i: i.update_client_version(**OWNER, new_version="v2"),
        PUBLISHED.coordinator,
        "c1152e3c33020dfb020000007632",
        OWNER_METAS,
    ),
    "set_future_epoch_rates": (
        lambda i: i.set_future_epoch_rates(**OWNER, earning_rate=1_000_000),
        PUBLISHED.coordinator,
        "ef15a057c7c8b6810140420f000000000000",
        OWNER_METAS,
    ),
    "set_future_epoch_rates, slashing": (
        lambda i: i.set_future_epoch_rates(**OWNER, slashing_rate=2**64 - 1),
        PUBLISHED.coordinator,
        "ef15a057c7c8b6810001ffffffffffffffff",
        OWNER_METAS,
    ),
    "set_paused, resume": (
        lambda i: i.set_paused(**OWNER, paused=False),
        PUBLISHED.coordinator,
        "5b3c7dc0b0e1a6da00",
        OWNER_METAS,
    ),
    "set_paused": (
        lambda i: i.set_paused(**OWNER, paused=True),
        PUBLISHED.coordinator,
        "5b3c7dc0b0e1a6da01",
        OWNER_METAS,
    ),
    "join_run": (
        lambda i: i.join_run(**USER, authorization=AUTHORIZATION, p2p_identity=bytes([2] * 32)),
        PUBLISHED.coordinator,
        "48a07d666a86f64b" + bytes(WALLET).hex() + "02" * 32,
        [(WALLET, "s"), (AUTHORIZATION, ""), (INSTANCE, ""), (ACCOUNT, "w")],
    ),
    "tick": (lambda i: i.tick(**USER), PUBLISHED.coordinator, "5c4f2c0865503f0f", OWNER_METAS),
    "witness": (
        lambda i: i.witness(**USER, **NO_PROOFS, metadata=NO_METADATA),
        PUBLISHED.coordinator,
        "d5f495198edf1527" + ZEROS_AND_TRUE + "00" * 805,
        OWNER_METAS,
    ),
    "warmup_witness": (
        lambda i: i.warmup_witness(**USER, **NO_PROOFS),
        PUBLISHED.coordinator,
        "d3e87ae83f16375e" + ZEROS_AND_TRUE + "00" * 416,
        OWNER_METAS,
    ),
    "health_check": (
        lambda i: i.health_check(
            **USER,
            accused=CLIENT_1,
            accused_p2p_identity=bytes([2] * 32),
            committee="Trainer",
            position=3,
            index=4,
        ),
        PUBLISHED.coordinator,
        "735a63a88a129d83" + bytes(CLIENT_1).hex() + "02" * 32 + "02" + "0300000000000000" + "0400000000000000",
        OWNER_METAS,
    ),
    "checkpoint": (
        lambda i: i.checkpoint(**USER, repo={"Hub": {"repo_id": "org/repo", "revision": None}}),
        PUBLISHED.coordinator,
        "d5c813ccf08fb8fc026f72672f7265706f" + "00" * 57,
        OWNER_METAS,
    ),
    "authorization_create": (
        lambda i: i.authorization_create(payer=SPILL, grantor=WALLET, grantee=CLIENT_2),
        PUBLISHED.authorizer,
        (
            "149dc4b3e7df6d6666c4d728fb28e09b8972593b421181c727d921eb3162bbbfb7d6eca704911402"
            "12000000436f6f7264696e61746f724a6f696e52756e"
        ),
        [(SPILL, "sw"), (WALLET, "s"), (authorization_address(WALLET, CLIENT_2), "w"), (SYSTEM_PROGRAM, "")],
    ),
    "authorization_grantor_update": (
        lambda i: i.authorization_grantor_update(grantor=WALLET, authorization=AUTHORIZATION, active=True),
        PUBLISHED.authorizer,
        "1d7441a161bd3af901",
        [(WALLET, "s"), (AUTHORIZATION, "w")],
    ),
    "authorization_grantee_update": (
        lambda i: i.authorization_grantee_update(
            payer=SPILL,
            grantee=WALLET,
            authorization=AUTHORIZATION,
            delegates_clear=False,
            delegates_added=[CLIENT_1],
        ),
        PUBLISHED.authorizer,
        "ba6f7fc75990c14300010000005704de18fc6045e4d08c3a261162795689ba6a0383964109350f8fad3c4ad972",
        [(SPILL, "sw"), (WALLET, "s"), (AUTHORIZATION, "w"), (SYSTEM_PROGRAM, "")],
    ),
    "authorization_close": (
        lambda i: i.authorization_close(grantor=WALLET, spill=SPILL, authorization=AUTHORIZATION),
        PUBLISHED.authorizer,
        "81d0f820c8855717",
        [(WALLET, "s"), (SPILL, "w"), (AUTHORIZATION, "w"), (SYSTEM_PROGRAM, "")],
    ),
    "run_create": (
        lambda i: i.run_create(
            payer=WALLET,
            index=7,
            collateral_mint=MINT,
            run_id="test",
            account=ACCOUNT,
            main_authority=CLIENT_1,
            join_authority=CLIENT_2,
            client_version="latest",
        ),
        PUBLISHED.treasurer,
        "c638a3f70e3aa7fd0700000000000000" + "0400000074657374" + "060000006c6174657374"
        "5704de18fc6045e4d08c3a261162795689ba6a0383964109350f8fad3c4ad97266c4d728fb28e09b8972593b421181c7"
        "27d921eb3162bbbfb7d6eca704911402",
        [
            (WALLET, "sw"),
            (RUN_7, "w"),
            (associated_token_address(RUN_7, MINT), "w"),
            (MINT, ""),
            (TEST_INSTANCE, "w"),
            (ACCOUNT, "w"),
            (PUBLISHED.coordinator, ""),
            (ASSOCIATED_TOKEN_PROGRAM, ""),
            (TOKEN_PROGRAM, ""),
            (SYSTEM_PROGRAM, ""),
        ],
    ),
    "run_update": (
        lambda i: i.run_update(**OWNER, run=RUN, earning_rate=66, paused=False),
        PUBLISHED.treasurer,
        "33562e740d42149d0000000001420000000000000000010000",
        [(WALLET, "s"), (RUN, ""), (INSTANCE, ""), (ACCOUNT, "w"), (PUBLISHED.coordinator, "")],
    ),
    "run_update, nothing": (
        lambda i: i.run_update(**OWNER, run=RUN),
        PUBLISHED.treasurer,
        "33562e740d42149d0000000000000000",
        [(WALLET, "s"), (RUN, ""), (INSTANCE, ""), (ACCOUNT, "w"), (PUBLISHED.coordinator, "")],
    ),
    "run_update, the rest": (
        lambda i: i.run_update(
            **OWNER,
            run=RUN,
            progress={"epoch": 1, "step": 2, "epoch_start_data_index": 3},
            slashing_rate=1,
            paused=True,
            client_version="v2",
        ),
        PUBLISHED.treasurer,
        "33562e740d42149d0000000101000200000003000000000000000001010000000000000001010102000000" + "7632",
        [(WALLET, "s"), (RUN, ""), (INSTANCE, ""), (ACCOUNT, "w"), (PUBLISHED.coordinator, "")],
    ),
    "participant_create": (
        lambda i: i.participant_create(payer=SPILL, user=WALLET, run=RUN),
        PUBLISHED.treasurer,
        "32b18e2875b046b5",
        [(SPILL, "sw"), (WALLET, "s"), (RUN, ""), (participant_address(RUN, WALLET), "w"), (SYSTEM_PROGRAM, "")],
    ),
    "participant_claim": (
        lambda i: i.participant_claim(
            user=WALLET,
            user_collateral=COLLATERAL,
            run=RUN,
            collateral_mint=MINT,
            account=ACCOUNT,
            points=258,
        ),
        PUBLISHED.treasurer,
        "a096e8563b6bad260201000000000000",
        [
            (WALLET, "s"),
            (COLLATERAL, "w"),
            (RUN, "w"),
            (associated_token_address(RUN, MINT), "w"),
            (ACCOUNT, ""),
            (participant_address(RUN, WALLET), "w"),
            (TOKEN_PROGRAM, ""),
        ],
    ),
    "create_coordinator_account": (
        lambda i: i.create_coordinator_account(payer=WALLET, account=ACCOUNT, lamports=830_244_480),
        SYSTEM_PROGRAM,
        "00000000"
        + (830_244_480).to_bytes(8, "little").hex()
        + (119_160).to_bytes(8, "little").hex()
        # The owner of the new account is the coordinator program.
        + bytes(PUBLISHED.coordinator).hex(),
        [(WALLET, "sw"), (ACCOUNT, "sw")],
    ),
    "create_associated_token_account": (
        lambda i: i.create_associated_token_account(payer=WALLET, owner=CLIENT_1, mint=MINT),
        ASSOCIATED_TOKEN_PROGRAM,
        "01",
        [
            (WALLET, "sw"),
            (associated_token_address(CLIENT_1, MINT), "w"),
            (CLIENT_1, ""),
            (MINT, ""),
            (SYSTEM_PROGRAM, ""),
            (TOKEN_PROGRAM, ""),
        ],
    ),
    "transfer_tokens": (
        lambda i: i.transfer_tokens(
            owner=WALLET, source=COLLATERAL, mint=MINT, destination=SPILL, amount=258, decimals=6
        ),
        TOKEN_PROGRAM,
        "0c020100000000000006",
        [(COLLATERAL, "w"), (MINT, ""), (SPILL, "w"), (WALLET, "s")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bytes_and_account_metas(case: str, instructions: Instructions) -> None:
    make, program, data, metas = CASES[case]
    made = make(instructions)
    assert made.program_id == program
    assert made.data.hex() == data
    flags = [(m.pubkey, "s" * m.is_signer + "w" * m.is_writable) for m in made.accounts]
    assert flags == metas


def test_every_instruction_of_the_idls_is_among_the_cases() -> None:
    shown = {case.split(",")[0] for case in CASES}
    for program in ("coordinator", "authorizer", "treasurer"):
        for instruction in json.loads(idl_path(program).read_text())["instructions"]:
            name = "".join("_" + c.lower() if c.isupper() else c for c in instruction["name"])
            assert name in shown


def test_a_client_version_longer_than_the_account_holds_is_refused(instructions: Instructions) -> None:
    longest = "é" * 48
    made = instructions.update_client_version(**OWNER, new_version=longest)
    assert made.data[12:] == longest.encode()
    with pytest.raises(UsageError, match="97 bytes long; the maximum is 96"):
        instructions.update_client_version(**OWNER, new_version=longest + "x")
    with pytest.raises(UsageError, match="not valid UTF-8"):
        instructions.update_client_version(**OWNER, new_version="\udcff")


def test_instructions_follow_the_program_ids() -> None:
    elsewhere = ProgramIds(coordinator=CLIENT_1, authorizer=CLIENT_2, treasurer=WALLET)
    instructions = Instructions(elsewhere)
    assert instructions.tick(**USER).program_id == CLIENT_1
    made = instructions.run_update(**OWNER, run=RUN)
    assert made.program_id == WALLET
    assert made.accounts[4].pubkey == CLIENT_1
    made = instructions.authorization_create(payer=WALLET, grantor=WALLET, grantee=SYSTEM_PROGRAM)
    assert made.accounts[2].pubkey == authorization_address(WALLET, SYSTEM_PROGRAM, elsewhere)
