"""Finding, creating and administering runs. An operation that would change nothing sends no transaction.

Every function may raise NetworkError. Functions that write may also raise TransactionExpired, TransactionUnknown,
ProgramRefused, InsufficientFunds and Interrupted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psyche_cli.api.sessions import Session, SigningSession
from psyche_cli.operations.config import update_config as configuring
from psyche_cli.operations.config.payloads import UpdateConfigData
from psyche_cli.operations.observe import json_dump
from psyche_cli.operations.observe.payloads import RunDump, UserDump
from psyche_cli.operations.rewards import set_future_epoch_rates as rates
from psyche_cli.operations.rewards import treasurer_top_up_rewards as funding
from psyche_cli.operations.rewards.payloads import RatesData, TopUpData
from psyche_cli.operations.runs import create_run as creating
from psyche_cli.operations.runs import find
from psyche_cli.operations.runs import set_paused as pausing
from psyche_cli.operations.runs.payloads import CreateRunData, SetPausedData
from psyche_cli.operations.status import explain as explaining
from psyche_cli.operations.status import members as listing
from psyche_cli.operations.status import show
from psyche_cli.operations.status.diagnosis.payloads import DiagnosisData
from psyche_cli.operations.status.member_payloads import MemberListData
from psyche_cli.operations.status.show_payloads import ShowData
from psyche_cli.results import OperationResult
from psyche_cli.run_config.load import load_run_config


def find_run(session: Session, run_id: str, *, treasurer_index: int | None = None) -> find.Run:
    """Read the current state of a run: instance, coordinator account, and treasury if it has one. Two round trips.

    ``treasurer_index`` (u64) is required for a run that was created with a custom index.
    Raises InvalidRunId, RunNotFound, AccountNotFound, AccountError, UsageError if the index is not the run's.
    """
    with session.reading() as operation:
        return find.find_run(operation, run_id, treasurer_index)


def create_run(
    session: SigningSession,
    *,
    run_id: str,
    client_version: str = "latest",
    join_authority: str | None = None,
    collateral_mint: str | None = None,
    treasurer_index: int | None = None,
    name: str | None = None,
    description: str | None = None,
) -> OperationResult[CreateRunData]:
    """Create a run whose main authority is the wallet, in one transaction.

    ``join_authority`` (base58) authorizes members to join and defaults to the wallet. ``collateral_mint`` (base58)
    creates the run with a treasurer. Raises InvalidRunId, InvalidPublicKey, UsageError, ConfigurationError,
    AlreadyExists, AccountNotFound, AccountError.
    """
    request = creating.RunRequest(
        run_id=run_id,
        client_version=client_version,
        join_authority=join_authority,
        collateral_mint=collateral_mint,
        treasurer_index=treasurer_index,
        name=name,
        description=description,
    )
    with session.writing("create-run", **vars(request)) as operation:
        return creating.create_run(operation, request)


def update_config(
    session: SigningSession,
    *,
    run_id: str,
    config_path: Path | None = None,
    restart_from_step: int | None = None,
    switch_to_hub: bool = False,
    name: str | None = None,
    description: str | None = None,
    num_parameters: int | None = None,
    vocab_size: int | None = None,
    client_version: str | None = None,
    treasurer_index: int | None = None,
) -> OperationResult[UpdateConfigData]:
    """Configure a run from a TOML file, individual values, or both. None leaves a value unchanged.

    Raises NothingToDo, ConfigurationError, RunNotFound, NotAuthority, WrongRunState.
    """
    values: dict[str, Any] = {
        "restart_from_step": restart_from_step,
        "switch_to_hub": switch_to_hub,
        "name": name,
        "description": description,
        "num_parameters": num_parameters,
        "vocab_size": vocab_size,
        "client_version": client_version,
    }
    file = load_run_config(config_path) if config_path else None
    changes = configuring.ConfigChanges.gather(file=file, **values)
    options = {**values, "config_path": config_path, "treasurer_index": treasurer_index}
    with session.writing("update-config", run_id=run_id, **options) as operation:
        return configuring.update_config(operation, run_id=run_id, changes=changes, treasurer_index=treasurer_index)


def pause_run(
    session: SigningSession, *, run_id: str, treasurer_index: int | None = None
) -> OperationResult[SetPausedData]:
    """Pause a run; one in training pauses at the end of its epoch. Raises RunNotFound, NotAuthority, WrongRunState."""
    options = {"paused": True, "treasurer_index": treasurer_index}
    with session.writing("set-paused", run_id=run_id, **options) as operation:
        return pausing.set_paused(operation, run_id=run_id, paused=True, treasurer_index=treasurer_index)


def resume_run(
    session: SigningSession, *, run_id: str, treasurer_index: int | None = None
) -> OperationResult[SetPausedData]:
    """Start a run, or resume it. Raises RunNotFound, NotAuthority, WrongRunState, ConfigurationError."""
    options = {"paused": False, "treasurer_index": treasurer_index}
    with session.writing("set-paused", run_id=run_id, **options) as operation:
        return pausing.set_paused(operation, run_id=run_id, paused=False, treasurer_index=treasurer_index)


def set_future_epoch_rates(
    session: SigningSession,
    *,
    run_id: str,
    earning_rate: str | None = None,
    slashing_rate: str | None = None,
    treasurer_index: int | None = None,
) -> OperationResult[RatesData]:
    """Set the earning rate (shared by all members of an epoch) and the slashing rate (per ejected member).

    Both are exact decimals per epoch: whole collateral tokens for a run with a treasurer, else points. They take effect
    when the run next enters Warmup. None leaves a rate unchanged. Raises InvalidAmount, RunNotFound, NotAuthority.
    """
    options = {"earning_rate": earning_rate, "slashing_rate": slashing_rate, "treasurer_index": treasurer_index}
    with session.writing("set-future-epoch-rates", run_id=run_id, **options) as operation:
        return rates.set_future_epoch_rates(
            operation,
            run_id=run_id,
            earning_rate=earning_rate,
            slashing_rate=slashing_rate,
            treasurer_index=treasurer_index,
        )


def top_up_rewards(
    session: SigningSession, *, run_id: str, amount: str, treasurer_index: int | None = None
) -> OperationResult[TopUpData]:
    """Transfer ``amount`` (whole tokens, exact decimal) of the collateral from the wallet to the run's vault.

    Each call transfers again, except for one that repeats an interrupted call in a session with a journal. Raises
    InvalidAmount, RunNotFound, AccountNotFound, and Refused for a run without a treasurer.
    """
    options = {"amount": amount, "treasurer_index": treasurer_index}
    with session.writing("treasurer-top-up-rewards", run_id=run_id, **options) as operation:
        return funding.top_up_rewards(
            operation, run_id=run_id, collateral_amount=amount, treasurer_index=treasurer_index
        )


def dump_run(session: Session, *, run_id: str, treasurer_index: int | None = None) -> RunDump:
    """The full state of a run, in the format of ``psyche-cli json-dump-run``. Raises the errors of ``find_run``."""
    with session.reading() as operation:
        return json_dump.dump_run(operation, run_id=run_id, treasurer_index=treasurer_index).value


def show_run(session: Session, *, run_id: str, treasurer_index: int | None = None) -> ShowData:
    """A run at one moment, as in ``psyche-cli show``: its state, what ends it, its progress, its members and its money.

    Raises the errors of ``find_run``.
    """
    with session.reading() as operation:
        return show.show(operation, run_id=run_id, treasurer_index=treasurer_index).data


def explain_run(session: Session, *, run_id: str, treasurer_index: int | None = None) -> DiagnosisData:
    """Diagnose a run: what is wrong with it, the evidence for it, and what to do. Two or three round trips.

    Raises the errors of ``find_run``.
    """
    with session.reading() as operation:
        return explaining.explain_run(operation, run_id=run_id, treasurer_index=treasurer_index).data


def list_members(session: Session, *, run_id: str, treasurer_index: int | None = None) -> MemberListData:
    """The members of a run, in the order of first joining. Two round trips; with a treasurer, one more per 100 members.

    Raises the errors of ``find_run``.
    """
    with session.reading() as operation:
        return listing.list_members(operation, run_id=run_id, treasurer_index=treasurer_index).data


def dump_user(session: Session, *, run_id: str, address: str, treasurer_index: int | None = None) -> UserDump:
    """The full state of one wallet in a run, in the format of ``psyche-cli json-dump-user``.

    Raises InvalidPublicKey and the errors of ``find_run``.
    """
    with session.reading() as operation:
        found = json_dump.dump_user(operation, run_id=run_id, address=address, treasurer_index=treasurer_index)
        return found.value
