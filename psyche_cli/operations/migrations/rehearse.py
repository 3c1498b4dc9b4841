"""Rehearse a migration on a local validator: carry it out, and play an epoch of the new run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from solders.pubkey import Pubkey

from psyche_cli.amounts import format_amount, format_sol
from psyche_cli.errors import ExitCode, Interrupted
from psyche_cli.json_text import json_text
from psyche_cli.json_values import to_json
from psyche_cli.operations.elsewhere import Keys
from psyche_cli.operations.localnet.play import PlayOptions, play_run
from psyche_cli.operations.migrations.clone import ClonedCluster, copy_accounts, with_owner
from psyche_cli.operations.migrations.migration import Migration
from psyche_cli.operations.migrations.payloads import RehearsedEpoch, RehearsedMigration, RehearsedStep
from psyche_cli.operations.migrations.target import MigrationTarget
from psyche_cli.operations.rehearsal.folders import temporary_folder
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.run_files.apply import apply_run
from psyche_cli.operations.run_files.pause_wait import LONGEST, PauseWait
from psyche_cli.operations.run_files.payloads import StepData
from psyche_cli.operations.run_files.plan_file import plan_data, read_plan
from psyche_cli.operations.run_files.work import Applying
from psyche_cli.operations.runs.find import Run, find_run
from psyche_cli.operations.runs.set_paused import set_paused
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.signing import SigningSession, one_write
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.run_config.rules import is_unset
from psyche_cli.run_file.wanted import WantedRun
from psyche_cli.solana.wallet import Wallet


class _Measured(MigrationTarget):
    """A target that records what the wallet pays for each step."""

    def __init__(self, wanted: WantedRun, migration: Migration, notify: Callable[[str], None]) -> None:
        super().__init__(wanted, migration)
        self.steps: list[RehearsedStep] = []
        self._notify = notify

    def perform(
        self, session: SigningSession, actual: ActualRun, step: StepData, wait: PauseWait
    ) -> tuple[Receipt, ...]:
        # The folder of the rehearsal does not outlast it.
        title = f"Export run {self._migration.run_id}" if step.kind == "export" else step.title
        self._notify(f"Rehearsing: {title}.")
        before = session.rpc.balance(session.authority)
        receipts = super().perform(session, actual, step, wait)
        paid = before - session.rpc.balance(session.authority)
        planned = step.fee_lamports + step.rent_lamports
        self.steps.append(RehearsedStep(step.kind, title, len(receipts), planned, paid))
        return receipts


def rehearse_migration(
    session: Session,
    wanted: WantedRun,
    migration: Migration,
    *,
    owner: Pubkey,
    wallet: Wallet | None,
    notes: tuple[str, ...] = (),
) -> OperationResult[RehearsedMigration]:
    """Copy the accounts of a migration to a validator in this process, carry it out there, and play an epoch.

    ``owner`` is the key that would sign. Without its ``wallet``, a new key takes its place in the copy. ``notes`` are
    warnings that come first. Nothing is sent to the cluster of ``session``. Raises Refused with the obstacles,
    and the errors of ``copy_accounts``, ``apply_run`` and ``play_run``.
    """
    session.notify("Copying the accounts of the run.")
    copied = copy_accounts(session, migration.run_id, migration.treasurer_index, wanted, owner)
    is_stand_in = wallet is None or wallet.address != owner
    if wallet is None or is_stand_in:
        wallet = Wallet.generate("a stand-in for the owner")
        copied, wanted = with_owner(copied, owner, wallet.address), _owned_by(wanted, owner, wallet.address)
    cluster = ClonedCluster(copied, old_run_id=migration.run_id)
    with _explaining_interruptions(), temporary_folder() as folder:
        target = _Measured(wanted, migration._replace(export=folder / "export"), session.notify)
        with one_write(cluster.rpc, cluster.clock, _silent, Keys(wallet, wallet)) as local:
            differences = [*_carry_out(local, target), *_differences(target.steps)]
        epoch, others = _play(session, cluster, wallet, wanted)
    data = RehearsedMigration(
        run_id=wanted.run_id,
        old_run_id=migration.run_id,
        slot=copied.clock.slot,
        stand_in_key=is_stand_in,
        steps=tuple(target.steps),
        planned_lamports=sum(step.planned_lamports for step in target.steps),
        lamports=sum(step.lamports for step in target.steps),
        epoch=epoch,
        differences=(*differences, *others),
    )
    return _result(data, notes)


@contextmanager
def _explaining_interruptions() -> Iterator[None]:
    """Say of an interruption that it has left nothing behind: what was sent ended with the validator."""
    message, hint = "The rehearsal was interrupted.", "Nothing was sent to the cluster."
    try:
        yield
    except KeyboardInterrupt as stop:
        raise Interrupted.by(stop, message, hint=hint, sent=False) from None
    except Interrupted as stop:
        raise type(stop)(message, hint=hint, sent=False) from None


def _silent(_: str) -> None:
    """Reports nothing: the lines would look like those of transactions to the cluster."""


def _owned_by(wanted: WantedRun, owner: Pubkey, stand_in: Pubkey) -> WantedRun:
    """The run with the stand-in as its join authority if that would be the owner."""
    if wanted.join.authority != owner:
        return wanted
    return replace(wanted, join=replace(wanted.join, authority=stand_in))


def _carry_out(session: SigningSession, target: MigrationTarget) -> Iterator[str]:
    """Write the plan, read it, and apply it. Returns what is not as it should be afterwards, as sentences."""
    actual = target.read(session, session.authority)
    plan = target.plan(actual)
    data = plan_data(plan, target.wanted, actual, session.rpc.genesis_hash(), target.migration(actual))
    reviewed = read_plan(json_text(to_json(data)), Path("plan.json"))
    apply_run(session, Applying(target, reviewed, PauseWait(LONGEST, "leave"), again=""))
    left = target.plan(target.read(session, session.authority))
    for step in left.steps:
        yield f"A step is left after the migration: {step.title}."
    for obstacle in left.obstacles:
        yield f"An obstacle is left after the migration: {obstacle.key}: {obstacle.message}."


def _differences(steps: list[RehearsedStep]) -> Iterator[str]:
    for step in steps:
        if step.lamports != step.planned_lamports:
            paid, planned = format_sol(step.lamports), format_sol(step.planned_lamports)
            yield f"The step {step.title!r} has cost {paid} SOL rather than the planned {planned} SOL."


def _play(
    session: Session, cluster: ClonedCluster, wallet: Wallet, wanted: WantedRun
) -> tuple[RehearsedEpoch | None, list[str]]:
    """Start the new run if it is paused, and play an epoch. Returns it, and what is not as it should be."""
    local = Session(cluster.rpc, session.programs, session.notify, session.given)
    index = None if wanted.treasurer is None else wanted.treasurer.index
    run = find_run(local, wanted.run_id, index)
    if is_unset(run.account.config):
        return None, []
    if run.account.run_state.is_halted:
        with one_write(cluster.rpc, cluster.clock, _silent, Keys(wallet, wallet)) as writing:
            set_paused(writing, run_id=wanted.run_id, paused=False, treasurer_index=index)
        run = find_run(local, wanted.run_id, index)
    if cluster.let_everyone_join(run.instance.join_authority):
        session.notify("Only in the rehearsal, everyone may join, so that simulated members can.")
    session.notify("Playing an epoch of the new run with simulated members.")
    played = play_run(local, cluster.clock, wanted.run_id, PlayOptions(epochs=1)).data
    epoch = RehearsedEpoch(
        first_step=run.account.step,
        last_step=played.step,
        rounds=played.rounds,
        seconds=played.seconds,
        earning_rate=run.account.future_epoch_rates.earning_rate_total_shared,
        decimals=run.treasury.mint.decimals if run.treasury else 0,
        members=played.members,
    )
    return epoch, [*_of_epoch(run, wanted, epoch)]


def _of_epoch(run: Run, wanted: WantedRun, epoch: RehearsedEpoch) -> Iterator[str]:
    """What is not as it should be in the epoch that was played."""
    if wanted.start_step not in (None, epoch.first_step):
        yield f"The new run starts at step {epoch.first_step} rather than {wanted.start_step}."
    if epoch.last_step <= epoch.first_step:
        yield f"No step was trained: the new run is still at step {epoch.last_step}."
    share = epoch.earning_rate // max(len(epoch.members), 1)
    wrong = [one for one in epoch.members if one.earned != share]
    if wrong:
        yield f"{len(wrong)} of {len(epoch.members)} members have not earned the {share:,} points of their share."
    unpaid = sum(one.earned - one.claimed for one in epoch.members)
    if run.treasury is not None and unpaid > 0:
        do = "add [funding] to the file, such as keep_epochs = 10" if wanted.funding is None else "raise [funding]"
        amount = format_amount(unpaid, epoch.decimals)
        yield f"The vault could not pay {amount} of what the members have earned: {do}."


def _result(data: RehearsedMigration, notes: tuple[str, ...]) -> OperationResult[RehearsedMigration]:
    epoch, is_as_planned = data.epoch, not data.differences
    played = "" if epoch is None else f", and continues at step {epoch.first_step}"
    how = "as planned" if is_as_planned else "not as planned"
    lines = list(_lines(data))
    return OperationResult(
        summary=f"Run {data.old_run_id} was migrated to run {data.run_id} on a local validator {how}{played}.",
        data=data,
        details=tuple(_details(data)),
        warnings=(*notes, *data.differences, *_warnings(data)),
        body=lambda _width, _utf8: lines,
        exit_code=ExitCode.OK if is_as_planned else ExitCode.DIFFERS,
    )


def _lines(data: RehearsedMigration) -> Iterator[str]:
    for number, step in enumerate(data.steps, 1):
        count = "1 transaction" if step.transactions == 1 else f"{step.transactions} transactions"
        cost = f" ({count}, {format_sol(step.lamports)} SOL)" if step.transactions > 0 else ""
        yield f"{number:>3}. {step.title}{cost}"


def _details(data: RehearsedMigration) -> Iterator[tuple[str, str]]:
    planned = "as planned" if data.lamports == data.planned_lamports else f"not {format_sol(data.planned_lamports)} SOL"
    yield "cost", f"{format_sol(data.lamports)} SOL, {planned}"
    if (epoch := data.epoch) is not None:
        yield "steps", f"{epoch.first_step} to {epoch.last_step}, in {epoch.seconds:,} s of the cluster"
        earned = sum(one.earned for one in epoch.members)
        claimed = sum(one.claimed for one in epoch.members)
        rate, decimals = format_amount(epoch.earning_rate, epoch.decimals), epoch.decimals
        count = "1 member" if len(epoch.members) == 1 else f"{len(epoch.members)} members"
        yield "members", f"{count}, who joined, trained an epoch and earned {format_amount(earned, decimals)} of {rate}"
        if claimed > 0:
            yield "claimed", format_amount(claimed, decimals)


def _warnings(data: RehearsedMigration) -> Iterator[str]:
    yield "The stand-ins of the programs were rehearsed, not the published ones. Nothing was sent to the cluster."
    if data.stand_in_key:
        yield "The owner's key is not here, so a new key has taken its place."
