"""Comparison of a recorded instruction with the lifecycle model, or the reason why it does not apply."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any

from solders.pubkey import Pubkey

from psyche_cli.errors import MalformedAccount
from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
from psyche_cli.model.from_account import state_from_account
from psyche_cli.model.states import CoordinatorState, initial_state
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.layouts.known import layout_named
from psyche_cli.solana.raw_account import RawAccount

from .call_reader import (
    CoordinatorCall,
    InitCoordinator,
    NotDecodable,
    ProgramReader,
    coordinator_call,
    treasurer_calls,
)
from .chain import ABORT, COORDINATOR, COORDINATOR_ACCOUNT_SIZE, TREASURER, Code
from .coordinator_bytes import decode
from .differential import differences, program_lines
from .recorded_answers import NOTHING, Image, Moment

ARGUMENTS_REFUSED = 102
_FIRST_CODE_OF_A_PROGRAM = 6000
_RUN_ID_INVALID_LENGTH, _ACCOUNT_INCORRECT_SIZE = 6001, 6002
_RUN_ID_CAPACITY = 32
_READERS = {COORDINATOR: ProgramReader("coordinator"), TREASURER: ProgramReader("treasurer")}


class Unasked(Enum):
    """Why the model does not apply to an instruction. These cases are tested with the C programs only."""

    AUTHORIZER = "the authorizer's instructions, which the model does not include"
    TREASURER = "participants and claims, which only the treasurer implements"
    NO_INSTRUCTION = "data that does not start with an instruction of the program, and Anchor's own instructions"
    ARGUMENTS = "arguments that cannot be decoded (102)"
    ACCOUNTS = "rejections by Anchor, an account constraint, an inner program or the runtime"
    NEW_ACCOUNTS = "init_coordinator and run_create: account size, run id length, or an account that is not zeroed"
    SHORT_ACCOUNT = "a coordinator account that is shorter than its content"
    FORGED_LENGTH = "forged lengths, heads and tags, which the model's state cannot represent"
    FORGED_RUN = "a forged Run, for which the treasurer cannot sign"


@dataclass(frozen=True)
class Question:
    """The coordinator calls of a recorded instruction, and their initial state (None: a blank account)."""

    name: str
    calls: tuple[CoordinatorCall, ...]
    account: Pubkey
    signer: bytes
    state: CoordinatorState | None


@dataclass(frozen=True)
class Prediction:
    """The model's prediction. ``log`` is None if the model does not predict it."""

    code: Code
    state: CoordinatorState
    log: tuple[str, ...] | None


def question_of(moment: Moment) -> Question | Unasked:
    """The calls for which the model predicts the outcome of the instruction.

    A rejection before the state machine is recognized by its code: the framework, the system program, SPL Token and the
    runtime have codes below 6000 or error names, and the state machine has neither.
    """
    instruction, code = moment.call.instruction, moment.answer.code
    if instruction.program_id not in _READERS:
        return Unasked.AUTHORIZER
    reader = _READERS[instruction.program_id]
    if moment.call.name is None:
        return Unasked.NO_INSTRUCTION
    try:
        call = reader.call(bytes(instruction.data))
    except NotDecodable:
        assert code == ARGUMENTS_REFUSED, (moment.number, code)
        return Unasked.ARGUMENTS
    assert code != ARGUMENTS_REFUSED, (moment.number, code)
    if call.name in ("participant_create", "participant_claim"):
        return Unasked.TREASURER
    if _refused_for_accounts(code):
        return Unasked.ACCOUNTS
    calls = treasurer_calls(call) if instruction.program_id == TREASURER else [coordinator_call(call)]
    addresses = dict(zip(call.accounts, (meta.pubkey for meta in instruction.accounts), strict=False))
    account = addresses["coordinator_account"]
    data = moment.before.get(account, NOTHING).data
    question = Question(call.name, tuple(calls), account, bytes(instruction.accounts[0].pubkey), None)
    if isinstance(calls[0] if calls else None, InitCoordinator):
        return _initial(question, data, call.arguments["run_id"], code) or question
    if call.name == "run_update" and not _signs(moment.before[addresses["run"]], addresses["run"]):
        return Unasked.FORGED_RUN
    if len(data) < COORDINATOR_ACCOUNT_SIZE:
        assert code == ABORT, (moment.number, code)
        return Unasked.SHORT_ACCOUNT
    state = read_state(data)
    if state is None:
        return Unasked.FORGED_LENGTH
    return replace(question, state=state)


def _refused_for_accounts(code: Code) -> bool:
    return code < _FIRST_CODE_OF_A_PROGRAM if isinstance(code, int) else code not in (None, ABORT)


def _initial(question: Question, data: bytes, run_id: str, code: Code) -> Unasked | None:
    """Why the model does not apply to a new run, or None if it does."""
    if len(run_id.encode()) > _RUN_ID_CAPACITY:
        assert code == (_RUN_ID_INVALID_LENGTH if question.name == "run_create" else ABORT), (question.name, code)
        return Unasked.NEW_ACCOUNTS
    if len(data) != COORDINATOR_ACCOUNT_SIZE:
        assert code == _ACCOUNT_INCORRECT_SIZE, (question.name, code)
        return Unasked.NEW_ACCOUNTS
    return None if data == bytes(COORDINATOR_ACCOUNT_SIZE) else Unasked.NEW_ACCOUNTS


def _signs(run: Image, address: Pubkey) -> bool:
    """Whether the address of a Run is derived from its bump and index."""
    bump, index = struct.unpack_from("<BQ", run.data, 8)
    seeds = b"Run" + struct.pack("<QB", index, bump)
    derived = Pubkey(hashlib.sha256(seeds + bytes(TREASURER) + b"ProgramDerivedAddress").digest())
    return derived == address and not derived.is_on_curve()


def clock_of(moment: Moment) -> Clock:
    """The clock at which the instruction was executed."""
    return Clock(moment.call.unix_timestamp, moment.call.slot)


def predict(question: Question, clock: Clock) -> Prediction:
    """The model's prediction. The calls of one instruction take effect together or not at all."""
    if question.state is None:
        (call,) = question.calls
        assert isinstance(call, InitCoordinator)
        return Prediction(None, initial_state(call.run_id, call.client_version), None)
    state = question.state
    log: list[str] = []
    for call in question.calls:
        assert not isinstance(call, InitCoordinator)
        outcome = apply(state, call, question.signer, clock)
        state = outcome.state
        log += outcome.log
        if not outcome.succeeded:
            code = ABORT if outcome.abort is not None else outcome.error
            return Prediction(code, question.state, tuple(log))
    return Prediction(None, state, tuple(log))


def disagreement(question: Question, moment: Moment) -> str:
    """The differences between the prediction and the recorded outcome: result, log, or values of the state."""
    answer, predicted = moment.answer, predict(question, clock_of(moment))
    if predicted.code != answer.code:
        return f"result {predicted.code}, recorded {answer.code}"
    lines = program_lines(coordinator_lines(answer.logs))
    if predicted.log is not None and predicted.log != lines:
        return f"log {predicted.log}, recorded {lines}"
    if answer.code is not None:
        return ""
    after = answer.after.get(question.account, NOTHING)
    if predicted.state.closed or not after.lamports:
        return "" if predicted.state.closed and not after.lamports else "whether the account is closed"
    found = read_state(after.data)
    if found is None:
        return "the state afterwards cannot be read"
    if question.state is None:
        found = readable(found)  # A client version may be cut inside a character.
    return "" if found == predicted.state else f"state {differences(predicted.state, found)}"


def coordinator_lines(logs: Sequence[str]) -> tuple[str, ...]:
    """The lines that were logged inside the coordinator."""
    lines, running = [], [""]
    for line in logs:
        words = line.split(" ")
        if words[0] == "Program" and words[2:3] == ["invoke"]:
            running.append(words[1])
        elif words[0] == "Program" and words[1] == running[-1] and words[2] in ("success", "failed:"):
            running.pop()
        elif running[-1] == str(COORDINATOR):
            lines.append(line)
    return tuple(lines)


@lru_cache(maxsize=64)
def read_state(data: bytes) -> CoordinatorState | None:
    """The state in a coordinator account; None if it contains lengths or tags that a state cannot represent.

    It is decoded twice, by the package's decoder and by that of the tests, which must agree. The program accepts
    accounts that are longer than the layout.
    """
    account = CoordinatorAccount(RawAccount(COORDINATOR, COORDINATOR, 1, data), layout_named("v1"))
    try:
        state = state_from_account(account)
    except MalformedAccount:
        return None
    own = decode(data)
    assert readable(own) == state, differences(readable(own), state)
    return own


def readable(state: CoordinatorState) -> CoordinatorState:
    """A state of the tests' decoder in the form of the package's: flags 0 or 1, U+FFFD for invalid UTF-8."""
    rounds = tuple(
        replace(round_, witnesses=tuple(replace(record, witness=min(record.witness, 1)) for record in round_.witnesses))
        for round_ in state.epoch.rounds
    )
    return replace(
        state,
        run_id=_readable(state.run_id),
        client_version=_readable(state.client_version),
        metadata=_readable(state.metadata),
        model=_readable(state.model),
        epoch=replace(state.epoch, rounds=rounds),
    )


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="surrogateescape").decode(errors="replace")
    if isinstance(value, dict):
        return {key: _readable(inner) for key, inner in value.items()}
    return value
