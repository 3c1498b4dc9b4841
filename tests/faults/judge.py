"""What is wrong with the verdict of a command, given the facts that the line and the chain have recorded."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psyche_cli.errors import ExitCode
from psyche_cli.solana.sending.journal import Journal
from psyche_cli.solana.sending.sender import WRITING_SECONDS
from tests.cli.harness import Outcome
from tests.support.secret_forms import FORMS
from tests.support.state_home import state_home

from .line import AIRDROP, FaultyLine
from .world import Scenario, World

UNRECOGNIZED = ("already_exists",)
"""Errors of a repetition that could not see, or not compare, what an earlier process has done."""


@dataclass
class Attempt:
    """A process that has run: its line, and its outcome, None if it was killed before its output.

    ``before`` and ``after`` are the executed transactions, by signature, with their errors. ``asked_before`` are those
    that earlier processes have passed to their lines, and ``is_first`` whether there were none.
    """

    line: FaultyLine
    outcome: Outcome | None
    elapsed: float
    before: dict[str, Any]
    after: dict[str, Any]
    resumes: bool = False
    asked_before: tuple[str, ...] = ()
    is_first: bool = True


def executions(world: World) -> dict[str, Any]:
    """The error of every transaction since the start state by signature, in order."""
    since = world.bank.history.records()[world.start.total :]
    return {str(record.signature): record.error for record in since}


def judge_attempt(world: World, scenario: Scenario, attempt: Attempt) -> Iterator[str]:
    """The problems of a process, one sentence each."""
    line, outcome = attempt.line, attempt.outcome
    yield from judge_secrets(world, line)
    if line.faucet_requests > 1:
        yield f"it asked the faucet {line.faucet_requests} times"
    if outcome is None:
        return
    if attempt.elapsed > WRITING_SECONDS * max(scenario.deadlines, 2 * attempt.resumes) + 1e-6:
        yield f"it took {attempt.elapsed:.1f} seconds"
    try:
        document = json.loads(outcome.stdout)
    except ValueError:
        yield f"stdout is not one JSON document: {outcome.stdout[:200]!r}"
        return
    if outcome.code is ExitCode.OK:
        yield from judge_success(scenario, attempt, document)
    else:
        yield from judge_error(scenario, outcome, document["error"], attempt)


def judge_success(scenario: Scenario, attempt: Attempt, document: Any) -> Iterator[str]:
    """The problems of a success: the transactions that it claims to have landed."""
    claimed = [transaction["signature"] for transaction in document["transactions"]]
    landed = [signature for signature, error in attempt.after.items() if error is None]
    if attempt.resumes or attempt.asked_before:
        if not set(claimed) <= set(landed):
            yield f"it claims {claimed}, and executed were {attempt.after}"
        return
    # If a gateway forwards the request twice, the faucet pays twice but only one signature is returned.
    expected = claimed if AIRDROP in attempt.line.left and set(claimed) <= set(landed) else landed
    counts = {scenario.transactions, *([0] if scenario.counts_doubt and not attempt.is_first else [])}
    if len(claimed) not in counts or claimed != expected:
        yield f"it claims {claimed}, and executed were {attempt.after}"


def judge_error(scenario: Scenario, outcome: Outcome, error: Any, attempt: Attempt) -> Iterator[str]:
    """The problems of an error: its class, and its statement about what was sent."""
    line, executed = attempt.line, attempt.after
    sent, signature = error["context"].get("sent"), error["context"].get("signature")
    landed = error["context"].get("landed", [])
    failed_on_chain = sent is True and executed.get(signature) is not None
    verdicts_of_the_line = (ExitCode.NETWORK, ExitCode.EXPIRED, ExitCode.UNKNOWN, ExitCode.INTERRUPTED)
    # A response of the line may also state that requestAirdrop does not exist.
    without_faucet = outcome.code is ExitCode.LOCALNET and sent is False and line.faucet_requests
    # With faults, it may refuse what is done without recognizing that an earlier process has done it.
    unrecognized = attempt.before and line.doubts | bool(line.met) and error["code"] in UNRECOGNIZED
    # A transaction that has failed on-chain has used the nonce of its file.
    used = error["code"] == "blockhash_not_valid" and sent is False and any(attempt.before.values())
    done_before = attempt.asked_before and (is_done(outcome) or unrecognized or used)
    if outcome.code not in verdicts_of_the_line and not failed_on_chain and not without_faucet and not done_before:
        yield f"no fault of the line explains the error {error['code']}: {error['message']}"
    if not isinstance(sent, bool):
        yield "it does not say whether anything was sent"
    if sent is False and (line.left or executed.keys() != attempt.before.keys()):
        yield f"it says that nothing was sent; {line.left} may have left, {[*executed]} were executed"
    unknown = [None] if line.faucet_requests else []  # the faucet's response is lost, including the signature
    if sent is True and signature not in [*line.asked[-1:], *landed, *unknown, *attempt.asked_before]:
        yield f"it names {signature}, and to be sent were {line.asked}"
    if outcome.code in (ExitCode.EXPIRED, ExitCode.UNKNOWN) and sent is not True:
        yield "it is the verdict on what was sent, and says that nothing was"
    if outcome.code is ExitCode.EXPIRED and signature in executed:
        yield f"it says that {signature} has expired, and it was executed"
    # A transaction with a nonce does not expire. Of an airdrop, only the signature is known, not its blockhash.
    lasting = (scenario.durable or scenario.is_airdrop) and signature not in executed
    if outcome.code is ExitCode.UNKNOWN and not line.doubts and not lasting:
        yield "it says that the outcome is unknown, and the line has answered every question"
    if not set(landed) <= {known for known in executed if executed[known] is None}:
        yield f"it says that {landed} landed, and executed were {[*executed]}"


def is_done(outcome: Outcome) -> bool:
    """Whether a command refuses because an earlier one has created or closed the account already."""
    context = outcome.json["error"]["context"]
    return outcome.code is ExitCode.NOT_FOUND or (outcome.code is ExitCode.REFUSED and context.get("as_requested"))


def judge_secrets(world: World, line: FaultyLine) -> Iterator[str]:
    """The private keys that are in the output or in the files of the state folder."""
    files = [path for path in state_folder(world).rglob("*") if path.is_file()]
    written = b"".join(path.read_bytes() for path in files)
    for key in world.secrets:
        forms = shown_forms(key)
        if any(form in line.shown for form in forms):
            yield "a private key is in the output"
        if key[:32] in written or any(form.encode() in written for form in forms):
            yield f"a private key is in {sorted(path.name for path in files)}"


@functools.cache
def shown_forms(key: bytes) -> list[str]:
    """The usual forms of a private key."""
    return [FORMS[name](key) for name in ("base58", "JSON", "JSON without blanks", "hexadecimal")]


def state_folder(world: World) -> Path:
    """The folder of the journal."""
    return state_home(world.home) / "psyche-cli"


def judge_journal(world: World) -> Iterator[str]:
    """The problems of a journal in which everything must be settled."""
    executed = executions(world)
    with closing(Journal(state_folder(world), world.clock)) as journal:
        states = {entry.signature: entry.state.value for entry in journal.entries()}
    if not executed.keys() <= states.keys():
        yield f"not in the journal: {executed.keys() - states.keys()}"
    for signature, state in states.items():
        if signature in executed:
            expected = {"landed" if executed[signature] is None else "failed"}
        else:
            expected = {"expired", "not_sent"}
        if state not in expected:
            yield f"{signature} is {state}, not {' or '.join(sorted(expected))}"
