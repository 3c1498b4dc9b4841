"""Configure a run from a file and with individual options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from solders.instruction import Instruction

from psyche_cli.errors import NothingToDo, PsycheError, WrongRunState
from psyche_cli.limits import MAX_TRANSACTION_BYTES
from psyche_cli.operations.change import Change, effects_of, instructions_for
from psyche_cli.operations.config.payloads import ChangedValue, UpdateConfigData
from psyche_cli.operations.config.values import shown_value
from psyche_cli.operations.funds import Funds, require_lamports
from psyche_cli.operations.outlets import PlannedTransaction
from psyche_cli.operations.runs.find import Run, find_run_and_funds
from psyche_cli.operations.signing import SigningSession
from psyche_cli.protocol.run_states import RunState
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.run_config.batch_size import data_index_for_step
from psyche_cli.run_config.differences import Difference, differences
from psyche_cli.run_config.load import RunConfig
from psyche_cli.run_config.problems import configuration_error
from psyche_cli.run_config.rules import check_client_version, check_metadata, check_run, has_steps_left, is_unset
from psyche_cli.run_config.stored_text import seed_problems


@dataclass(frozen=True)
class ConfigChanges:
    """The requested changes, validated as far as possible without the run. None leaves a value unchanged."""

    file: RunConfig | None
    metadata: Mapping[str, Any]
    restart_from_step: int | None
    switch_to_hub: bool
    client_version: str | None

    @classmethod
    def gather(
        cls,
        *,
        file: RunConfig | None = None,
        restart_from_step: int | None = None,
        switch_to_hub: bool = False,
        name: str | None = None,
        description: str | None = None,
        num_parameters: int | None = None,
        vocab_size: int | None = None,
        client_version: str | None = None,
    ) -> ConfigChanges:
        """Validate all values. Raises ConfigurationError, or NothingToDo if nothing was given."""
        metadata = {
            "name": name,
            "description": description,
            "num_parameters": num_parameters,
            "vocab_size": vocab_size,
        }
        given: dict[str, Any] = {key: value for key, value in metadata.items() if value is not None}
        if not (file or given or restart_from_step is not None or switch_to_hub or client_version is not None):
            raise NothingToDo(
                "Nothing to update.",
                hint="Specify --config-path FILE or an option with a new value. See: psyche-cli update-config --help",
            )
        problems = check_metadata(**given)
        if client_version is not None:
            problems += check_client_version(client_version)
        if problems:
            raise configuration_error(problems, subject="The command line")
        return cls(
            file=file,
            metadata=given,
            restart_from_step=restart_from_step,
            switch_to_hub=switch_to_hub,
            client_version=client_version,
        )


def update_config(
    session: SigningSession, *, run_id: str, changes: ConfigChanges, treasurer_index: int | None = None
) -> OperationResult[UpdateConfigData]:
    """Change the configuration of a run. Only parts that differ are sent; if none does, nothing is sent.

    Uses one transaction if it fits into 1,232 bytes. Otherwise the metadata, which may change at any time, is sent
    first and everything else in a second transaction, so an interruption never leaves the run with half of a new
    configuration.

    Raises NotAuthority, WrongRunState, ConfigurationError before anything is sent.
    """
    run, funds = find_run_and_funds(session, run_id, treasurer_index)
    run.require_authority(session.authority)
    change, changed = plan(run, changes)
    if not changed:
        return _result(session, run, changes, change, changed)
    _require_state(session, run, change)
    transactions = _send(session, run, funds, change)
    return _result(session, run, changes, change, changed, *transactions)


def plan(run: Run, changes: ConfigChanges) -> tuple[Change, list[Difference]]:
    """The change to send and its differences by key. Parts without differences are omitted.

    Raises ConfigurationError if the resulting configuration violates a rule of the program.
    """
    account = run.account
    metadata = {**account.metadata, **changes.metadata}
    config = changes.file.config if changes.file else account.config
    model: Mapping[str, Any] = changes.file.model if changes.file else account.model
    if changes.switch_to_hub:
        model = _switched_to_hub(model)
    progress = dict(account.progress)
    if changes.restart_from_step is not None:
        progress |= restart_progress(run, changes.restart_from_step, config, model)
    parts: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
        "metadata": (account.metadata, metadata),
        "config": (account.config, config),
        "model": (account.model, model),
        "progress": (account.progress, progress),
    }
    found = {name: differences(before, after, name) for name, (before, after) in parts.items()}
    changed = [difference for part in found.values() for difference in part]
    tables: dict[str, Any] = {name: after for name, (_, after) in parts.items() if found[name]}
    change = Change(**tables)
    stored = {**tables, "client_version": changes.client_version}
    problems = seed_problems(stored, (run.main_authority, run.instance.join_authority))
    if problems:
        raise configuration_error(problems, subject=f"The resulting configuration of run {run.run_id!r}")
    if changes.client_version not in (None, account.client_version):
        change = replace(change, client_version=changes.client_version)
        changed.append(Difference("client_version", account.client_version, changes.client_version))
    if change.config is not None or change.model is not None:
        problems = check_run(config, model)
        if problems:
            raise configuration_error(problems, subject=f"The resulting configuration of run {run.run_id!r}")
    return change, changed


def split(change: Change) -> tuple[Change, Change]:
    """Split a change into two, each small enough for one transaction: the metadata, and everything else.

    Everything else stays together so that a run is never left with half of a new configuration.
    """
    return Change(metadata=change.metadata), replace(change, metadata=None)


def _send(session: SigningSession, run: Run, funds: Funds, change: Change) -> tuple[Receipt, ...]:
    authority = session.authority

    def instructions(part: Change) -> list[Instruction]:
        return instructions_for(part, run, authority, session.instructions)

    whole = instructions(change)
    if change.metadata is None or session.size(whole) <= MAX_TRANSACTION_BYTES:
        require_lamports(session, funds, whole)
        return (session.send(whole, label="update", expected=effects_of(change, run, authority)),)
    session.notify("The update is too large for one transaction: sending the metadata first, then everything else.")
    parts = split(change)
    halves = [instructions(part) for part in parts]
    require_lamports(session, funds, *halves)
    for half in halves:
        session.simulate(half)
    labels = ("update metadata", "update configuration")
    sending = session.send_all(
        [
            PlannedTransaction(half, label, effects_of(part, run, authority))
            for half, label, part in zip(halves, labels, parts, strict=True)
        ]
    )
    first = next(sending)
    try:
        second = next(sending)
    except PsycheError as error:
        error.hint = f"{error.hint} The metadata was already updated by transaction {first.signature}.".strip()
        raise
    return (first, second)


def _require_state(session: SigningSession, run: Run, change: Change) -> None:
    state = run.account.run_state
    if state == RunState.FINISHED and change.tables:
        raise WrongRunState(f"Run {run.run_id!r} is Finished and can no longer be configured.", state=state.text)
    if change.needs_halted_run and not state.is_halted:
        raise WrongRunState(
            f"Run {run.run_id!r} is {state.text}: only its metadata (name, description, sizes) can be changed now.",
            hint="A run in training pauses at the end of its epoch. Pause it first: "
            f"{session.given.command('set-paused', run_id=run.run_id)}",
            state=state.text,
        )


def _switched_to_hub(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The model with its checkpoint loaded from the hub repository or bucket that it names instead of from peers."""
    origins = {"P2P": "Hub", "Dummy": "Hub", "P2PGcs": "Gcs"}
    llm = model["LLM"]
    checkpoint = llm["checkpoint"]
    if isinstance(checkpoint, str):
        return model
    [(kind, repository)] = checkpoint.items()
    return {"LLM": {**llm, "checkpoint": {origins.get(kind, kind): repository}}}


def restart_progress(run: Run, step: int, config: Mapping[str, int], model: Mapping[str, Any]) -> dict[str, int]:
    """The progress of a run that restarts from a step, except for its epoch.

    Raises WrongRunState if no steps would be left, or without a configuration.
    """
    if is_unset(config):
        raise WrongRunState(
            f"Run {run.run_id!r} has no configuration yet, so the data index of step {step} is unknown.",
            hint="Add --config-path FILE.",
        )
    if not has_steps_left(step, config):
        raise WrongRunState(
            f"Cannot restart from step {step}: total_steps is {config['total_steps']}, so no steps would be left.",
            hint="Use a smaller --restart-from-step, or increase total_steps in the configuration.",
            step=step,
            total_steps=config["total_steps"],
        )
    return {"step": step, "epoch_start_data_index": data_index_for_step(step, config, model)}


def _result(
    session: SigningSession,
    run: Run,
    changes: ConfigChanges,
    change: Change,
    changed: Sequence[Difference],
    *transactions: Receipt,
) -> OperationResult[UpdateConfigData]:
    config = run.account.config if change.config is None else change.config
    listed = tuple(ChangedValue(key=d.key, before=d.before, after=d.after) for d in changed)
    count = "1 value" if len(changed) == 1 else f"{len(changed)} values"
    return OperationResult(
        summary=f"Updated {count} of run {run.run_id}." if changed else f"Run {run.run_id} already has these values.",
        data=UpdateConfigData(run_id=run.run_id, already_so=not transactions, changed=listed),
        details=tuple((d.key, f"{shown_value(d.before)} -> {shown_value(d.after)}") for d in changed),
        transactions=transactions,
        warnings=tuple(_warnings(run, changes, change, config)),
        next_steps=_next_steps(session, run, change, config),
    )


def _warnings(run: Run, changes: ConfigChanges, change: Change, config: Mapping[str, Any]) -> Iterator[str]:
    for problem in changes.file.warnings if changes.file else ():
        yield problem.message
    step = _next_step(run, change)
    if changes.restart_from_step is not None and run.account.run_state == RunState.UNINITIALIZED:
        yield (
            "The first start of a run sets its step to 1. To restart from another step, pause the run after that and "
            "set --restart-from-step again."
        )
    if not is_unset(config) and not has_steps_left(step, config):
        yield (
            f"The run has no steps left (step {step}, total_steps {config['total_steps']}) and cannot be resumed "
            "with this configuration."
        )


def _next_step(run: Run, change: Change) -> int:
    """The step at which the changed run resumes."""
    if change.progress is None or run.account.run_state == RunState.UNINITIALIZED:
        return run.next_step
    return int(change.progress["step"])


def _next_steps(session: SigningSession, run: Run, change: Change, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The command that starts the run if it can be started, or inspects it if it is running or finished."""
    state = run.account.run_state
    if state == RunState.FINISHED or not state.is_halted:
        return (session.given.command("show", run_id=run.run_id),)
    if is_unset(config) or not has_steps_left(_next_step(run, change), config):
        return ()
    return (session.given.command("set-paused", "--resume", run_id=run.run_id),)
