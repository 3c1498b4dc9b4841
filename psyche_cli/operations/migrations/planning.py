"""The part of a migration that concerns the old run: steps, obstacles, and what is lost."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psyche_cli.amounts import format_amount
from psyche_cli.operations.config.payloads import ChangedValue
from psyche_cli.operations.config.values import shown_value
from psyche_cli.operations.run_files.payloads import ObstacleData, StepData
from psyche_cli.operations.run_files.planning import PAUSE, step_of
from psyche_cli.operations.run_files.values import Value, flat
from psyche_cli.run_config.differences import differences
from psyche_cli.run_config.schema import CHECKPOINT_KEY

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

    from psyche_cli.operations.migrations.export import Exported
    from psyche_cli.operations.migrations.old_run import OldRun
    from psyche_cli.operations.run_files.actual import ActualRun
    from psyche_cli.run_file.wanted import WantedRun


def steps_before(
    old: OldRun | None, exported: Exported | None, folder: Path, *, is_started: bool
) -> Iterator[StepData]:
    """The steps before the new run is created: pause the old one, wait, and export it.

    ``old`` is None once it is closed, and ``is_started`` whether the new one was ever started.
    """
    if old is None:
        return
    account = old.run.account
    if not old.is_halted:
        if not account.pending_pause:
            changes = (ChangedValue("old.state", "running", "paused"),)
            yield step_of("pause-old", f"Pause run {old.run_id}", changes, subject=old.account)
        title = f"Wait until run {old.run_id} is Paused"
        yield step_of("wait-old", title, subject=old.account, transactions=0, waits_for=PAUSE)
    # The new run continues from the export. A run that is left may go on changing afterwards.
    if exported is None or not old.is_halted or (not is_started and not exported.is_of(old)):
        yield step_of("export", f"Export run {old.run_id} to {folder}", subject=old.account, transactions=0)


def obstacles_of(
    closes: bool, old: OldRun | None, exported: Exported | None, wanted: WantedRun, actual: ActualRun
) -> Iterator[ObstacleData]:
    """Why the old run cannot be replaced as planned."""
    is_absent = actual.run is None
    if old is None:
        if is_absent:
            yield ObstacleData("old.run", "it was closed without creating the new run: apply the run file instead")
        elif exported is None and wanted.start_step is None and actual.state == "unstarted":
            yield ObstacleData("start_step", "the export of the old run is missing, so its step must be in the file")
        return
    owner = old.run.main_authority
    acts = "pauses and closes" if closes else "pauses"
    if owner != actual.wallet and (closes or not old.is_halted):
        yield ObstacleData("old.main_authority", f"only {owner} {acts} run {old.run_id}, not {actual.wallet}")
    if not closes and wanted.run_id == old.run_id:
        yield ObstacleData(
            "run_id", f"run {old.run_id} can never be closed, because {old.why_it_stays}: choose another id"
        )
    elif not is_absent and (closes or exported is None):
        known = "" if closes else ", or the --export-dir with the export of the old run if it was replaced already"
        yield ObstacleData("run_id", f"run {wanted.run_id} already exists: choose another id{known}")


def compared(old: OldRun | None, wanted: WantedRun, wallet: Pubkey) -> Iterator[ChangedValue]:
    """The values of the old run and those of the new one, where they differ. Amounts are in whole tokens.

    ``wallet`` creates the new one.
    """
    if old is None:
        return
    run, account = old.run, old.run.account
    treasury, decimals = run.treasury, run.treasury.mint.decimals if run.treasury else 0
    rates = account.future_epoch_rates
    mint = None if treasury is None else str(treasury.run.collateral_mint)
    now: dict[str, tuple[Any, Any]] = {
        "run_id": (old.run_id, wanted.run_id),
        "main_authority": (str(run.main_authority), str(wallet)),
        "start_step": (old.run.next_step, 1 if wanted.start_step is None else wanted.start_step),
        "client_version": (account.client_version, wanted.client_version or account.client_version),
        "join.authority": (str(run.instance.join_authority), str(wanted.join.authority or wallet)),
        "treasurer.mint": (mint, None if wanted.treasurer is None else str(wanted.treasurer.mint)),
        "rewards.earning_rate": (
            format_amount(rates.earning_rate_total_shared, decimals),
            wanted.earning_rate or "0",
        ),
        "rewards.slashing_rate": (
            format_amount(rates.slashing_rate_per_client, decimals),
            wanted.slashing_rate or "0",
        ),
    }
    for key, (before, after) in now.items():
        if before != after and not (key.startswith("rewards.") and _same_amount(before, after)):
            yield ChangedValue(key, before, after)
    tables = {"metadata": {**account.metadata, **wanted.metadata}, "config": wanted.config, "model": wanted.model}
    for name, table in tables.items():
        for one in differences(getattr(account, name), table, name) if table is not None else ():
            yield ChangedValue(one.key, one.before, one.after)


def _same_amount(*amounts: str | None) -> bool:
    return len({Decimal((amount or "0").replace(",", "")) for amount in amounts}) == 1


def ground_of(old: OldRun | None, account: Pubkey, *, closes: bool) -> dict[str, Value]:
    """The values of the old run on which a plan is based. ``account`` identifies it."""
    now = None if old is None else str(account)
    values = {"old.run": Value(now, None if closes else now)}
    if old is None:
        return values
    described = old.run.account
    same: dict[str, Any] = {
        "old.main_authority": str(old.run.main_authority),
        "old.client_version": described.client_version,
        **flat(described.metadata, "old.metadata"),
        **flat(described.config, "old.config"),
        **flat(described.model, "old.model"),
    }
    if old.is_halted:
        same["old.step"] = old.run.next_step
    else:
        same = {key: value for key, value in same.items() if not key.startswith(f"old.{CHECKPOINT_KEY}")}
    return values | {key: Value(value, value) for key, value in same.items()}


def cautions_of(old: OldRun | None, wanted: WantedRun, wallet: Pubkey, *, follows: bool) -> Iterator[str]:
    """What the owner should consider before the migration, as sentences.

    ``wallet`` creates the new run, and ``follows`` is whether its first step and its checkpoint are not known yet.
    """
    if old is None:
        return
    if losses := losses_of(old).strip():
        yield losses
    yield from departures_of(old, wanted, wallet)
    if not any(compared(old, wanted, wallet)):
        yield f"The new run has the same values as run {old.run_id}."
    if follows:
        yield (
            f"Run {old.run_id} is running: the new run starts at the step and from the checkpoint that it has once it "
            "is paused, unless start_step is added to the file."
        )
    if wanted.start_step is not None and wanted.start_step > 1 and wanted.model is not None:
        checkpoint = wanted.model["LLM"]["checkpoint"]
        yield (
            f"Training continues at step {wanted.start_step} from the checkpoint {shown_value(checkpoint)}: check that "
            "members have saved it at that step."
        )


def departures_of(old: OldRun | None, wanted: WantedRun, wallet: Pubkey) -> Iterator[str]:
    """In which respects the new run of ``wallet`` does not continue the old one, as sentences."""
    if old is None:
        return
    owner = old.run.main_authority
    if wallet != owner:
        yield f"Run {wanted.run_id} belongs to {wallet}, and not to {owner} as run {old.run_id} does."
    origin, first = old.origin, wanted.start_step
    if origin is None:
        return
    if first is not None and first != origin.step:
        count = abs(first - origin.step)
        steps = "1 step" if count == 1 else f"{count:,} steps"
        so = (
            f"{steps} of its training {'is' if count == 1 else 'are'} dropped"
            if first < origin.step
            else (f"{steps} {'is' if count == 1 else 'are'} never trained")
        )
        yield (
            f"Run {old.run_id} is at step {origin.step}, but the file says start_step = {first}: {so}. Without "
            "start_step, the new run continues where the old one has ended."
        )
    saved = None if wanted.model is None else wanted.model["LLM"]["checkpoint"]
    if saved is not None and saved != origin.checkpoint:
        yield (
            f"The file says that the new run starts from the checkpoint {shown_value(saved)}. That of run {old.run_id} "
            f"is {shown_value(origin.checkpoint)}."
        )


def warnings_of(old: OldRun | None, wanted: WantedRun) -> Iterator[str]:
    """What the owner should know before and after the migration, as sentences."""
    if old is None:
        return
    yield from _about_what_stays(old)
    if old.members > 0:
        yield f"The members of run {old.run_id} have to be started again for run {wanted.run_id}."


def losses_of(old: OldRun | None) -> str:
    """What is lost when the old run is closed, as a sentence after another one; empty if it is not closed."""
    if old is None or not old.closes:
        return ""
    text = f" Closing run {old.run_id} deletes it for good"
    if old.lost_points == 0:
        return f"{text}."
    members = sum(client.earned > 0 for client in old.run.account.clients)
    count = "1 member" if members == 1 else f"{members} members"
    return f"{text}, and the {old.lost_points:,} points of {count} with it, which the export lists."


def _about_what_stays(old: OldRun) -> Iterator[str]:
    if old.closes:
        return
    owed = old.obligations
    due = "" if owed is None or owed.owed == 0 else format_amount(owed.owed, owed.decimals)
    if old.is_retired:
        yield f"Run {old.run_id} stays as it is, and so does its rent: {old.why_it_stays}, which nothing can change."
        if due:
            yield f"Its members can no longer claim {due} that they have earned."
        return
    yield f"Run {old.run_id} stays paused, and so does its rent: {old.why_it_stays}, so it can never be closed."
    if owed is not None and due:
        held = format_amount(owed.held, owed.decimals)
        short = "" if owed.held >= owed.owed else ", which is too little: top it up"
        yield f"Its members can still claim {due} from its vault, which holds {held}{short}."
