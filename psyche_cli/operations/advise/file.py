"""Advice on a configuration, from a simulation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from psyche_cli.errors import UsageError
from psyche_cli.limits import U32_MAX
from psyche_cli.new_files import require_new_file
from psyche_cli.operations.advise.advice import advise
from psyche_cli.operations.advise.effects import Scenario, one_stops
from psyche_cli.operations.advise.facts import Facts, WaitFact
from psyche_cli.operations.advise.harm import without_harm
from psyche_cli.operations.advise.payloads import AdviceOnSettings
from psyche_cli.operations.advise.result import Ground, advice_result
from psyche_cli.operations.advise.simulated import Pace, facts_of
from psyche_cli.operations.advise.target import Target
from psyche_cli.operations.simulation.arguments import Arguments, check_members
from psyche_cli.operations.simulation.reasons import cannot_join
from psyche_cli.operations.status.diagnosis.finding import counted
from psyche_cli.results import OperationResult

_FIRST_ROUNDS: Final = "The facts about rounds are from the first ones: the simulation has more."
_NOT_SIMULATED: Final = {
    "round_witness_time": "A simulation does not show what members need RoundWitness for; the history of a run does.",
    "cooldown_time": "A simulation does not show how long members take to save the model; the history of a run does.",
}


def advise_on_file(
    target: Target, arguments: Arguments, *, output_file: Path | None = None
) -> OperationResult[AdviceOnSettings]:
    """Advice on a configuration if its members behave as the arguments say. Raises UsageError, ConfigurationError."""
    if output_file is not None:
        require_new_file(output_file, what="the output file")
    changes, clients = arguments.changes(), arguments.clients
    if clients is None:
        clients = target.config["init_min_clients"]
    check_members(clients, clients, changes)
    pace = Pace(clients, arguments.behavior, changes)
    for option, seconds in (
        ("--train-seconds", arguments.train_seconds),
        ("--warmup-seconds", arguments.warmup_seconds),
    ):
        if seconds is not None and seconds > U32_MAX // 2:
            raise UsageError(f"{option} {seconds} is too long.", hint=f"Use at most {U32_MAX // 2}.")
    facts = facts_of(target.config, target.model, pace)
    facts = facts._replace(wait=_last_wait(facts, pace))
    limit = target.config["global_batch_size_end"]
    refused = clients + sum(one.joining for one in changes) - limit
    scenarios = [
        Scenario(f"{counted(min(clients, limit), 'member')} as assumed", pace),
        *([one_stops(pace)] if clients > 1 else []),
    ]
    verdicts = without_harm(facts, advise(facts, not_known=_not_known(arguments)), lambda _: scenarios)
    ground = Ground(
        name=str(target.given),
        facts=facts,
        scenarios=scenarios,
        assumptions=tuple(_assumptions(arguments, target)),
        warnings=(cannot_join(refused, limit),) if refused > 0 else (),
        notes=(_FIRST_ROUNDS,) if sum(one.rounds for one in facts.epochs) > len(facts.rounds) else (),
    )
    return advice_result(ground, verdicts, target, output_file)


def _last_wait(facts: Facts, pace: Pace) -> WaitFact | None:
    """The wait with the fewest members, if the run waits forever: again when more members have stopped."""
    wait = facts.wait
    while wait is not None and wait.joined > 0:
        fewer = {key: min(facts.config[key], wait.joined) for key in ("init_min_clients", "min_clients")}
        again = facts_of({**facts.config, **fewer}, facts.model, pace).wait
        if again is None or again.joined >= wait.joined:
            break
        wait = again
    return wait


def _not_known(arguments: Arguments) -> dict[str, str]:
    found = dict(_NOT_SIMULATED)
    for key, option, seconds in (
        ("max_round_train_time", "--train-seconds", arguments.train_seconds),
        ("warmup_time", "--warmup-seconds", arguments.warmup_seconds),
    ):
        if seconds is None:
            found[key] = f"Nothing is assumed about how long members need: specify {option}."
    return found


def _assumptions(arguments: Arguments, target: Target) -> Iterator[str]:
    clients, config = arguments.clients, target.config
    if clients is None:
        yield f"{counted(config['init_min_clients'], 'member')}, which is init_min_clients; change it with --clients"
    else:
        yield counted(clients, "member")
    if arguments.train_seconds is None:
        yield f"rounds of {config['max_round_train_time']} s, the slowest; change it with --train-seconds"
    else:
        yield f"rounds of {arguments.train_seconds} s, with every batch size and number of members"
    if arguments.warmup_seconds is None:
        yield f"warmups of {config['warmup_time']} s, the slowest; change it with --warmup-seconds"
    else:
        yield f"warmups of {arguments.warmup_seconds} s"
    yield "someone ticks every second"
    for verb, given in (("stop", arguments.dropping), ("come", arguments.joining)):
        for text in given:
            count, _, step = text.partition("@")
            yield f"{counted(int(count), 'member')} {verb}{'s' if int(count) == 1 else ''} at step {step}"
