"""Advice on the settings of a run, from its history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from psyche_cli.errors import HistoryError, NotInArchive, RunNotFound, UsageError, WrongRunState
from psyche_cli.history.records import Incarnation
from psyche_cli.history.states import RunStates
from psyche_cli.model.states import CoordinatorState
from psyche_cli.new_files import require_new_file
from psyche_cli.operations.advise.advice import advise, with_advice
from psyche_cli.operations.advise.effects import observed_scenarios
from psyche_cli.operations.advise.facts import Facts
from psyche_cli.operations.advise.harm import without_harm
from psyche_cli.operations.advise.observing import Observer, wait_of
from psyche_cli.operations.advise.payloads import AdviceOnSettings
from psyche_cli.operations.advise.result import Ground, advice_result
from psyche_cli.operations.advise.target import Target
from psyche_cli.operations.advise.verdict import Verdict
from psyche_cli.operations.authorizations.read import join_filters
from psyche_cli.operations.history.sync import RunHistory, no_history, open_history, sync_history
from psyche_cli.operations.run_files.dump import run_file_text
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.status.observation import Observation, observe
from psyche_cli.protocol.accounts.small_accounts import decode_authorization
from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import OperationResult
from psyche_cli.run_config.rules import is_unset
from psyche_cli.run_config.write import to_toml

_RUN_FILE: Final = "run.toml"
_CONFIGURATION: Final = "config.toml"


class Request(NamedTuple):
    """The run, the file that the diff changes (None for what ``config dump`` writes), and where the diff is written.

    ``incarnation`` is None for the latest one. ``state_folder`` contains the history, which is brought up to date
    before if ``sync``.
    """

    run_id: str
    state_folder: Path
    target: Target | None = None
    output_file: Path | None = None
    incarnation: int | None = None
    treasurer_index: int | None = None
    sync: bool = True


class _Story(NamedTuple):
    """What the history of an incarnation tells. ``problem`` is in what the ledger and the replay disagree first."""

    observer: Observer
    incarnation: Incarnation
    is_latest: bool
    gaps: int
    problem: str | None


def advise_on_run(session: Session, request: Request) -> OperationResult[AdviceOnSettings]:
    """Advice on the settings of a run, from what happened since its configuration was last changed.

    The exit code is 0 with and without advice. Raises RunNotFound, UnsupportedLayout, WrongRunState for a run without
    a configuration, HistoryError if its states are not known, UsageError, ConfigurationError, NetworkError.
    """
    if request.output_file is not None:
        require_new_file(request.output_file, what="the output file")
    with open_history(session, request.run_id, request.state_folder) as run:
        if request.sync:
            for note in sync_history(session, run).notes:
                session.notify(note)
        story = _read(session, run, request)
    seen = _seen(session, request, story)
    last = story.observer.last
    if last is None or is_unset(last.config):
        raise WrongRunState(
            f"Run {request.run_id!r} has no configuration yet.",
            hint="For a configuration file: psyche-cli advise --config FILE",
            run_id=request.run_id,
        )
    facts = story.observer.facts()
    if seen is not None or story.problem is not None:
        # What the replay does not know cannot be said about the present: only the account itself is up to date.
        facts = facts._replace(wait=None if seen is None else wait_of(seen.state, seen.now))
    warnings = _warnings(story)
    if seen is not None and dict(seen.state.config) != dict(last.config):
        facts = Facts(seen.state.config, seen.state.model, wait=facts.wait, came=facts.came)
        warnings += ("The configuration has changed since the latest facts, so there are none.",)
    target = request.target or _dumped(session, request.run_id, seen, last)
    verdicts = without_harm(facts, advise(facts), lambda some: [*observed_scenarios(facts, some)])
    warnings += tuple(_differences(target, facts, verdicts))
    ground = Ground(
        name=f"Run {request.run_id}",
        facts=facts,
        scenarios=list(observed_scenarios(facts, verdicts)),
        run_id=request.run_id,
        incarnation=story.incarnation.number,
        reliable=story.problem is None,
        gaps=story.gaps,
        warnings=warnings,
        notes=tuple(_notes(story, last)),
        commands_before=_dumping(session, request, target),
        commands_after=(session.given.command("plan", str(target.given or target.name)),) if target.run_id else (),
    )
    return advice_result(ground, verdicts, target, request.output_file)


def _read(session: Session, run: RunHistory, request: Request) -> _Story:
    lives = run.history.incarnations()
    incarnation = _chosen(lives, request)
    states = RunStates(run.history, incarnation, session.programs, session.rpc.waits)
    if not states.can_be_replayed:
        raise HistoryError(
            f"The states of run {run.run_id!r}, which has layout {states.addresses.layout}, cannot be replayed.",
            hint="To simulate a configuration instead: psyche-cli advise --config FILE",
        )
    if incarnation.created_by is None:
        raise HistoryError(
            f"The states of run {run.run_id!r} are not known: its creation is in a gap of the ledger.",
            hint="Use an endpoint with an older ledger to fill the gaps of the history.",
        )
    observer, problem = Observer(), None
    replay = states.beginning()
    for events in states.continued(replay):
        problem = next((text for one in events for text in one.problems), None)
        if problem is not None:
            break
        for one in events:
            observer.add(one, replay.time_of(one.transaction).unix)
    return _Story(observer, incarnation, incarnation == lives[-1], _gaps(run, incarnation), problem)


def _gaps(run: RunHistory, incarnation: Incarnation) -> int:
    """The number of gaps in the transactions of the run's account, from which all facts are."""
    return sum(gap.address == incarnation.coordinator_account for gap in run.history.gaps())


def _chosen(lives: Sequence[Incarnation], request: Request) -> Incarnation:
    if not lives:
        raise no_history(request.run_id, read=request.sync)
    number = len(lives) if request.incarnation is None else request.incarnation
    if not 1 <= number <= len(lives):
        raise UsageError(
            f"Run {request.run_id!r} has no incarnation {number}.",
            hint=f"Use --incarnation with a number from 1 to {len(lives)}.",
        )
    return lives[number - 1]


def _seen(session: Session, request: Request, story: _Story) -> Observation | None:
    """The run as it is now; None for one that was closed, and without requests."""
    if not request.sync or not story.is_latest or story.incarnation.closed_by is not None:
        return None
    try:
        found = observe(session, request.run_id, request.treasurer_index)
    except RunNotFound:
        return None
    found.run.require_rules_of_v1()
    return found


def _dumped(session: Session, run_id: str, seen: Observation | None, last: CoordinatorState) -> Target:
    """What ``config dump --full`` writes; what ``config dump`` writes if the run is not read."""
    if seen is not None:
        try:
            found = session.rpc.program_accounts(
                session.programs.authorizer, join_filters(seen.run.instance.join_authority)
            )
        except NotInArchive:
            found = []
        permits = [decode_authorization(raw, session.programs) for raw in found]
        account = seen.run.account
        return Target(run_file_text(seen.run, permits), _RUN_FILE, account.config, account.model, run_id=run_id)
    return Target(to_toml(last.config, last.model), _CONFIGURATION, last.config, last.model)


def _dumping(session: Session, request: Request, target: Target) -> tuple[str, ...]:
    """The command that writes the file which the diff changes, if the user has not named one and the run exists."""
    if request.target is not None or target.run_id is None:
        return ()
    return (session.given.command("config dump", "--full", "-o", target.name, run_id=request.run_id),)


def _notes(story: _Story, last: CoordinatorState) -> Iterator[str]:
    if story.observer.changes > 0:
        yield (
            f"The facts are from step {story.observer.since} on, when the configuration or the model was last changed. "
            "Longer times that were observed earlier with the same model still count against shorter limits."
        )
    if story.incarnation.closed_by is not None:
        yield "The run is closed: the advice is for another one like it."
    elif last.run_state == RunState.FINISHED:
        yield "The run is Finished, and can no longer be configured: the advice is for another one like it."


def _warnings(story: _Story) -> tuple[str, ...]:
    found = []
    if story.gaps > 0:
        found.append("Parts of the history of the run are missing, so some facts may be missing too.")
    if story.problem is not None:
        found.append(f"Facts after a transaction about which ledger and replay disagree are not used: {story.problem}")
    return tuple(found)


def _differences(target: Target, facts: Facts, verdicts: Sequence[Verdict]) -> list[str]:
    """A warning if the file has values that are neither those of the run nor the advised ones."""
    advised = with_advice(facts.config, verdicts)
    keys = [key for key, value in facts.config.items() if target.config[key] not in (value, advised[key])]
    if not keys:
        return []
    named = ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
    return [f"{target.name} differs from the run in {named}: the advice is from the run as it was."]
