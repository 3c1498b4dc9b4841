"""Whether a key can join a run now, and if not, why."""

from __future__ import annotations

from collections.abc import Sequence

from solders.pubkey import Pubkey

from psyche_cli.errors import AccountError, ExitCode
from psyche_cli.limits import MAX_CLIENTS
from psyche_cli.operations.authorizations.find import decoded_if_taken, named
from psyche_cli.operations.observe.run_payloads import CanJoinData, Obstacle
from psyche_cli.operations.runs.find import Run, locate_run
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.tones import shown_state
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.accounts.small_accounts import Authorization
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import OperationResult, Toned


def can_join(
    session: Session, *, run_id: str, address: Pubkey, authorizer: Pubkey | None = None
) -> OperationResult[CanJoinData]:
    """Whether ``address`` can join the run now. If it cannot, the exit code of the result is NO.

    Checks the authorizations for everyone, for the address and for ``authorizer``, whose delegates may include the
    address. Takes two round trips. Raises RunNotFound, AccountNotFound, AccountError.
    """
    located = locate_run(session, run_id)
    grantor = located.instance.join_authority
    grantees = list(dict.fromkeys([*([] if authorizer is None else [authorizer]), ANYONE, address]))
    addresses = [authorization_address(grantor, grantee, session.programs) for grantee in grantees]
    first = len(located.addresses)
    found = session.rpc.accounts([*located.addresses, *addresses])
    run = located.read(found[:first])
    authorizations = []
    for raw in found[first:]:
        try:
            authorizations.append(decoded_if_taken(session, raw))
        except AccountError:
            authorizations.append(None)  # the program does not accept it either
    valid = next((one for one in authorizations if one and one.is_valid_for(grantor, address)), None)
    obstacles = [
        *([] if valid else [_unauthorized(address, grantees, authorizations)]),
        *obstacles_of(run.account, address),
    ]
    return _result(run, address, valid, obstacles)


def obstacles_of(account: CoordinatorAccount, address: Pubkey) -> list[Obstacle]:
    """Everything that prevents joining, other than the lack of an authorization."""
    state = account.run_state
    found = []
    if state.is_halted:
        found.append(
            Obstacle(
                reason="halted",
                message=f"The run is {state.text}: "
                + (
                    "no one can join it anymore."
                    if state == RunState.FINISHED
                    else "joining takes effect once it is running."
                ),
            )
        )
    wallet = bytes(address)
    # While a run waits for members, the list of the epoch's clients is that of the last epoch.
    in_epoch = state == RunState.WARMUP or state.is_active
    if in_epoch and any(client.id.signer == wallet for client in account.epoch_clients):
        found.append(Obstacle(reason="in_epoch", message="The key is already a client of the current epoch."))
    if any(client.id.signer == wallet for client in account.clients):
        return found
    count, most = len(account.clients), account.config["global_batch_size_end"]
    if count >= MAX_CLIENTS:
        found.append(Obstacle(reason="full", message=f"{count} keys have joined this run, the maximum for any run."))
    elif count == most:
        found.append(
            Obstacle(
                reason="more_clients_than_batches",
                message=f"The run's batch size (global_batch_size_end) allows {most} keys, and {count} have joined.",
            )
        )
    return found


def _unauthorized(
    address: Pubkey, grantees: Sequence[Pubkey], authorizations: Sequence[Authorization | None]
) -> Obstacle:
    """Why none of the authorizations is valid for the address."""
    parts = []
    for grantee, authorization in zip(grantees, authorizations, strict=True):
        if authorization is None:
            parts.append(f"{named(grantee)} is not authorized")
        elif not authorization.active:
            parts.append(f"the authorization for {named(grantee)} is inactive")
        else:
            parts.append(f"the authorization for {named(grantee)} does not include {address} as a delegate")
    return Obstacle(reason="not_authorized", message=f"{'; '.join(parts)}."[:1].upper() + f"{'; '.join(parts)}."[1:])


def _result(
    run: Run, address: Pubkey, valid: Authorization | None, obstacles: Sequence[Obstacle]
) -> OperationResult[CanJoinData]:
    state = run.account.run_state
    now = state == RunState.WAITING_FOR_MEMBERS
    takes_part = "in the epoch that is about to begin" if now else "from the next epoch on"
    return OperationResult(
        summary=f"{address} cannot join run {run.run_id} now."
        if obstacles
        else f"{address} can join run {run.run_id}, {takes_part}.",
        data=CanJoinData(
            run_id=run.run_id,
            address=str(address),
            can_join=not obstacles,
            reasons=list(obstacles),
            state=state.text,
            join_authority=str(run.instance.join_authority),
            authorization=str(valid.address) if valid else None,
            grantee=str(valid.grantee) if valid else None,
        ),
        details=(
            *(("reason", Toned(obstacle.message, "bad")) for obstacle in obstacles),
            ("state", shown_state(state)),
            ("join authority", str(run.instance.join_authority)),
            *((("authorization", f"{valid.address} (for {named(valid.grantee)})"),) if valid else ()),
        ),
        exit_code=ExitCode.NO if obstacles else ExitCode.OK,
    )
