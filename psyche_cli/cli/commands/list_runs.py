"""``psyche-cli list-runs``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from psyche_cli.cli.lifecycle_options import run_state_names
from psyche_cli.cli.options import option, wallet_option
from psyche_cli.cli.sessions import Call, Reading, reads
from psyche_cli.errors import UsageError

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

    from psyche_cli.environment import Environment
    from psyche_cli.protocol.run_states import RunState


@reads(example="psyche-cli list-runs --joinable", env_file=True)
def command(
    call: Call,
    *,
    state: Annotated[
        str | None,
        option(
            "--state",
            metavar="STATE",
            help="Only runs in this state, such as Paused or WaitingForMembers.",
            values=run_state_names,
        ),
    ] = None,
    mine: Annotated[bool, option("--mine", help="Only runs whose main authority is the wallet.")] = False,
    joinable: Annotated[
        bool,
        option(
            "--joinable", help="Only runs that are not halted and that the wallet may join, itself or as a delegate."
        ),
    ] = False,
    authorizer: Annotated[
        str | None,
        option("--authorizer", variable=False, metavar="PUBKEY", help="Only runs with this join authority."),
    ] = None,
    address: Annotated[
        str | None,
        option(
            "--address",
            variable=False,
            metavar="PUBKEY",
            help="Use this key instead of the wallet's for --mine and --joinable.",
        ),
    ] = None,
    coordinator_program_id: Annotated[
        str | None,
        option(
            "--coordinator-program-id",
            metavar="PUBKEY",
            help="List the runs of another deployment of the coordinator program.",
        ),
    ] = None,
    wallet: Annotated[Path | None, wallet_option("whose public key --mine and --joinable use")] = None,
) -> Reading:
    """List the runs on the cluster.

    Reads only the first kilobyte of each run's account. Only --mine and --joinable need a wallet, and only its public
    key. To check one run in detail, use can-join.
    """
    from psyche_cli.operations.observe.list_runs import RunFilter, list_runs
    from psyche_cli.protocol.addresses import parse_pubkey

    key = _key(call.environment, address, wallet) if mine or joinable else None
    only = RunFilter(
        state=None if state is None else _state(state),
        mine=key if mine else None,
        joinable_by=key if joinable else None,
        join_authority=None if authorizer is None else parse_pubkey(authorizer, "--authorizer"),
    )
    program = None
    if coordinator_program_id is not None:
        program = parse_pubkey(coordinator_program_id, "--coordinator-program-id")
    return lambda session: list_runs(session, only, coordinator_program=program)


def _key(environment: Environment, address: str | None, wallet: Path | None) -> Pubkey:
    from psyche_cli.protocol.addresses import parse_pubkey
    from psyche_cli.solana.wallet import load_wallet

    if address is not None:
        return parse_pubkey(address, "--address")
    return load_wallet(environment, wallet, environment.diagnostics.line).address


def _state(text: str) -> RunState:
    from psyche_cli.protocol.run_states import RunState

    meant = text.replace(" ", "").replace("-", "").replace("_", "").lower()
    for state in RunState:
        if meant in (state.variant.lower(), state.text.replace(" ", "").lower()):
            return state
    names = ", ".join(state.variant for state in RunState)
    raise UsageError(f"Unknown run state {text!r} for --state.", hint=f"The run states are {names}.")
