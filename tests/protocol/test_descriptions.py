"""Whole messages in words: every instruction with its account roles, arguments and sentence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders import compute_budget, system_program
from solders.hash import Hash
from solders.instruction import AccountMeta, CompiledInstruction, Instruction
from solders.message import Message, MessageAddressTableLookup, MessageHeader, MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from spl.token import instructions as token

from psyche_cli.protocol.addresses import ANYONE, associated_token_address, instance_address
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.instructions.descriptions import InstructionDescription, describe_instructions
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.solana.known_instructions import TokenQuantity
from psyche_cli.solana.messages import decode_message
from psyche_cli.solana.programs import (
    COMPUTE_BUDGET_PROGRAM,
    MEMO_PROGRAMS,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    UPGRADEABLE_LOADER,
)
from tests.protocol.idl_values import INSTRUCTIONS
from tests.protocol.test_instructions import (
    ACCOUNT,
    AUTHORIZATION,
    CASES,
    CLIENT_1,
    CLIENT_2,
    COLLATERAL,
    GROUP,
    INSTANCE,
    MINT,
    OWNER,
    RUN,
    SPILL,
    TEST_INSTANCE,
    USER,
    WALLET,
    key,
)

I = Instructions()  # noqa: E741
RUNS = {INSTANCE: "my-run", RUN: "my-run"}


def described(*made: Instruction, **options: Any) -> list[InstructionDescription]:
    message = Message.new_with_blockhash(list(made), WALLET, Hash.default())
    return describe_instructions(decode_message(bytes(message)), **options)


def words(made: Instruction, **options: Any) -> str:
    [one] = described(made, **options)
    return one.words


def memo(data: bytes) -> Instruction:
    return Instruction(MEMO_PROGRAMS[0], data, [])


def loader(number: int, *accounts: Pubkey) -> Instruction:
    metas = [AccountMeta(account, account == WALLET, True) for account in accounts]
    return Instruction(UPGRADEABLE_LOADER, number.to_bytes(4, "little"), metas)


@pytest.mark.parametrize("case", CASES)
def test_accounts_have_the_roles_and_flags_of_the_instruction(case: str) -> None:
    made = CASES[case][0](I)
    [one] = described(made)
    assert one.problem == ""
    assert one.name is not None
    assert one.data == bytes(made.data)
    assert [named.account.address for named in one.accounts] == [meta.pubkey for meta in made.accounts]
    assert not [named.role for named in one.accounts if named.role.startswith("other_")]
    for named, meta in zip(one.accounts, made.accounts, strict=True):
        is_payer = meta.pubkey == WALLET
        assert (named.account.is_signer, named.account.is_writable) == (
            meta.is_signer or is_payer,
            meta.is_writable or is_payer,
        )


def test_every_instruction_of_the_idls_has_its_own_sentence() -> None:
    found = {(one.program_name, one.name): one.words for make, *_ in CASES.values() for one in described(make(I))}
    for program, entry in INSTRUCTIONS:
        name = "".join("_" + c.lower() if c.isupper() else c for c in entry["name"])
        assert not found[program, name].startswith(f"{name.replace('_', ' ')} of "), name


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (I.free_coordinator(authority=WALLET, spill=SPILL, **GROUP), f"closes run 'my-run'; {SPILL} receives its rent"),
        (I.update(**OWNER), "changes nothing in run 'my-run'"),
        (
            I.update(**OWNER, progress={"epoch": 1, "step": 2, "epoch_start_data_index": 3}),
            "replaces the progress of run 'my-run'",
        ),
        (
            I.update(
                **OWNER,
                metadata={"name": "", "description": "", "num_parameters": 0, "vocab_size": 0},
                progress={"epoch": 1, "step": 2, "epoch_start_data_index": 3},
            ),
            "replaces the metadata and progress of run 'my-run'",
        ),
        (I.update_client_version(**OWNER, new_version="v2"), "sets the client version of run 'my-run' to 'v2'"),
        (I.set_future_epoch_rates(**OWNER), "changes nothing in run 'my-run'"),
        (
            I.set_future_epoch_rates(**OWNER, earning_rate=5, slashing_rate=7),
            "sets the earning rate to 5 points and the slashing rate to 7 points for future epochs of run 'my-run'",
        ),
        (I.set_paused(**OWNER, paused=True), "pauses run 'my-run'"),
        (I.set_paused(**OWNER, paused=False), "starts or resumes run 'my-run'"),
        (I.tick(**USER), "ticks run 'my-run'"),
        (
            I.join_run(**USER, authorization=AUTHORIZATION, p2p_identity=bytes(32)),
            f"joins run 'my-run' as {WALLET}",
        ),
        (I.checkpoint(**USER, repo="Ephemeral"), "records a checkpoint of run 'my-run' of kind Ephemeral"),
        (
            I.checkpoint(**USER, repo={"Gcs": {"bucket": "b", "prefix": None}}),
            "records the Gcs checkpoint 'b' of run 'my-run'",
        ),
        (
            I.checkpoint(**USER, repo={"Hub": {"repo_id": "org/repo", "revision": "main"}}),
            "records the Hub checkpoint 'org/repo' at 'main' of run 'my-run'",
        ),
        (
            I.authorization_create(payer=SPILL, grantor=WALLET, grantee=ANYONE),
            f"creates an authorization, still inactive, of {WALLET} for everyone to join runs",
        ),
        (
            I.authorization_create(payer=SPILL, grantor=WALLET, grantee=CLIENT_1, scope=b""),
            f"creates an authorization, still inactive, of {WALLET} for {CLIENT_1} with scope (empty)",
        ),
        (
            I.authorization_grantor_update(grantor=WALLET, authorization=AUTHORIZATION, active=True),
            f"activates the authorization {AUTHORIZATION}",
        ),
        (
            I.authorization_grantor_update(grantor=WALLET, authorization=AUTHORIZATION, active=False),
            f"deactivates the authorization {AUTHORIZATION}",
        ),
        (
            I.authorization_grantee_update(
                payer=WALLET, grantee=WALLET, authorization=AUTHORIZATION, delegates_clear=True, delegates_added=[RUN]
            ),
            f"removes all delegates and adds 1 delegate in the authorization {AUTHORIZATION}",
        ),
        (
            I.authorization_grantee_update(
                payer=WALLET, grantee=WALLET, authorization=AUTHORIZATION, delegates_clear=False, delegates_added=[]
            ),
            f"changes nothing in the authorization {AUTHORIZATION}",
        ),
        (I.run_update(**OWNER, run=RUN), "changes run 'my-run' through its treasurer: nothing"),
        (I.run_update(**OWNER, run=RUN, paused=True), "pauses run 'my-run' through its treasurer"),
        (I.run_update(**OWNER, run=RUN, paused=False), "starts or resumes run 'my-run' through its treasurer"),
        (
            I.run_update(
                **OWNER,
                run=RUN,
                paused=True,
                earning_rate=3,
                client_version="v",
                progress={"epoch": 1, "step": 2, "epoch_start_data_index": 3},
            ),
            ("changes run 'my-run' through its treasurer: replaces the progress, sets the earning rate to 3 points, "
            "pauses it and sets the client version to 'v'"),
        ),
        (
            I.participant_create(payer=SPILL, user=WALLET, run=RUN),
            f"registers {WALLET} with the treasurer of run 'my-run'",
        ),
        (
            I.participant_claim(
                user=WALLET, user_collateral=COLLATERAL, run=RUN, collateral_mint=MINT, account=ACCOUNT, points=258
            ),
            f"claims 258 points of run 'my-run' for {WALLET} into token account {COLLATERAL}",
        ),
        (
            system_program.transfer(
                system_program.TransferParams(from_pubkey=WALLET, to_pubkey=SPILL, lamports=1_500_000_000)
            ),
            f"transfers 1.5 SOL from {WALLET} to {SPILL}",
        ),
        (
            system_program.transfer_with_seed(
                system_program.TransferWithSeedParams(
                    from_pubkey=WALLET, from_base=RUN, from_seed="s", from_owner=MINT, to_pubkey=SPILL, lamports=5
                )
            ),
            f"transfers 0.000000005 SOL from {WALLET} to {SPILL}",
        ),
        (
            I.create_coordinator_account(payer=WALLET, account=ACCOUNT, lamports=830_244_480),
            (f"creates account {ACCOUNT} (119160 bytes, owner {PUBLISHED.coordinator}) with 0.83024448 SOL from "
            f"{WALLET}"),
        ),
        (
            system_program.advance_nonce_account(
                system_program.AdvanceNonceAccountParams(nonce_pubkey=RUN, authorized_pubkey=WALLET)
            ),
            f"advances the durable nonce {RUN}",
        ),
        (
            system_program.withdraw_nonce_account(
                system_program.WithdrawNonceAccountParams(
                    nonce_pubkey=RUN, authorized_pubkey=WALLET, to_pubkey=SPILL, lamports=5
                )
            ),
            f"withdraws 0.000000005 SOL from the nonce account {RUN} to {SPILL}",
        ),
        (system_program.assign(system_program.AssignParams(pubkey=WALLET, owner=RUN)), f"assign of {WALLET}"),
        (
            I.transfer_tokens(
                owner=WALLET, source=COLLATERAL, mint=MINT, destination=SPILL, amount=1_500_000, decimals=6
            ),
            f"transfers 1.5 tokens of mint {MINT} from {COLLATERAL} to {SPILL}",
        ),
        (
            token.transfer(
                token.TransferParams(program_id=TOKEN_2022_PROGRAM, source=RUN, dest=SPILL, owner=WALLET, amount=5)
            ),
            f"transfers 5 base units from {RUN} to {SPILL}",
        ),
        (
            I.transfer_tokens(owner=WALLET, source=COLLATERAL, mint=MINT, destination=RUN, amount=1, decimals=0),
            f"transfers 1 tokens of mint {MINT} from {COLLATERAL} to {RUN}, the vault of run 'my-run'",
        ),
        (
            token.mint_to(
                token.MintToParams(program_id=TOKEN_PROGRAM, mint=MINT, dest=SPILL, mint_authority=WALLET, amount=5)
            ),
            f"mints 5 base units of {MINT} into {SPILL}",
        ),
        (
            token.burn(
                token.BurnParams(program_id=TOKEN_PROGRAM, account=COLLATERAL, mint=MINT, owner=WALLET, amount=5)
            ),
            f"burns 5 base units of {MINT} in {COLLATERAL}",
        ),
        (
            token.approve(
                token.ApproveParams(
                    program_id=TOKEN_PROGRAM, source=COLLATERAL, delegate=SPILL, owner=WALLET, amount=5
                )
            ),
            f"lets {SPILL} spend 5 base units of {COLLATERAL}",
        ),
        (
            token.set_authority(
                token.SetAuthorityParams(
                    program_id=TOKEN_PROGRAM,
                    account=MINT,
                    authority=token.AuthorityType.MINT_TOKENS,
                    current_authority=WALLET,
                )
            ),
            f"sets the authority mintTokens of {MINT} to nobody",
        ),
        (
            token.close_account(
                token.CloseAccountParams(program_id=TOKEN_PROGRAM, account=COLLATERAL, dest=SPILL, owner=WALLET)
            ),
            f"closes the token account {COLLATERAL}; {SPILL} receives its SOL",
        ),
        (
            I.create_associated_token_account(payer=WALLET, owner=CLIENT_1, mint=MINT),
            (f"creates the token account {associated_token_address(CLIENT_1, MINT)} of {CLIENT_1} for mint {MINT}, if "
            "it does not exist"),
        ),
        (compute_budget.set_compute_unit_limit(1234), "limits the transaction to 1234 compute units"),
        (
            compute_budget.set_compute_unit_price(99),
            "pays a priority fee of 99 micro-lamports per compute unit",
        ),
        (compute_budget.request_heap_frame(2048), "requests a heap of 2048 bytes"),
        (
            Instruction(COMPUTE_BUDGET_PROGRAM, b"\4" + (2048).to_bytes(4, "little"), []),
            "limits the data of loaded accounts to 2048 bytes",
        ),
        (
            loader(3, SPILL, ACCOUNT, COLLATERAL, WALLET, MINT, RUN, WALLET),
            f"upgrades the program {ACCOUNT} to the content of {COLLATERAL}",
        ),
        (loader(4, ACCOUNT, WALLET), f"removes the upgrade authority of the program data or buffer {ACCOUNT}"),
        (
            loader(4, ACCOUNT, WALLET, SPILL),
            f"makes {SPILL} the upgrade authority of the program data or buffer {ACCOUNT}",
        ),
        (
            loader(7, ACCOUNT, WALLET, SPILL),
            f"makes {SPILL} the upgrade authority of the program data or buffer {ACCOUNT}",
        ),
        (loader(5, ACCOUNT, SPILL, WALLET), f"closes the program or buffer {ACCOUNT}; {SPILL} receives its SOL"),
        (memo(b"a\nb"), r"writes the memo 'a\nb'"),
        (memo(b"\xff"), "calls memo with 1 byte of data and 0 accounts, which cannot be decoded: it contains text"),
        (Instruction(RUN, b"12", [AccountMeta(MINT, False, True)]), f"calls program {RUN} with 2 bytes of data and 1 "),
        (
            Instruction(PUBLISHED.coordinator, b"12345678", []),
            "calls coordinator with 8 bytes of data and 0 accounts, which cannot be decoded: the program does not have",
        ),
        (
            Instruction(COMPUTE_BUDGET_PROGRAM, b"\0", []),
            ("calls compute-budget with 1 byte of data and 0 accounts, which cannot be decoded: the program's "
            "instruction 0 is not known"),
        ),
    ],
)  # fmt: skip
def test_sentences(made: Instruction, expected: str) -> None:
    found = words(made, run_ids=RUNS)
    assert found == expected or (len(expected) > 70 and found.startswith(expected))


def test_a_run_whose_id_is_not_known_is_named_by_its_account() -> None:
    assert words(I.tick(**USER)) == f"ticks the run of instance {INSTANCE}"
    made = I.participant_create(payer=SPILL, user=WALLET, run=RUN)
    assert words(made).endswith(f"the run of treasurer account {RUN}")


def test_a_run_that_the_message_creates_is_known_in_all_its_instructions() -> None:
    create = CASES["init_coordinator"][0](I)
    tick = I.tick(user=WALLET, instance=TEST_INSTANCE, account=ACCOUNT)
    first, second = described(create, tick)
    assert first.words == f"creates run 'test' with main authority {CLIENT_1}"
    assert second.words == "ticks run 'test'"
    paid, update = described(CASES["run_create"][0](I), I.tick(user=WALLET, instance=key("x"), account=ACCOUNT))
    assert paid.words.startswith(f"creates run 'test' with main authority {CLIENT_1} and a treasurer that pays")
    assert update.words == "ticks run 'test'"


def test_arguments_are_plain_values() -> None:
    [transfer] = described(CASES["transfer_tokens"][0](I))
    assert transfer.arguments == {"token_amount": TokenQuantity(258, 6)}
    assert (transfer.account("mint"), transfer.account("nothing")) == (MINT, None)
    [join] = described(CASES["authorization_create"][0](I))
    assert join.arguments == {"grantee": CLIENT_2, "scope": b"CoordinatorJoinRun"}


def test_a_missing_account_is_reported_and_others_are_numbered() -> None:
    whole = I.set_paused(**OWNER, paused=True)
    [short] = described(Instruction(whole.program_id, bytes(whole.data), whole.accounts[:2]))
    assert short.problem == "the account coordinator_account is missing"
    assert (short.name, [one.role for one in short.accounts]) == ("set_paused", ["other_1", "other_2"])
    [long] = described(Instruction(whole.program_id, bytes(whole.data), [*whole.accounts, *whole.accounts]))
    assert [one.role for one in long.accounts][3:] == ["other_1", "other_2", "other_3"]
    assert long.words.startswith("pauses the run")


def test_a_failed_creation_names_no_run() -> None:
    whole = CASES["init_coordinator"][0](I)
    [short] = described(Instruction(whole.program_id, bytes(whole.data), whole.accounts[:2]))
    assert short.problem == "the account coordinator_account is missing"


def test_other_program_ids() -> None:
    programs = ProgramIds(coordinator=RUN)
    made = Instructions(programs).tick(**USER)
    assert words(made, programs=programs).startswith("ticks the run")
    assert words(made).startswith(f"calls program {RUN} with 8 bytes")


def test_accounts_in_a_lookup_table_that_was_not_read() -> None:
    tick = I.tick(**USER)
    message = MessageV0(
        header=MessageHeader(1, 0, 1),
        account_keys=[WALLET, PUBLISHED.coordinator],
        recent_blockhash=Hash.default(),
        instructions=[CompiledInstruction(1, bytes(tick.data), bytes([0, 3, 2]))],
        address_table_lookups=[MessageAddressTableLookup(MINT, bytes([7]), bytes([9]))],
    )
    [one] = describe_instructions(decode_message(to_bytes_versioned(message)))
    assert one.words == f"ticks the run of instance account 9 of lookup table {MINT}"
    assert one.account("coordinator_instance") is None
    create = CASES["init_coordinator"][0](I)
    creating = MessageV0(
        header=MessageHeader(1, 0, 2),
        account_keys=[WALLET, PUBLISHED.coordinator, SYSTEM_PROGRAM],
        recent_blockhash=Hash.default(),
        instructions=[CompiledInstruction(1, bytes(create.data), bytes([0, 3, 4, 2]))],
        address_table_lookups=[MessageAddressTableLookup(MINT, bytes([7, 8]), b"")],
    )
    [one] = describe_instructions(decode_message(to_bytes_versioned(creating)))
    assert one.words.startswith("creates run 'test'")
    loaded = decode_message(to_bytes_versioned(creating)).with_loaded([TEST_INSTANCE, ACCOUNT], [])
    [one] = describe_instructions(loaded)
    assert one.account("coordinator_instance") == instance_address("test")


@given(
    st.sampled_from([*PUBLISHED, SYSTEM_PROGRAM, TOKEN_PROGRAM, COMPUTE_BUDGET_PROGRAM, MEMO_PROGRAMS[1], RUN]),
    st.binary(max_size=200),
    st.integers(0, 9),
)
def test_any_instruction_is_described(program: Pubkey, data: bytes, accounts: int) -> None:
    [one] = described(Instruction(program, data, [AccountMeta(key(str(i)), False, True) for i in range(accounts)]))
    assert one.words
    assert len(one.accounts) == accounts
    assert (one.name is None) is (bool(one.problem) or program == RUN) or "is missing" in one.problem
