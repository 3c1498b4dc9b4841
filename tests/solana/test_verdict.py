"""Interpretation of responses about a transaction, with tables of all cases."""

import json
from dataclasses import replace
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.errors import (
    BadRpcResponse,
    HttpStatusError,
    InsufficientFunds,
    Json,
    NetworkError,
    ProgramRefused,
    RpcError,
    TimedOut,
    Unreachable,
)
from psyche_cli.protocol.errors.program_errors import failure_describer
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.programs import SYSTEM_PROGRAM, TOKEN_PROGRAM
from psyche_cli.solana.rpc.types import SignatureStatus
from psyche_cli.solana.sending.transaction import LegacyTransaction
from psyche_cli.solana.sending.verdict import (
    Delivery,
    Fate,
    delivery,
    describe_any_failure,
    fate,
    refusal,
)

PAYER, OTHER, PROGRAM = (Pubkey.new_unique() for _ in range(3))
TRANSACTION = LegacyTransaction(b"", (PROGRAM, PROGRAM), (PAYER, OTHER, PROGRAM))
ENDPOINT = "https://rpc.example"
CUSTOM: Json = {"InstructionError": [1, {"Custom": 6015}]}


@pytest.mark.parametrize(
    ("reached", "wanted", "decided"),
    [
        ("processed", "processed", True),
        ("processed", "confirmed", False),
        ("processed", "finalized", False),
        ("confirmed", "processed", True),
        ("confirmed", "confirmed", True),
        ("confirmed", "finalized", False),
        ("finalized", "processed", True),
        ("finalized", "confirmed", True),
        ("finalized", "finalized", True),
    ],
)
def test_a_status_decides_from_the_commitment_on(reached: str, wanted: str, decided: bool) -> None:
    assert fate(SignatureStatus(1, None, reached), wanted) is (Fate.LANDED if decided else Fate.PENDING)
    assert fate(SignatureStatus(1, CUSTOM, reached), wanted) is (Fate.FAILED if decided else Fate.PENDING)


def test_an_unknown_signature_decides_nothing() -> None:
    assert fate(None, "processed") is Fate.PENDING


def rpc_error(code: int, message: str = "no", data: Any = None) -> RpcError:
    return RpcError(message, rpc_code=code, rpc_data=data)


PROOFS = (400, 401, 403, 404, 405, 413, 415)


@pytest.mark.parametrize("status", [*range(100, 200), *range(201, 600)])
def test_seven_http_statuses_prove_that_the_transaction_was_not_accepted(status: int) -> None:
    expected = Delivery.REFUSED if status in PROOFS else Delivery.UNCLEAR
    assert delivery(HttpStatusError("", status=status)) is expected


@pytest.mark.parametrize(
    ("error", "judged"),
    [
        (Unreachable("refused", request_sent=False), Delivery.NOT_TAKEN),
        (Unreachable("broke", request_sent=True), Delivery.UNCLEAR),
        (Unreachable("broke"), Delivery.UNCLEAR),
        (TimedOut("no connection", request_sent=False), Delivery.NOT_TAKEN),
        (TimedOut("no answer", request_sent=True), Delivery.UNCLEAR),
        (TimedOut("no answer"), Delivery.UNCLEAR),
        (BadRpcResponse("garbage"), Delivery.UNCLEAR),
        (NetworkError("other"), Delivery.UNCLEAR),
        *[(rpc_error(code), Delivery.REFUSED) for code in (-32600, -32601, -32602, -32003, -32006, -32013, -32015)],
        # One node may have taken what another refuses like this.
        (rpc_error(-32005), Delivery.UNCLEAR),
        (rpc_error(-32016), Delivery.UNCLEAR),
        (rpc_error(429), Delivery.UNCLEAR),
        (rpc_error(-32603, "internal"), Delivery.UNCLEAR),
        (rpc_error(-32700, "parse error"), Delivery.UNCLEAR),
        (rpc_error(-32002, "preflight", {"err": CUSTOM}), Delivery.UNCLEAR),
        (rpc_error(-32002, "preflight", {"err": "BlockhashNotFound"}), Delivery.UNCLEAR),
        (rpc_error(-32002, "preflight", {"err": "AlreadyProcessed"}), Delivery.UNCLEAR),
        (rpc_error(-32002, "preflight"), Delivery.UNCLEAR),
        (rpc_error(-32000, "other", {"err": CUSTOM}), Delivery.UNCLEAR),
    ],
)
def test_failed_attempts_to_send(error: NetworkError, judged: Delivery) -> None:
    assert delivery(error) is judged


@pytest.mark.parametrize(
    ("err", "kind", "message"),
    [
        ("AccountNotFound", InsufficientFunds, f"The wallet {PAYER} holds no SOL on this cluster."),
        (
            "InsufficientFundsForFee",
            InsufficientFunds,
            f"The wallet {PAYER} does not hold enough SOL for the transaction fee.",
        ),
        (
            {"InsufficientFundsForRent": {"account_index": 0}},
            InsufficientFunds,
            f"The account {PAYER} would be left with less SOL than its rent-exempt minimum.",
        ),
        (
            {"InsufficientFundsForRent": {"account_index": 1}},
            InsufficientFunds,
            f"The account {OTHER} would be left with less SOL than its rent-exempt minimum.",
        ),
        (
            {"InsufficientFundsForRent": {"account_index": 3}},
            InsufficientFunds,
            "The account (unknown) would be left with less SOL than its rent-exempt minimum.",
        ),
        (
            {"InsufficientFundsForRent": {"account_index": -1}},
            InsufficientFunds,
            "The account (unknown) would be left with less SOL than its rent-exempt minimum.",
        ),
        (
            {"InsufficientFundsForRent": None},
            InsufficientFunds,
            "The account (unknown) would be left with less SOL than its rent-exempt minimum.",
        ),
        ("SanitizeFailure", ProgramRefused, "The cluster rejects the transaction: SanitizeFailure."),
        (
            {"DuplicateInstruction": 1},
            ProgramRefused,
            'The cluster rejects the transaction: {"DuplicateInstruction": 1}.',
        ),
        (CUSTOM, ProgramRefused, f'Instruction 2 of 2, program {PROGRAM}, failed: {{"Custom": 6015}}.'),
    ],
)
def test_refusals(err: Any, kind: type[Exception], message: str) -> None:
    error = refusal(err, ["a log"], TRANSACTION, describe_any_failure, ENDPOINT)
    assert type(error) is kind
    assert error.message == message


FUND = f"Fund it first: psyche-cli localnet airdrop {PAYER} 10"


@pytest.mark.parametrize(
    ("err", "hint"),
    [
        ("AccountNotFound", FUND),
        ("InsufficientFundsForFee", FUND),
        ({"InsufficientFundsForRent": {"account_index": 0}}, FUND),
        ({"InsufficientFundsForRent": {"account_index": 1}}, ""),
        ({"InstructionError": [0, {"Custom": 1}]}, FUND),
    ],
)
def test_missing_sol_comes_with_what_to_do(err: Any, hint: str) -> None:
    signed = replace(TRANSACTION, program_ids=(SYSTEM_PROGRAM, SYSTEM_PROGRAM))
    describe = failure_describer(PUBLISHED)
    assert refusal(err, [], signed, describe, "http://127.0.0.1:8899").hint == hint
    elsewhere = refusal(err, [], signed, describe, ENDPOINT).hint
    assert elsewhere == (f"Send SOL to {PAYER} on this cluster first." if hint else "")


def test_another_program_that_returns_the_same_code_is_not_short_of_sol() -> None:
    signed = replace(TRANSACTION, program_ids=(TOKEN_PROGRAM, TOKEN_PROGRAM))
    error = refusal({"InstructionError": [0, {"Custom": 1}]}, [], signed, failure_describer(PUBLISHED), ENDPOINT)
    assert "SOL" not in error.hint


def test_all_failures_except_missing_sol_are_described_by_the_given_describer() -> None:
    seen: list[Any] = []

    def describe(*arguments: Any) -> ProgramRefused:
        seen.append(arguments)
        return ProgramRefused("described")

    assert refusal(CUSTOM, ["a log"], TRANSACTION, describe, ENDPOINT).message == "described"
    assert refusal("Other", [], TRANSACTION, describe, ENDPOINT).message == "described"
    assert seen == [(CUSTOM, ["a log"], (PROGRAM, PROGRAM)), ("Other", [], (PROGRAM, PROGRAM))]


@pytest.mark.parametrize(
    ("err", "message"),
    [
        ({"InstructionError": [0, "InvalidAccountData"]}, f"Instruction 1 of 1, program {PROGRAM}, failed: Invalid"),
        ({"InstructionError": [1, "x"]}, "Instruction 2 of 1, program (unknown), failed: x."),
        ({"InstructionError": [9, "x"]}, "Instruction 10 of 1, program (unknown), failed: x."),
        ({"InstructionError": [-1, "x"]}, "Instruction 0 of 1, program (unknown), failed: x."),
        ({"InstructionError": ["0", "x"]}, 'The cluster rejects the transaction: {"InstructionError": ["0", "x"]}.'),
        ({"InstructionError": [0]}, 'The cluster rejects the transaction: {"InstructionError": [0]}.'),
        ({"InstructionError": 5}, 'The cluster rejects the transaction: {"InstructionError": 5}.'),
        ("Other", "The cluster rejects the transaction: Other."),
    ],
)
def test_errors_of_unknown_programs_are_reported_by_number(err: Any, message: str) -> None:
    error = describe_any_failure(err, [], [PROGRAM])
    assert error.message.startswith(message)
    assert error.hint == ""
    assert error.context["transaction_error"] == json.dumps(err, separators=(",", ":"))


def test_the_last_log_line_of_an_unknown_program_is_the_hint() -> None:
    error = describe_any_failure(CUSTOM, ["first", "Program failed: custom program error"], [PROGRAM, PROGRAM])
    assert error.hint == "Last log line: Program failed: custom program error"
