"""Every fault detects a mutant: a version of the sender that is misled by it.

The real sender survives the fault; the mutant reports a wrong verdict under the same schedules. A fault that misleads
no mutant would not test anything.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from psyche_cli.operations.left_behind import settle_left_behind
from psyche_cli.operations.transactions.resume import record_settlement, resume
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.failover import _least_certain, _may_be_repeated
from psyche_cli.solana.rpc.jsonrpc import result_of
from psyche_cli.solana.sending.delivery import TransactionDelivery, expired_in
from psyche_cli.solana.sending.recording import Recorder
from psyche_cli.solana.sending.sender import Sender
from psyche_cli.solana.sending.verdict import delivery, fate

from .judge import shown_forms, state_folder
from .mutant import Mutant
from .schedule import Mood, Schedule, Trouble
from .test_killed import interleave
from .test_killed import judge as judge_interleaving
from .test_schedules import choose_scenario, judge, try_schedule
from .world import Scenario, World

SCHEDULES = 12
"""How many schedules must not mislead the real sender."""
MOST_SCHEDULES, MOST_KILLS = 200, 600
"""The bounds of the search for a schedule that misleads a mutant. Each fault misleads it in at least half of them."""


BELIEVES_PROCESSED = Mutant(
    fate, "COMMITMENTS.index(status.confirmation_status) < COMMITMENTS.index(commitment)", "False"
)
BELIEVES_A_FAILURE_AT_PROCESSED = Mutant(fate, "status is None or", "status is None or status.err is None and")
OVERLOOKS_A_FAILURE = Mutant(fate, "if status.err is None else Fate.FAILED", "")
REPORTS_A_FAILURE_AS_SUCCESS = Mutant(Sender._receipt, "if status.err is not None:", "if False:")
TAKES_ANY_ANSWER = Mutant(result_of, "answer_id != request_id", "False")
BELIEVES_WHO_LAGS = Mutant(TransactionDelivery._status, "slot >= self._expired_slot", "True")
COUNTS_UNFINALIZED_BLOCKS = Mutant(expired_in, '"finalized"', '"confirmed"')
TAKES_DOUBT_FOR_REFUSAL = Mutant(delivery, "return Delivery.UNCLEAR", "return Delivery.REFUSED")
ASKS_THE_FAUCET_AGAIN = Mutant(RpcClient.request_airdrop, "retry=False", "retry=True")
SIGNS_ANEW_AFTER_TEN_SECONDS = Mutant(
    Sender.send,
    "return self._deliver(signed, slot, deadline, label=label, pays_again=pays_again)",
    """try:
                return self._deliver(signed, slot, Deadline(self._clock, 10.0), label=label, pays_again=pays_again)
            except PsycheError:
                return self.send(instructions, wallet, extra_signers, label=label)""",
)
GIVES_UP_EARLY = Mutant(
    TransactionDelivery._check_time_limits, "self._deadline.passed", "self._clock.monotonic() - self._started > 10.0"
)
KEEPS_NO_JOURNAL = Mutant(Sender._record, "self._recorder is None", "True")
KEEPS_IT_AFTER_SENDING = Mutant(Recorder.record, "self._journal.record(", "(lambda entry: True)(")
OVERLOOKS_WHAT_IS_LEFT = Mutant(settle_left_behind, "_left_behind(sender, recorder)", "[]")
TAKES_ALL_REQUESTS_FOR_DIFFERENT = Mutant(Recorder.is_same, "return True", "return False")
SETTLES_A_PAYMENT_BEFORE_THE_OUTPUT = Mutant(Sender._recording, "if pays_again:", "if False:")
RESUMES_BEFORE_THE_OUTPUT = Mutant(record_settlement, "settlement.state is RecordState.LANDED", "False")
RESUMES_WITHOUT_RECORDING = Mutant(resume, "record_settlement(journal, entry, settlement, after_output)", "pass")

ASKS_THE_FAUCET_ELSEWHERE = Mutant(_may_be_repeated, "error.request_sent is False", "True")
BELIEVES_THE_LAST_ENDPOINT = Mutant(_least_certain, "[*unclear, *not_taken, *failures][0]", "failures[-1]")


def ghost(schedule: Schedule) -> None:
    schedule.way, schedule.ghost_seconds, schedule.ghost_error = "ghost", 20.0, None


def ghost_that_failed(schedule: Schedule) -> None:
    schedule.way, schedule.ghost_seconds, schedule.ghost_error = "ghost", 20.0, "AccountInUse"


def lost(schedule: Schedule) -> None:
    """The bytes never arrive, and everything else is answered."""
    schedule.way = "dropped"


def failing(schedule: Schedule) -> None:
    schedule.fails = True


def lagging(schedule: Schedule) -> None:
    """Two nodes behind one URL; the one that knows the transaction lags 30 seconds behind."""
    schedule.way, schedule.routed, schedule.lag = "very late", True, 30.0


def lonely(schedule: Schedule) -> None:
    """One node, which misses the majority's blocks around the time when the blockhash expires."""
    schedule.way, schedule.fork_seconds, schedule.fork_delay, schedule.fork_learns_votes = "very late", 13.0, 56.0, True


def sending(kind: str) -> Callable[[Schedule], None]:
    def spoil(schedule: Schedule) -> None:
        schedule.moods["send"] = Mood([kind], 1.0, 1)

    spoil.__name__ = f"sending_{kind.replace(' ', '_')}"
    return spoil


def following(kind: str) -> Callable[[Schedule], None]:
    def spoil(schedule: Schedule) -> None:
        schedule.way = "dropped"
        schedule.moods["follow"] = Mood([kind], 0.5, 1000)

    spoil.__name__ = f"following_{kind.replace(' ', '_')}"
    return spoil


def unheard(schedule: Schedule) -> None:
    """The bytes arrive twice, and the status is not available for 15 seconds."""
    schedule.moods["send"] = Mood(["again"], 1.0, 1)
    schedule.moods["follow"] = Mood(["silence"], 1.0, 3)


ANOTHER_ENDPOINT = Trouble("busy", preferred=True, healthy=0, count=0, slots=0)
"""A second endpoint that has no trouble of its own."""


class InOrder(Mood):
    """The ``kinds`` of faults, in order."""

    def next_fault(self, chance: random.Random) -> str | None:
        return self.kinds.pop(0) if self.kinds else None


def contradicting(schedule: Schedule) -> None:
    """The first endpoint breaks the connection when it may have the bytes; the second one refuses them."""
    schedule.trouble = ANOTHER_ENDPOINT
    schedule.moods["send"] = InOrder(["broken", "proving status"], 1.0, 1000)


CASES = [
    (ghost, BELIEVES_PROCESSED),
    (ghost_that_failed, BELIEVES_A_FAILURE_AT_PROCESSED),
    (failing, OVERLOOKS_A_FAILURE),
    (failing, REPORTS_A_FAILURE_AS_SUCCESS),
    (following("crossed"), TAKES_ANY_ANSWER),
    (sending("crossed"), TAKES_ANY_ANSWER),
    (lagging, BELIEVES_WHO_LAGS),
    (lonely, COUNTS_UNFINALIZED_BLOCKS),
    *((sending(kind), TAKES_DOUBT_FOR_REFUSAL) for kind in ("html", "status", "code", "preflight", "garbage")),
    *((sending(kind), TAKES_DOUBT_FOR_REFUSAL) for kind in ("truncated", "empty", "no id", "wrong type", "broken")),
    (lost, GIVES_UP_EARLY),
    (unheard, SIGNS_ANEW_AFTER_TEN_SECONDS),
    (contradicting, BELIEVES_THE_LAST_ENDPOINT),
]


@pytest.mark.parametrize(
    ("fault", "mutant"), CASES, ids=[f"{fault.__name__}-{mutant.function.__qualname__}" for fault, mutant in CASES]
)
def test_the_fault_misleads_a_mutant(
    world: World, random_seed: int, fault: Callable[[Schedule], None], mutant: Mutant
) -> None:
    seeds = seeds_of(random_seed)
    for seed in seeds[:SCHEDULES]:
        assert not complaints(world, fault, seed), seed
    with mutant.alive():
        assert any(complaints(world, fault, seed) for seed in seeds)


@pytest.mark.parametrize("status", [429, 503])
def test_a_mutant_sends_a_second_airdrop_request(world: World, random_seed: int, status: int) -> None:
    def fault(schedule: Schedule) -> None:
        sending("status")(schedule)
        schedule.statuses, schedule.retry_after = (status,), [None]

    scenario = next(scenario for scenario in world.scenarios if scenario.name == "airdrop")
    assert not complaints(world, fault, str(random_seed), scenario)
    with ASKS_THE_FAUCET_AGAIN.alive():
        assert any(complaints(world, fault, seed, scenario) for seed in seeds_of(random_seed))


def test_a_mutant_asks_the_faucet_at_both_endpoints(world: World, random_seed: int) -> None:
    def fault(schedule: Schedule) -> None:
        sending("status")(schedule)
        schedule.trouble, schedule.retry_after = ANOTHER_ENDPOINT, [None]

    scenario = next(scenario for scenario in world.scenarios if scenario.name == "airdrop to the wallet")
    assert not complaints(world, fault, str(random_seed), scenario)
    with ASKS_THE_FAUCET_ELSEWHERE.alive():
        assert any(complaints(world, fault, seed, scenario) for seed in seeds_of(random_seed))


def test_a_false_success_of_any_verb_is_detected(world: World, random_seed: int) -> None:
    # The second transaction for many delegates is compared with the plan, which shows that the first one failed, and
    # apply reads the run again after each step.
    journaled = {scenario.name for scenario in world.scenarios if not scenario.is_airdrop}
    undetected = journaled - {"delegate to many", "apply", "apply with a limit", "migrate"}
    with REPORTS_A_FAILURE_AS_SUCCESS.alive():
        for scenario in world.scenarios:
            seeds = seeds_of(random_seed) if scenario.name in undetected else ()
            if any(complaints(world, failing, seed, scenario) for seed in seeds):
                undetected.discard(scenario.name)
    assert not undetected


@pytest.mark.parametrize(
    ("mutant", "verb"),
    [
        (KEEPS_NO_JOURNAL, ""),
        (KEEPS_IT_AFTER_SENDING, ""),
        (RESUMES_WITHOUT_RECORDING, "checkpoint"),
        (OVERLOOKS_WHAT_IS_LEFT, "treasurer-top-up-rewards"),
        (OVERLOOKS_WHAT_IS_LEFT, "create-run"),
        (TAKES_ALL_REQUESTS_FOR_DIFFERENT, "treasurer-top-up-rewards"),
        (SETTLES_A_PAYMENT_BEFORE_THE_OUTPUT, "treasurer-top-up-rewards"),
        (RESUMES_BEFORE_THE_OUTPUT, "treasurer-top-up-rewards"),
    ],
    ids=lambda value: value or "any" if isinstance(value, str) else value.function.__qualname__,
)
def test_a_kill_misleads_a_mutant_of_the_journal(world: World, random_seed: int, mutant: Mutant, verb: str) -> None:
    """For any verb, the mutant must be detected with each of them."""
    journaled = [scenario for scenario in world.scenarios if not scenario.is_airdrop]
    with mutant.alive():
        for scenario in [scenario for scenario in journaled if verb in ("", scenario.verb)]:
            seeds = (f"{random_seed}:{scenario.name}:{number}" for number in range(MOST_KILLS))
            if not any(complaints_of_killed(world, seed, scenario) for seed in seeds):
                assert verb, f"not detected with {scenario.name}"
            elif verb:
                return
    assert not verb, "not detected"


def test_a_private_key_is_found(world: World, random_seed: int) -> None:
    scenario = world.scenarios[0]
    for key in world.secrets:
        for form in shown_forms(key):
            attempt = try_schedule(world, scenario, Schedule.calm(str(random_seed)))
            assert not [*judge(world, scenario, attempt)]
            attempt.line.shown += f"Traceback: {form}"
            assert [*judge(world, scenario, attempt)] == ["a private key is in the output"]
            attempt.line.shown = ""
            file = state_folder(world) / "a.log"
            for content in (form.encode(), key):
                file.write_bytes(b"x" + content)
                assert [*judge(world, scenario, attempt)] == [
                    f"a private key is in ['{file.name}', 'transactions.sqlite3']"
                ]


def seeds_of(random_seed: int) -> list[str]:
    return [f"{random_seed}:{number}" for number in range(MOST_SCHEDULES)]


def complaints_of_killed(world: World, seed: str, scenario: Scenario) -> list[str]:
    """The problems of an interleaving."""
    chance = random.Random(seed)
    return [*judge_interleaving(world, scenario, interleave(world, scenario, seed, chance), chance)]


def complaints(
    world: World, fault: Callable[[Schedule], None], seed: str, scenario: Scenario | None = None
) -> list[str]:
    """The problems of the verdict when only this fault is injected."""
    scenario = scenario or choose_scenario(world, seed)
    schedule = Schedule.calm(seed)
    fault(schedule)
    return [*judge(world, scenario, try_schedule(world, scenario, schedule))]
