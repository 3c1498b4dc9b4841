"""Explanations of failed transactions: program, error and hint."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from psyche_cli.errors import ProgramRefused
from psyche_cli.protocol.errors.program_errors import ProgramFailure, explain_failure, failure_describer
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.solana.programs import SYSTEM_PROGRAM, TOKEN_PROGRAM

COORDINATOR, AUTHORIZER, TREASURER = str(PUBLISHED.coordinator), str(PUBLISHED.authorizer), str(PUBLISHED.treasurer)


def explain(err: object, logs: Sequence[str] = (), programs: Sequence[str] = (COORDINATOR,)) -> ProgramFailure:
    return explain_failure(err, logs, list(programs), PUBLISHED)


def custom(code: int, index: int = 0) -> dict[str, object]:
    return {"InstructionError": [index, {"Custom": code}]}


COORDINATOR_ERRORS = [
    (6000, "UpdateConfigFinished", "Cannot update config of finished run"),
    (6001, "UpdateConfigNotHalted", "Cannot update config when not halted"),
    (6002, "CoordinatorAccountIncorrectSize", "Coordinator account incorrect size"),
    (6003, "ClientsFull", "Clients list full"),
    (6004, "ConfigSanityCheckFailed", "Config sanity check failed"),
    (6005, "ModelSanityCheckFailed", "Model sanity check failed"),
    (6006, "ProgressSanityCheckFailed", "Progress sanity check failed"),
    (6007, "SignerNotAClient", "Signer not a client"),
    (6008, "SignerMismatch", "Signer mismatch"),
    (6009, "CloseCoordinatorNotHalted", "Cannot close coordinator account when not halted"),
    (6010, "CoordinatorErrorNoActiveRound", "Coordinator error: No active round"),
    (6011, "CoordinatorErrorInvalidWitness", "Coordinator error: Invalid witness"),
    (6012, "CoordinatorErrorInvalidRunState", "Coordinator error: Invalid run state"),
    (6013, "CoordinatorErrorDuplicateWitness", "Coordinator error: Duplicate witness"),
    (6014, "CoordinatorErrorInvalidHealthCheck", "Coordinator error: Invalid health check"),
    (6015, "CoordinatorErrorHalted", "Coordinator error: Halted"),
    (6016, "CoordinatorErrorInvalidCheckpoint", "Coordinator error: Invalid checkpoint"),
    (6017, "CoordinatorErrorWitnessesFull", "Coordinator error: Witnesses full"),
    (6018, "CoordinatorErrorCannotResume", "Coordinator error: Cannot resume"),
    (6019, "CoordinatorErrorInvalidWithdraw", "Coordinator error: Invalid withdraw"),
    (6020, "CoordinatorErrorInvalidCommitteeSelection", "Coordinator error: Invalid committee selection"),
    (6021, "CoordinatorErrorInvalidCommitteeProof", "Coordinator error: Invalid committee proof"),
    (6022, "MoreClientsThanBatches", "There are more clients than total number of batches to assign"),
    (6023, "RunIdInvalidLength", "run_id must be 32 bytes or less"),
]


@pytest.mark.parametrize(
    ("program", "code", "name", "message"),
    [
        *[(COORDINATOR, *error) for error in COORDINATOR_ERRORS],
        (AUTHORIZER, 6000, "AuthorizationActiveIsTrue", "AuthorizationActive is true"),
        (
            AUTHORIZER,
            6001,
            "AuthorizationClosingConditionsNotReachedYet",
            "Authorization closing conditions not reached yet",
        ),
        (TREASURER, 6000, "InvalidParameter", "Invalid parameter"),
        (TREASURER, 6001, "RunIdInvalidLength", "run_id must be 32 bytes or less"),
        (COORDINATOR, 101, "InstructionFallbackNotFound", "The program does not know the instruction"),
        (TREASURER, 2003, "ConstraintRaw", "An account violates a constraint of the program"),
        (AUTHORIZER, 3012, "AccountNotInitialized", "An account does not exist"),
        (str(SYSTEM_PROGRAM), 0, "AccountAlreadyInUse", "The account to create already exists"),
        (str(SYSTEM_PROGRAM), 1, "ResultWithNegativeLamports", "The paying account does not hold enough lamports"),
        (str(TOKEN_PROGRAM), 1, "InsufficientFunds", "The token account does not hold enough tokens"),
        (COORDINATOR, 7777, "Custom", "Error 7777 (0x1e61)"),
    ],
)
def test_the_same_code_means_different_things(program: str, code: int, name: str, message: str) -> None:
    failure = explain(custom(code, index=1), programs=[str(SYSTEM_PROGRAM), program])
    assert (failure.program_id, failure.code, failure.name, failure.message) == (program, code, name, message)
    assert failure.instruction_index == 1


def test_framework_codes_of_the_programs_are_all_named() -> None:
    codes = [101, 102, 2000, 2003, 2004, 2006, 2009, 2011, 2012, 2015, 3000, 3001, 3002, 3003, 3005, 3006, 3007, 3008]
    for code in [*codes, 3009, 3010, 3011, 3012, 3016, 4101]:
        assert explain(custom(code)).name != "Custom"


THROUGH_THE_TREASURER = [
    f"Program {TREASURER} invoke [1]",
    "Program log: Instruction: RunUpdate",
    f"Program {COORDINATOR} invoke [2]",
    "Program log: Instruction: Update",
    "Program log: Nonce: 3",
    "Program log: model check failed: bad optimizer",
    (
        "Program log: AnchorError occurred. Error Code: ModelSanityCheckFailed. Error Number: 6005. "
        "Error Message: Model sanity check failed."
    ),
    f"Program {COORDINATOR} consumed 9000 of 190000 compute units",
    f"Program {COORDINATOR} failed: custom program error: 0x1775",
    f"Program {TREASURER} consumed 19000 of 200000 compute units",
    f"Program {TREASURER} failed: custom program error: 0x1775",
]


def test_an_inner_call_fails_with_the_inner_programs_error() -> None:
    failure = explain(custom(6005), THROUGH_THE_TREASURER, [TREASURER])
    assert failure.program_name == "coordinator"
    assert failure.name == "ModelSanityCheckFailed"
    assert failure.details == ("model check failed: bad optimizer",)
    assert failure.sentence == (
        "The coordinator program rejected the transaction: Model sanity check failed [ModelSanityCheckFailed 6005]. "
        "Program log: model check failed: bad optimizer"
    )
    assert "update-config" in failure.hint


def test_a_program_that_fails_after_an_inner_call_succeeded_is_the_one() -> None:
    logs = [
        f"Program {TREASURER} invoke [1]",
        f"Program {COORDINATOR} invoke [2]",
        "Program log: model check failed: of an earlier call",
        f"Program {COORDINATOR} success",
        "Program log: AnchorError occurred. Error Code: InvalidParameter. Error Number: 6000. Error Message: x.",
        f"Program {TREASURER} failed: custom program error: 0x1770",
    ]
    failure = explain(custom(6000), logs, [TREASURER])
    assert (failure.program_name, failure.name, failure.details) == ("treasurer", "InvalidParameter", ())


@pytest.mark.parametrize(
    ("code", "name", "hint"),
    [
        (6000, "RunIdInvalidLength", "Choose a run id"),
        (6001, "ParticipantClientNotFound", "Only a wallet that has joined"),
        (6002, "ClaimerSignerMismatch", "Rewards are claimed by the claimer"),
        (6003, "ClaimedPointsExceedEarnedPoints", "Claim at most"),
    ],
)
def test_the_treasurer_of_another_layout_numbers_its_errors_differently(code: int, name: str, hint: str) -> None:
    logs = [
        f"Program {TREASURER} invoke [1]",
        f"Program log: AnchorError thrown in x.rs:1. Error Code: {name}. Error Number: {code}. Error Message: Why.",
        f"Program {TREASURER} failed: custom program error: {code:#x}",
    ]
    failure = explain(custom(code), logs, [TREASURER])
    assert (failure.name, failure.message) == (name, "Why")
    assert failure.hint.startswith(hint)
    unlogged = explain(custom(code), (), [TREASURER])
    assert (unlogged.name == name) is (code > 6001)  # without a log, the numbers of v1 are assumed


def test_the_earlier_instructions_of_the_transaction_do_not_matter() -> None:
    logs = [
        f"Program {SYSTEM_PROGRAM} invoke [1]",
        f"Program {SYSTEM_PROGRAM} success",
        f"Program {COORDINATOR} invoke [1]",
        "Program log: Instruction: InitCoordinator",
        f"Program {SYSTEM_PROGRAM} invoke [2]",
        f"Create Account: account Address {{ address: {COORDINATOR}, base: None }} already in use",
        f"Program {SYSTEM_PROGRAM} failed: custom program error: 0x0",
        f"Program {COORDINATOR} failed: custom program error: 0x0",
    ]
    failure = explain(custom(0, index=1), logs, [str(SYSTEM_PROGRAM), COORDINATOR])
    assert (failure.program_name, failure.name, failure.instruction_index) == ("system", "AccountAlreadyInUse", 1)
    assert failure.details[0].endswith("already in use")
    assert failure.sentence.startswith(
        "The system program rejected the transaction: The account to create already exists"
    )
    assert "already exists" in failure.hint


def test_tokens_missing_in_an_inner_call() -> None:
    logs = [
        f"Program {TREASURER} invoke [1]",
        "Program log: Instruction: ParticipantClaim",
        f"Program {TOKEN_PROGRAM} invoke [2]",
        "Program log: Instruction: Transfer",
        "Program log: Error: insufficient funds",
        f"Program {TOKEN_PROGRAM} failed: custom program error: 0x1",
        f"Program {TREASURER} failed: custom program error: 0x1",
    ]
    failure = explain(custom(1), logs, [TREASURER])
    assert (failure.program_name, failure.name) == ("spl-token", "InsufficientFunds")
    assert failure.details == ("Error: insufficient funds",)


@pytest.mark.parametrize(
    ("code", "account", "hint"),
    [
        (2003, "authority", "The wallet is not the main authority of the run."),
        (2003, "authorization", "It is inactive, or was granted by or to another key."),
        (3012, "coordinator_instance", "No run with this id exists on this cluster."),
        (3012, "something", ""),
    ],
)
def test_the_account_that_the_framework_blames(code: int, account: str, hint: str) -> None:
    logs = [
        f"Program {COORDINATOR} invoke [1]",
        f"Program log: AnchorError caused by account: {account}. Error Code: X. Error Number: {code}.",
        f"Program {COORDINATOR} failed: custom program error: {code:#x}",
    ]
    failure = explain(custom(code), logs)
    assert (failure.account, failure.hint) == (account, hint)
    assert f"(account {account})" in failure.sentence


def test_a_code_that_only_the_log_explains() -> None:
    logs = [
        f"Program {COORDINATOR} invoke [1]",
        (
            "Program log: AnchorError thrown in programs/x.rs:12. Error Code: BrandNew. Error Number: 6099. "
            "Error Message: Something new."
        ),
        f"Program {COORDINATOR} failed: custom program error: 0x17d3",
    ]
    failure = explain(custom(6099), logs)
    assert (failure.name, failure.message) == ("BrandNew", "Something new")


def test_a_code_that_the_log_explains_among_other_lines() -> None:
    logs = [
        f"Program {COORDINATOR} invoke [1]",
        "Program log: Instruction: Update",
        "Program log: Error Code: Another. Error Number: 6098. Error Message: Another one.",
        "Program log: Error Code: BrandNew. Error Number: 6099. Error Message: Something new.",
        f"Program {COORDINATOR} failed: custom program error: 0x17d3",
    ]
    failure = explain(custom(6099), logs)
    assert (failure.name, failure.message) == ("BrandNew", "Something new")


def test_lines_outside_of_every_program_belong_to_none() -> None:
    # Nodes cut long logs, so a program may end whose beginning is missing.
    logs = [
        "Program log: panicked at before anything began",
        f"Program {SYSTEM_PROGRAM} success",
        f"Program {COORDINATOR} invoke [1]",
        "Program log: panicked at src/state.rs:1",
        f"Program {COORDINATOR} failed: SBF program panicked",
    ]
    failure = explain({"InstructionError": [0, "ProgramFailedToComplete"]}, logs)
    assert failure.details == ("panicked at src/state.rs:1",)


def test_a_program_that_calls_itself_fails_with_the_lines_of_the_inner_call() -> None:
    logs = [
        f"Program {COORDINATOR} invoke [1]",
        "Program log: panicked at the outer call",
        f"Program {COORDINATOR} invoke [2]",
        "Program log: panicked at the inner call",
        f"Program {COORDINATOR} failed: SBF program panicked",
        f"Program {COORDINATOR} failed: SBF program panicked",
    ]
    failure = explain({"InstructionError": [0, "ProgramFailedToComplete"]}, logs)
    assert failure.details == ("panicked at the inner call",)


def test_an_inner_call_that_succeeded_takes_its_lines_with_it() -> None:
    logs = [
        f"Program {COORDINATOR} invoke [1]",
        f"Program {COORDINATOR} invoke [2]",
        "Program log: panicked at the inner call",
        f"Program {COORDINATOR} success",
        "Program log: panicked at the outer call",
        f"Program {COORDINATOR} failed: SBF program panicked",
    ]
    failure = explain({"InstructionError": [0, "ProgramFailedToComplete"]}, logs)
    assert failure.details == ("panicked at the outer call",)


def test_cold_start_steps_are_explained_by_the_program() -> None:
    text = "cold_start_warmup_steps (9) exceeds estimated training rounds per epoch ((epoch_time=60 - warmup_time=15)"
    logs = [f"Program {COORDINATOR} invoke [1]", f"Program log: {text}", f"Program {COORDINATOR} failed: x"]
    assert explain(custom(6004), logs).details == (text,)


def test_a_panic() -> None:
    logs = [
        f"Program {COORDINATOR} invoke [1]",
        "Program log: Instruction: UpdateClientVersion",
        "Program log: panicked at programs/state.rs:10:5:\nrange end index 97 out of range",
        f"Program {COORDINATOR} failed: SBF program panicked",
    ]
    failure = explain({"InstructionError": [0, "ProgramFailedToComplete"]}, logs)
    assert (failure.program_name, failure.code, failure.name) == ("coordinator", None, "ProgramFailedToComplete")
    assert failure.details == ("panicked at programs/state.rs:10:5: range end index 97 out of range",)
    assert failure.sentence.startswith(
        "The coordinator program rejected the transaction: The program aborted [ProgramFailedToComplete]."
    )


@pytest.mark.parametrize(
    ("err", "name", "message"),
    [
        ("AccountNotFound", "AccountNotFound", "The fee payer does not exist on this cluster"),
        ("BlockhashNotFound", "BlockhashNotFound", "The transaction's blockhash is unknown or too old"),
        (
            {"InsufficientFundsForRent": {"account_index": 0}},
            "InsufficientFundsForRent",
            "An account would be left with less SOL than its rent exemption",
        ),
        ("WouldExceedMaxBlockCostLimit", "WouldExceedMaxBlockCostLimit", "Would exceed max block cost limit"),
        ("some sentence of a node.", "some sentence of a node.", "some sentence of a node."),
        (None, "null", "Null"),
    ],
)
def test_what_the_runtime_refuses_before_any_program_runs(err: object, name: str, message: str) -> None:
    failure = explain(err)
    assert (failure.name, failure.message, failure.program_id) == (name, message, "")
    assert failure.instruction_index is None
    assert failure.sentence == f"{message} [{name}]."


@pytest.mark.parametrize(
    ("err", "code", "name"),
    [
        ({"InstructionError": [0, "MissingRequiredSignature"]}, None, "MissingRequiredSignature"),
        ({"InstructionError": [0, {"BorshIoError": "x"}]}, None, "BorshIoError"),
        ("Error processing Instruction 0: custom program error: 0x1774", 6004, "ConfigSanityCheckFailed"),
        (
            "Transaction simulation failed: Error processing Instruction 0: custom program error: 0x177f",
            6015,
            "CoordinatorErrorHalted",
        ),
        ("Error processing Instruction 0: invalid account data", None, "invalid account data"),
    ],
)
def test_other_forms_of_instruction_errors(err: object, code: int | None, name: str) -> None:
    failure = explain(err)
    assert (failure.code, failure.name, failure.program_name) == (code, name, "coordinator")


def test_without_logs_and_programs_the_code_is_all_there_is() -> None:
    failure = explain(custom(6004, index=3))
    assert (failure.program_name, failure.name) == ("", "Custom")
    assert failure.sentence == "Error 6004 (0x1774) [Custom 6004]."


def test_programs_at_other_ids() -> None:
    elsewhere = ProgramIds(coordinator=Pubkey.from_bytes(bytes([9] * 32)))
    failure = explain_failure(custom(6015), [], [elsewhere.coordinator], elsewhere)
    assert failure.program_name == "coordinator"
    failure = explain_failure(custom(6015), [], [COORDINATOR], elsewhere)
    assert failure.sentence == f"The program {COORDINATOR} rejected the transaction: Error 6015 (0x177f) [Custom 6015]."


def test_the_error_to_raise() -> None:
    error = failure_describer(PUBLISHED)(custom(6005), THROUGH_THE_TREASURER, [PUBLISHED.treasurer])
    assert isinstance(error, ProgramRefused)
    assert error.message.startswith("The coordinator program rejected the transaction: Model sanity check failed")
    assert error.context == {
        "program": "coordinator",
        "program_id": COORDINATOR,
        "program_code": 6005,
        "program_error": "ModelSanityCheckFailed",
        "instruction_index": 0,
        "account": "",
        "details": ["model check failed: bad optimizer"],
    }


def test_the_module_needs_no_solana_library() -> None:
    code = (
        "import sys, psyche_cli.protocol.errors.program_errors\n"
        "heavy = {'solders', 'anchorpy', 'solana', 'spl', 'httpx'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["InstructionError", "Custom"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["InstructionError", "Custom", "x"]), inner, max_size=2)
    ),
    max_leaves=8,
)
LINES = st.lists(
    st.sampled_from([*THROUGH_THE_TREASURER, "Program x success", "Program log: panicked at x", "Log truncated"])
    | st.text(max_size=30),
    max_size=12,
)


@given(JSON, LINES)
@settings(deadline=None)
def test_nothing_that_a_node_may_send_makes_it_raise(err: object, logs: list[str]) -> None:
    failure = explain(json.loads(json.dumps(err)), logs)
    assert failure.sentence
