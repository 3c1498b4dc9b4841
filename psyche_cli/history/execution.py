"""The execution of one transaction in the model: what it did to a run, and whether the ledger agrees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from psyche_cli.history.events import DecodedCall, decoded_calls
from psyche_cli.history.moments import Claims, Moment, TreasuryMoment
from psyche_cli.history.records import RawTransaction
from psyche_cli.limits import MAX_CLIENT_VERSION_BYTES
from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
from psyche_cli.model.from_instruction import instruction_from_arguments
from psyche_cli.model.outcomes import ErrorCode, Outcome
from psyche_cli.model.states import CoordinatorState, initial_state
from psyche_cli.protocol.instructions.descriptions import InstructionDescription
from psyche_cli.protocol.instructions.layout_forms import LIKE_V1
from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.solana.rpc.answers import is_complete_log

_LOG: Final = "Program log: "
_FIRST_ERROR_OF_A_PROGRAM: Final = 6000
_TOKEN_PROGRAM_NAME: Final = "spl-token"


class RunAddresses(NamedTuple):
    """The accounts of a run, in base58. ``treasurer_run`` and ``vault`` are None for a run without a treasurer.

    ``layout`` is that of the coordinator account, None if it is not known.
    """

    account: str
    treasurer_run: str | None = None
    vault: str | None = None
    layout: str | None = None

    @property
    def layouts(self) -> dict[str, str]:
        """The layout by the addresses of the coordinator account and of the treasurer, if it is known."""
        if self.layout is None:
            return {}
        return {one: self.layout for one in (self.account, self.treasurer_run) if one is not None}


class Step(NamedTuple):
    """An instruction, and the run before and after it. ``outer`` and ``inner`` are its path in the transaction.

    ``problems`` say in what the ledger and the model disagree about it.
    """

    outer: int
    inner: int
    before: Moment
    after: Moment
    problems: tuple[str, ...] = ()


class Executed(NamedTuple):
    """A transaction in the model: a step for each of its instructions, and the run after it."""

    steps: tuple[Step, ...]
    after: Moment

    @property
    def problems(self) -> tuple[str, ...]:
        """All in what the ledger and the model disagree."""
        return tuple(problem for step in self.steps for problem in step.problems)


class Decoded(NamedTuple):
    """A transaction with its instructions, decoded once for all executions, and the logs of its coordinator calls."""

    transaction: RawTransaction
    calls: Sequence[DecodedCall]
    logs: Sequence[tuple[str, ...]] | None
    """None if the ledger has no complete log."""


def decoded(transaction: RawTransaction, programs: ProgramIds, addresses: RunAddresses) -> Decoded:
    """The transaction with its instructions. Raises ValueError if it is damaged."""
    calls = decoded_calls(transaction, programs, addresses.layouts)
    return Decoded(transaction, calls, _coordinator_logs(transaction.logs, programs))


def execute(one: Decoded, before: Moment, clock: Clock, addresses: RunAddresses, programs: ProgramIds) -> Executed:
    """Execute a transaction at the time of ``clock``. Of a failed one, only whether it had to fail is checked."""
    execution = _Execution(one, clock, addresses, programs)
    return execution.failed(before) if one.transaction.failed else execution.succeeded(before)


class _Execution:
    def __init__(self, one: Decoded, clock: Clock, addresses: RunAddresses, programs: ProgramIds) -> None:
        self._one = one
        self._clock = clock
        self._addresses = addresses
        self._programs = programs
        self._logs = iter(one.logs or ())

    def succeeded(self, now: Moment) -> Executed:
        steps = []
        for call in self._one.calls:
            before, problems = now, []
            for part in self._effects(call, now):
                if isinstance(part, str):
                    problems.append(part)
                else:
                    now = part
            steps.append(Step(call.call.outer, call.call.inner, before, now, tuple(problems)))
        if (problem := self._wrong_vault(now)) and steps:
            steps[-1] = steps[-1]._replace(problems=(*steps[-1].problems, problem))
        return Executed(tuple(steps), now)

    def failed(self, before: Moment) -> Executed:
        problem = self._wrong_failure(before)
        failed_at = self._failed_at
        return Executed(
            tuple(
                Step(
                    call.call.outer,
                    call.call.inner,
                    before,
                    before,
                    (problem,) if problem and (call.call.outer, call.call.inner) == (failed_at, 0) else (),
                )
                for call in self._one.calls
            ),
            before,
        )

    # --- instructions that succeeded ------------------------------------------------------------------------------

    def _effects(self, call: DecodedCall, now: Moment) -> Iterator[Moment | str]:
        """The run after an instruction, and what the ledger and the model disagree about."""
        meaning = call.meaning
        if meaning.program == self._programs.coordinator:
            logs = next(self._logs, None)
            if self._concerns(meaning):
                yield from self._coordinator(meaning, now, logs)
        elif meaning.program == self._programs.treasurer:
            yield from self._treasurer(call, now)
        elif meaning.program_name == _TOKEN_PROGRAM_NAME and now.treasury is not None:
            change = _received(meaning, self._addresses.vault)
            if change and now.treasury.vault is not None:
                yield now._replace(treasury=now.treasury._replace(vault=now.treasury.vault + change))

    def _concerns(self, meaning: InstructionDescription) -> bool:
        return any(str(named.account.address) == self._addresses.account for named in meaning.accounts)

    def _coordinator(
        self, meaning: InstructionDescription, now: Moment, logs: tuple[str, ...] | None
    ) -> Iterator[Moment | str]:
        layout = meaning.layout if self._addresses.layout is None else self._addresses.layout
        if layout not in LIKE_V1:
            yield f"The states of a run with layout {layout} cannot be replayed."
            return
        if meaning.name is None or meaning.problem:
            yield f"An instruction of the coordinator cannot be decoded: {meaning.problem or 'it is not known'}."
            return
        if meaning.name == "init_coordinator":
            yield _created(meaning, now)
            return
        outcome = self._outcome(meaning, now)
        if outcome is None:
            yield f"The model has no state to which {meaning.name} applies."
        elif not outcome.succeeded:
            yield f"The ledger says that {meaning.name} succeeded, the model that it {_in_words(outcome)}."
        else:
            if wrong := _missing_line(outcome.log, logs):
                yield f"The program did not log {wrong!r} for {meaning.name}, which the model expects."
            yield Moment() if outcome.state.closed else now._replace(state=outcome.state)

    def _outcome(self, meaning: InstructionDescription, now: Moment) -> Outcome | None:
        instruction = instruction_from_arguments(str(meaning.name), meaning.arguments, exact=True)
        signer = meaning.accounts[0].account.address
        if now.state is None or instruction is None or signer is None:
            return None
        return apply(now.state, instruction, bytes(signer), self._clock)

    def _treasurer(self, call: DecodedCall, now: Moment) -> Iterator[Moment | str]:
        meaning = call.meaning
        if str(meaning.account("run")) != self._addresses.treasurer_run:
            return
        if meaning.name is None or meaning.problem:
            yield f"An instruction of the treasurer cannot be decoded: {meaning.problem or 'it is not known'}."
            return
        if meaning.layout not in LIKE_V1:
            return  # as the coordinator's instructions say
        given = meaning.arguments
        if meaning.name == "run_create":
            address, authority = str(meaning.account("run")), str(given["main_authority"])
            vault = str(meaning.account("run_collateral"))
            yield now._replace(treasury=TreasuryMoment(address, authority, vault, 0, Claims(), {}))
        elif meaning.name == "run_update" and any(value is not None for value in given.values()):
            if not any(other.call.outer == call.call.outer and other.call.inner > 0 for other in self._one.calls):
                yield "The ledger does not contain the instructions that the treasurer called."
        elif now.treasury is not None and meaning.name in ("participant_create", "participant_claim"):
            user, treasury = str(meaning.account("user")), now.treasury
            claims = treasury.participants.get(user, Claims())
            if meaning.name == "participant_claim":
                points = given["claim_earned_points"]
                claims, treasury = claims.plus(points), treasury._replace(total=treasury.total.plus(points))
            yield now._replace(treasury=treasury._replace(participants={**treasury.participants, user: claims}))

    def _wrong_vault(self, now: Moment) -> str:
        """How the balance of the vault differs from that in the ledger; empty if it does not, or is not there."""
        if now.treasury is None or now.treasury.vault is None:
            return ""
        transaction = self._one.transaction
        keys = [str(account.address) for account in transaction.message.accounts]
        for balance in transaction.tokens_after:
            if keys[balance.account] == self._addresses.vault and balance.amount != now.treasury.vault:
                return f"The ledger says that the vault holds {balance.amount} base units, not {now.treasury.vault}."
        return ""

    # --- instructions that failed ---------------------------------------------------------------------------------

    @property
    def _failed_at(self) -> int | None:
        match self._one.transaction.error:
            case {"InstructionError": [int() as index, _]}:
                return index
        return None

    def _wrong_failure(self, now: Moment) -> str:
        """How the error of the state machine differs from the one that the model predicts; empty if it does not."""
        code = _custom_code(self._one.transaction.error)
        if code is None or code < _FIRST_ERROR_OF_A_PROGRAM or code not in _CODES:
            return ""
        for call in self._one.calls:
            meaning = call.meaning
            if call.call.outer == self._failed_at:
                if meaning.program != self._programs.coordinator or not self._concerns(meaning):
                    return ""
                outcome = None if meaning.name is None or meaning.problem else self._outcome(meaning, now)
                if outcome is None or outcome.error == code:
                    return ""
                name = ErrorCode(code).program_name
                return (
                    f"The ledger says that {meaning.name} failed with {name}, the model that it {_in_words(outcome)}."
                )
            for part in self._effects(call, now):
                now = now if isinstance(part, str) else part
        return ""


_CODES: Final = frozenset(int(code) for code in ErrorCode)


def _custom_code(error: Any) -> int | None:
    match error:
        case {"InstructionError": [int(), {"Custom": int() as code}]}:
            return code
    return None


def _in_words(outcome: Outcome) -> str:
    if outcome.abort is not None:
        return f"aborts ({outcome.abort})"
    return "succeeds" if outcome.error is None else f"fails with {outcome.error.program_name}"


def _created(meaning: InstructionDescription, now: Moment) -> Moment:
    given: Mapping[str, Any] = meaning.arguments
    state: CoordinatorState = initial_state(given["run_id"], given["client_version"])
    version: bytes = given["client_version"].encode()[:MAX_CLIENT_VERSION_BYTES]
    state = replace(state, client_version=version.rstrip(b"\0").decode(errors="surrogateescape"))
    return now._replace(
        state=state, main_authority=str(given["main_authority"]), join_authority=str(given["join_authority"])
    )


def _received(meaning: InstructionDescription, account: str | None) -> int:
    """The base units that a token instruction adds to an account; negative if it removes them."""
    if account is None or meaning.name is None or meaning.problem:
        return 0
    source, destination = _ROLES.get(meaning.name.removesuffix("_checked"), (None, None))
    given = meaning.arguments
    amount = given["token_amount"].base_units if "token_amount" in given else int(given.get("amount", 0))
    roles = {named.role: str(named.account.address) for named in meaning.accounts}
    received: int = amount * (roles.get(destination or "") == account) - amount * (roles.get(source or "") == account)
    return received


_ROLES: Final = {"transfer": ("source", "destination"), "mint_to": (None, "account"), "burn": ("account", None)}
"""The roles of the accounts that lose and get tokens."""


def _coordinator_logs(logs: Sequence[str], programs: ProgramIds) -> list[tuple[str, ...]] | None:
    """What each call of the coordinator logged, in the order in which the calls began."""
    if not is_complete_log(logs):
        return None
    found: list[list[str]] = []
    running: list[list[str] | None] = []
    for line in logs:
        words = line.split(" ")
        if words[0] == "Program" and words[2:3] == ["invoke"]:
            running.append([] if words[1] == str(programs.coordinator) else None)
            if running[-1] is not None:
                found.append(running[-1])
        elif words[0] == "Program" and words[2:3] in (["success"], ["failed:"]) and running:
            running.pop()
        elif running and running[-1] is not None and line.startswith(_LOG):
            running[-1].append(line.removeprefix(_LOG))
    return [tuple(lines) for lines in found]


def _missing_line(expected: Sequence[str], logs: tuple[str, ...] | None) -> str:
    """The first line that the model expects and the program did not log, in this order; empty without one."""
    if logs is None:
        return ""
    rest = iter(logs)
    return next((line for line in expected if not any(line == other for other in rest)), "")
