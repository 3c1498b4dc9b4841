"""What a run file asks for that its run cannot get, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from psyche_cli.amounts import format_amount, format_sol
from psyche_cli.operations.funds import first_short_balance
from psyche_cli.operations.rewards.frozen import frozen_text
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.run_files.payloads import ObstacleData, StepData
from psyche_cli.operations.run_files.values import Value, first_step
from psyche_cli.run_config.rules import check_run, has_steps_left, is_unset
from psyche_cli.run_file.wanted import WantedRun

_OF_OWNER = ("set-rates", "pause", "update", "set-step", "resume")
"""Steps that the main authority of the run signs."""


def obstacles_of(
    wanted: WantedRun, actual: ActualRun, values: Mapping[str, Value], steps: Sequence[StepData]
) -> Iterator[ObstacleData]:
    """The obstacles to the steps, and those to values for which there is no step."""
    yield from _of_creation(values)
    yield from _of_taken_addresses(actual, steps)
    yield from _of_keys(actual, values, steps)
    yield from _of_state(wanted, actual, steps)
    yield from _of_money(actual, steps)


def _of_creation(values: Mapping[str, Value]) -> Iterator[ObstacleData]:
    keys = ["join.authority", "treasurer.mint", "treasurer.index"]
    if "treasurer.mint" in values and values["treasurer.mint"].now is None:
        yield ObstacleData("treasurer", "the run has none, and only gets one when it is created")
        del keys[1:]
    for key in keys:
        if key in values and values[key].differs:
            message = f"it is {values[key].now}, which is chosen when a run is created and cannot be changed"
            yield ObstacleData(key, message)


def _of_taken_addresses(actual: ActualRun, steps: Sequence[StepData]) -> Iterator[ObstacleData]:
    """Addresses of a treasurer to create that another run, or anyone, has taken already."""
    if actual.taken and any(step.kind in ("create", "recreate") for step in steps):
        message = f"the account {actual.taken[0]} of this treasurer already exists: choose another treasurer.index"
        yield ObstacleData("treasurer.index", message)


def _of_keys(actual: ActualRun, values: Mapping[str, Value], steps: Sequence[StepData]) -> Iterator[ObstacleData]:
    """Steps that another key would have to sign."""
    wallet = str(actual.wallet)
    owner = values["main_authority"].now
    kinds = {step.kind for step in steps}
    if owner != wallet and kinds.intersection(_OF_OWNER):
        yield ObstacleData("main_authority", f"only {owner} can change the run, not the wallet {wallet}")
    if actual.join_authority != actual.wallet and kinds & {"authorize", "deauthorize"}:
        message = (
            f"only {actual.join_authority} can change its authorizations, not the wallet {wallet}: change them with "
            "its key first (join-authorization-create, join-authorization-delete)"
        )
        yield ObstacleData("join", message)
    for step in steps:
        if step.kind == "delegate" and step.subject != wallet:
            message = (
                f"only {step.subject} itself can change its delegates: psyche-cli join-authorization-delegate "
                f"--join-authority {actual.join_authority}"
            )
            yield ObstacleData(step.changes[0].key, message)


def _of_state(wanted: WantedRun, actual: ActualRun, steps: Sequence[StepData]) -> Iterator[ObstacleData]:
    kinds = {step.kind for step in steps}
    if actual.state == "finished":
        if "resume" in kinds:
            yield ObstacleData("state", "the run is Finished and cannot be resumed")
        tables = [change.key for step in steps if step.kind == "update" for change in step.changes]
        fixed = [key for key in tables if key != "client_version"]
        if fixed:
            yield ObstacleData(fixed[0], "the run is Finished and can no longer be configured")
        return
    if "wait" in kinds and wanted.state is None:
        message = "the change needs a pause, so the file must say whether the run is running or paused afterwards"
        yield ObstacleData("state", message)
    if kinds & {"set-step", "resume"}:
        yield from _of_start(wanted, actual)


def _of_start(wanted: WantedRun, actual: ActualRun) -> Iterator[ObstacleData]:
    account = actual.run.account if actual.run else None
    config = wanted.config
    if config is None:
        if account is None or is_unset(account.config):
            key = "state" if wanted.state == "running" else "start_step"
            yield ObstacleData(key, "a run without a configuration cannot be started: add one to the file")
            return
        config = account.config
        problems = check_run(account.config, account.model)
        yield from (ObstacleData(one.key, f"the run cannot be resumed: {one.message}") for one in problems)
    step = first_step(wanted, actual)
    if not has_steps_left(step, config):
        message = f"the run has no steps left: it is at step {step}, and total_steps is {config['total_steps']}"
        yield ObstacleData("config.total_steps", message)


def _of_money(actual: ActualRun, steps: Sequence[StepData]) -> Iterator[ObstacleData]:
    """Payments that the wallet cannot make. They are checked in the order in which they are made."""
    payments = [payment for step in steps for payment in (step.fee_lamports, step.rent_lamports) if payment != 0]
    kept, paid = actual.rent.exempt_minimum(0), sum(payment for payment in payments if payment > 0)
    if first_short_balance(actual.lamports, payments, kept) is not None:
        yield ObstacleData(
            "wallet",
            f"the wallet {actual.wallet} holds {format_sol(actual.lamports)} SOL, less than "
            f"{format_sol(paid + kept)} SOL: {format_sol(paid)} SOL of rent and fees, and "
            f"{format_sol(kept)} SOL that a wallet must keep",
        )
    yield from _of_collateral(actual, sum(step.collateral or 0 for step in steps))


def _of_collateral(actual: ActualRun, needed: int) -> Iterator[ObstacleData]:
    """Why ``needed`` base units cannot be transferred to the vault."""
    if needed == 0:
        return
    for account in actual.frozen:
        yield ObstacleData("funding", frozen_text(account))
    if not actual.has_vault:
        yield ObstacleData("funding", "the vault of the run does not exist, so nothing can be transferred to it")
    if actual.tokens is None:
        amount = format_amount(needed, actual.decimals)
        message = f"the wallet {actual.wallet} has no account for the collateral token: send {amount} to it first"
        yield ObstacleData("funding", message)
    elif needed > actual.tokens:
        yield ObstacleData(
            "funding",
            f"the wallet {actual.wallet} holds {format_amount(actual.tokens, actual.decimals)} of the collateral "
            f"token, less than {format_amount(needed, actual.decimals)}",
        )
