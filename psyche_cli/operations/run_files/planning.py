"""The plan that makes a run match its file: a pure function of the file and of what was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.amounts import format_amount
from psyche_cli.operations.change import Change
from psyche_cli.operations.config.payloads import ChangedValue
from psyche_cli.operations.run_files import costs
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.run_files.funding import top_up_of
from psyche_cli.operations.run_files.obstacles import obstacles_of
from psyche_cli.operations.run_files.payloads import ObstacleData, StepData, StepKind
from psyche_cli.operations.run_files.values import Value, first_step, values_of, wanted_model
from psyche_cli.protocol.addresses import ANYONE
from psyche_cli.run_config.differences import differences
from psyche_cli.run_config.problems import configuration_error
from psyche_cli.run_config.rules import is_unset
from psyche_cli.run_config.stored_text import seed_problems
from psyche_cli.run_file.wanted import WantedRun

PAUSE: Final = (
    "the pause takes effect: at once while the run waits for members or warms up, otherwise at the end of the epoch, "
    "which pays no rewards"
)
"""What a wait for a pause waits for."""

_AT_CREATION = ("metadata.name", "metadata.description", "client_version", "treasurer.mint", "treasurer.index")


class Plan(NamedTuple):
    """The steps that make a run match its file, in order, and the obstacles, because of which none is done.

    ``values`` are those on which it is based. ``lacks`` is what the vault lacks afterwards, in base units, because of a
    limit.
    """

    steps: tuple[StepData, ...]
    obstacles: tuple[ObstacleData, ...]
    warnings: tuple[str, ...]
    values: Mapping[str, Value]
    lacks: int = 0

    @property
    def changes_nothing(self) -> bool:
        """Whether the run matches the file."""
        return not self.steps and not self.obstacles


def make_plan(
    wanted: WantedRun, actual: ActualRun, *, most: int | None = None, before: Sequence[StepData] = ()
) -> Plan:
    """The plan for a run. Authorizations and money come first, so that a pause is as short as possible.

    ``most`` is the maximum of what is transferred to the vault, in base units; None for the limits of the file alone.
    ``before`` are steps that come first.
    Raises InvalidAmount for an amount with more decimals than the token, and ConfigurationError for a text that
    contains the private key of the wallet or of another key of the run.
    """
    _refuse_seeds(wanted, actual)
    values = values_of(wanted, actual)
    rate = values.get("rewards.earning_rate")
    top_up = top_up_of(wanted, actual, rate.wanted if rate else None)
    paid = 0 if top_up is None else top_up.amount if most is None else min(top_up.amount, most)
    update = _update(wanted, actual, values)
    steps = (
        *before,
        *_creation(wanted, actual, values),
        *_authorizations(actual, values),
        *([_top_up_step(actual, paid, top_up.held)] if top_up and paid > 0 else []),
        *_rates(values),
        *_around(wanted, actual, update),
    )
    obstacles = tuple(obstacles_of(wanted, actual, values, steps))
    warning = top_up.warning(paid, actual.decimals) if top_up else ""
    notes = [problem.message for problem in wanted.warnings]
    lacks = top_up.missing - paid if top_up else 0
    return Plan(steps, obstacles, (*notes, *([warning] if warning else [])), values, lacks)


def _refuse_seeds(wanted: WantedRun, actual: ActualRun) -> None:
    stored = {
        "run_id": wanted.run_id,
        "client_version": wanted.client_version,
        "metadata": wanted.metadata,
        "model": wanted.model,
    }
    keys = [actual.wallet, actual.join_authority, *actual.authorizations]
    keys += [one.grantee for one in wanted.join.authorizations]
    if actual.run is not None:
        keys.append(actual.run.main_authority)
    problems = seed_problems(stored, keys)
    if problems:
        raise configuration_error(problems, subject=str(wanted.source), source=wanted.source)


def step_of(
    kind: StepKind,
    title: str,
    changes: tuple[ChangedValue, ...] = (),
    *,
    subject: Pubkey | None = None,
    transactions: int = 1,
    fee: int | None = None,
    rent: int = 0,
    collateral: int | None = None,
    waits_for: str | None = None,
) -> StepData:
    """A step. ``fee`` is in lamports, by default that of ``transactions`` that only the wallet signs."""
    return StepData(
        kind=kind,
        title=title,
        subject=None if subject is None else str(subject),
        changes=changes,
        waits_for=waits_for,
        transactions=transactions,
        fee_lamports=transactions * costs.ONE if fee is None else fee,
        rent_lamports=rent,
        collateral=collateral,
    )


def _changed(values: Mapping[str, Value], *keys: str) -> tuple[ChangedValue, ...]:
    found = {key: values[key] for key in keys if key in values}
    return tuple(ChangedValue(key, value.now, value.wanted) for key, value in found.items() if value.differs)


def _creation(wanted: WantedRun, actual: ActualRun, values: Mapping[str, Value]) -> Iterator[StepData]:
    if actual.run is not None:
        return
    created = {"run_id": wanted.run_id}
    keys = [key for key in _AT_CREATION if not (actual.is_recreated and key.startswith("metadata."))]
    created |= {key: values[key].wanted for key in ("join.authority", *keys) if key in values}
    changes = tuple(ChangedValue(key, None, value) for key, value in created.items())
    rent = costs.creation_rent(actual, with_treasurer=wanted.treasurer is not None)
    kind: StepKind = "recreate" if actual.is_recreated else "create"
    yield step_of(kind, f"Create run {wanted.run_id}", changes, fee=costs.CREATION_FEE, rent=rent)


def _authorizations(actual: ActualRun, values: Mapping[str, Value]) -> Iterator[StepData]:
    for key, value in values.items():
        if not key.startswith(("join.everyone", "join.authorizations.")) or not value.differs:
            continue
        grantee = ANYONE if key == "join.everyone" else Pubkey.from_string(key.split(".")[2])
        who = "everyone" if grantee == ANYONE else str(grantee)
        changes = (ChangedValue(key, value.now, value.wanted),)
        existing = actual.authorizations.get(grantee)
        if key.endswith(".delegates"):
            target = [Pubkey.from_string(one) for one in value.wanted]
            # Only the grantee can do it; for any other wallet, this is an obstacle.
            count, rent = costs.delegation(actual, existing, target)
            title = f"Change the delegates of {who}"
            yield step_of("delegate", title, changes, subject=grantee, transactions=count, rent=rent)
        elif value.wanted:
            rent = 0 if existing else costs.authorization_rent(actual, grantee)
            yield step_of("authorize", f"Authorize {who} to join", changes, subject=grantee, rent=rent)
        else:
            title = f"Deactivate the join authorization for {who}"
            yield step_of("deauthorize", title, changes, subject=grantee)


def _top_up_step(actual: ActualRun, amount: int, held: int) -> StepData:
    changes = (ChangedValue("funding.vault", held, held + amount),)
    title = f"Transfer {format_amount(amount, actual.decimals)} of the collateral token to the vault"
    return step_of("top-up", title, changes, collateral=amount)


def _rates(values: Mapping[str, Value]) -> Iterator[StepData]:
    changes = _changed(values, "rewards.earning_rate", "rewards.slashing_rate")
    if changes:
        yield step_of("set-rates", "Set the rates of future epochs", changes)


class _Update(NamedTuple):
    """The values that an update changes, and what it sends."""

    changes: tuple[ChangedValue, ...]
    change: Change


def _update(wanted: WantedRun, actual: ActualRun, values: Mapping[str, Value]) -> _Update | None:
    account = actual.run.account if actual.run else None
    metadata = _changed(values, *(f"metadata.{key}" for key in wanted.metadata))
    tables: dict[str, Any] = {}
    if metadata:
        before = account.metadata if account else {"name": "", "description": "", "num_parameters": 0, "vocab_size": 0}
        tables["metadata"] = {**before, **wanted.metadata}
    found = list(metadata)
    model = wanted_model(wanted, actual)
    if wanted.config is not None and model is not None:
        unset = account is None or is_unset(account.config)
        for name, goal in (("config", wanted.config), ("model", model)):
            now = {} if unset or account is None else getattr(account, name)
            changed = differences(now, goal, name)
            found += [ChangedValue(one.key, one.before, one.after) for one in changed]
            if changed:
                tables[name] = goal
    version = _changed(values, "client_version")
    if not found and not version:
        return None
    change = Change(**tables, client_version=wanted.client_version if version else None)
    return _Update((*found, *version), change)


def _around(wanted: WantedRun, actual: ActualRun, update: _Update | None) -> Iterator[StepData]:
    """The update, after a pause if it needs one, and the change of the state."""
    state = actual.state
    needs_pause = update is not None and update.change.needs_halted_run
    runs = state in ("running", "pausing")
    if state == "running" and (needs_pause or wanted.state == "paused"):
        yield step_of("pause", "Pause the run", (ChangedValue("state", "running", "paused"),))
    if runs and (needs_pause or (state == "pausing" and wanted.state == "running")):
        yield step_of("wait", "Wait until the run is Paused", transactions=0, waits_for=PAUSE)
    if update is not None:
        with_treasurer = wanted.treasurer is not None if actual.run is None else actual.run.treasury is not None
        count = costs.update_transactions(update.change, actual, with_treasurer=with_treasurer)
        yield step_of("update", "Update the run", update.changes, transactions=count)
    is_new = state in ("absent", "unstarted")
    halted = "unstarted" if is_new else "paused" if runs else state
    if is_new and ((step := first_step(wanted, actual)) > 1 or actual.first_step_is_open):
        yield step_of("set-step", f"Set the first step of the run to {step}", (ChangedValue("start_step", None, step),))
        halted = "paused"
    if wanted.state == "running" and (not runs or needs_pause or state == "pausing"):
        title = "Start the run" if halted == "unstarted" else "Resume the run"
        yield step_of("resume", title, (ChangedValue("state", halted, "running"),))
