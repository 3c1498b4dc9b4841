"""Deactivate a join authorization as its grantor, and close its account."""

from __future__ import annotations

from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.amounts import format_sol
from psyche_cli.errors import AccountNotFound, Refused
from psyche_cli.operations.authorizations.create import set_active
from psyche_cli.operations.authorizations.find import (
    authorization_data,
    authorization_details,
    named,
    require_authorization,
    time_text,
)
from psyche_cli.operations.authorizations.payloads import ClosedAuthorizationData, DeactivatedData
from psyche_cli.operations.closures import CLOSE, find_closure
from psyche_cli.operations.funds import accounts_and_funds, require_lamports
from psyche_cli.operations.sending import read_if_possible
from psyche_cli.operations.signing import SigningSession
from psyche_cli.protocol.accounts.small_accounts import Authorization
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.solana.cluster_clock import ClusterClock, decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR

DELEGATES_KEEP_SECONDS: Final = 30 * 24 * 60 * 60
"""Time after the grantor's last change until an authorization with delegates can be closed: 30 days."""


def deactivate_join_authorization(session: SigningSession, grantee: Pubkey) -> OperationResult[DeactivatedData]:
    """Deactivate the wallet's authorization for a grantee. The account remains, with its rent and delegates.

    Sends nothing if it is already inactive or was closed. Raises AccountNotFound, AccountError, InsufficientFunds.
    """
    grantor = session.authority
    address = authorization_address(grantor, grantee, session.programs)
    [found], funds = accounts_and_funds(session, [address])
    try:
        before = require_authorization(session, found, grantor=grantor, grantee=grantee)
    except AccountNotFound:
        closure = find_closure(session, address)
        if closure is None:
            raise
        return OperationResult(
            summary=f"The join authorization for {named(grantee)} is already closed.",
            data=DeactivatedData(already_so=True, authorization=None, closing_transaction=closure.signature),
            details=(("authorization", str(address)), ("closed by", closure.signature)),
        )
    if not before.active:
        return _deactivated(session, before)
    instruction = session.instructions.authorization_grantor_update(
        grantor=grantor, authorization=address, active=False
    )
    require_lamports(session, funds, [instruction])
    receipt = session.send(
        [instruction], label="deactivate", expected=lambda ledger: set_active(ledger, address, active=False)
    )
    latest = read_if_possible(lambda: session.rpc.account(address))
    after = before if latest is None else require_authorization(session, latest, grantor=grantor, grantee=grantee)
    return _deactivated(session, after, receipt)


def close_join_authorization(session: SigningSession, grantee: Pubkey) -> OperationResult[ClosedAuthorizationData]:
    """Close the wallet's inactive authorization for a grantee and transfer its lamports to the wallet.

    Sends nothing if it is already closed. Raises AccountNotFound, AccountError, InsufficientFunds, and Refused for an
    authorization that is active, or that has delegates and was last changed by its grantor less than 30 days ago.
    """
    grantor = session.authority
    address = authorization_address(grantor, grantee, session.programs)
    [found, clock], funds = accounts_and_funds(session, [address, CLOCK_SYSVAR])
    try:
        authorization = require_authorization(session, found, grantor=grantor, grantee=grantee)
    except AccountNotFound:
        closure = find_closure(session, address)
        if closure is None:
            raise
        return _closed(grantor, grantee, address, None, closure.signature)
    check_closing(session, authorization, decode_clock(clock))
    instruction = session.instructions.authorization_close(grantor=grantor, spill=grantor, authorization=address)
    require_lamports(session, funds, [instruction])
    receipt = session.send([instruction], label=CLOSE, expected=lambda ledger: ledger.close(address, grantor))
    return _closed(grantor, grantee, address, authorization.lamports, receipt.signature, receipt)


def _closed(
    grantor: Pubkey, grantee: Pubkey, address: Pubkey, recovered: int | None, signature: str, *transactions: Receipt
) -> OperationResult[ClosedAuthorizationData]:
    """The result of closing; ``recovered`` is None if the transaction ``signature`` had already closed it."""
    who = f"the join authorization for {named(grantee)}"
    return OperationResult(
        summary=f"T{who[1:]} is already closed."
        if recovered is None
        else f"Closed {who}; recovered {format_sol(recovered)} SOL of rent.",
        data=ClosedAuthorizationData(
            already_so=recovered is None,
            closing_transaction=signature,
            grantor=str(grantor),
            grantee=str(grantee),
            address=str(address),
            recovered_lamports=recovered or 0,
            recovered_by=None if recovered is None else str(grantor),
        ),
        details=(
            ("authorization", str(address)),
            ("closed by", signature) if recovered is None else ("rent recovered by", str(grantor)),
        ),
        transactions=transactions,
    )


def check_closing(session: SigningSession, authorization: Authorization, clock: ClusterClock) -> None:
    """Raise Refused if the program would refuse to close the account."""
    if authorization.active:
        raise Refused(
            f"The join authorization for {named(authorization.grantee)} is active; only an inactive one can be closed.",
            hint=f"Deactivate it first: {_command(session, 'join-authorization-delete', authorization.grantee)}",
        )
    possible = authorization.grantor_update_timestamp + DELEGATES_KEEP_SECONDS
    if authorization.delegates and clock.unix_timestamp < possible:
        raise Refused(
            f"The join authorization for {named(authorization.grantee)} has delegates, so it cannot be closed until 30 "
            f"days after its last change, at {time_text(possible)}.",
            hint="If the grantee removes the delegates, it can be closed immediately.",
        )


def _deactivated(
    session: SigningSession, authorization: Authorization, *transactions: Receipt
) -> OperationResult[DeactivatedData]:
    who = named(authorization.grantee)
    return OperationResult(
        summary=f"Deactivated the join authorization for {who}. It can no longer be used to join."
        if transactions
        else f"The join authorization for {who} is already inactive.",
        data=DeactivatedData(
            already_so=not transactions, authorization=authorization_data(authorization), closing_transaction=None
        ),
        details=authorization_details(authorization),
        transactions=transactions,
        next_steps=()
        if authorization.delegates
        else (_command(session, "join-authorization-close", authorization.grantee),),
    )


def _command(session: SigningSession, verb: str, grantee: Pubkey) -> str:
    words = ("--permissionless",) if grantee == ANYONE else ("--authorizer", str(grantee))
    return session.given.command(verb, *words)
