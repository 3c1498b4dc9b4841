"""Authorize one key, or everyone, to join the runs of a join authority."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.amounts import format_sol
from psyche_cli.errors import AlreadyExists, ProgramRefused
from psyche_cli.limits import NEW_AUTHORIZATION_BYTES
from psyche_cli.operations.authorizations.find import decoded_if_taken, named
from psyche_cli.operations.authorizations.payloads import JoinAuthorizationData
from psyche_cli.operations.effects.ledger import Effects, Ledger
from psyche_cli.operations.funds import Funds, accounts_and_funds, require_lamports
from psyche_cli.operations.sending import read_if_possible, send_creation
from psyche_cli.operations.signing import SigningSession
from psyche_cli.protocol.accounts.small_accounts import Authorization
from psyche_cli.protocol.addresses import ANYONE, JOIN_SCOPE, authorization_address, find_authorization
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rent import Rent


def create_join_authorization(
    session: SigningSession, grantee: Pubkey, run_id: str | None = None
) -> OperationResult[JoinAuthorizationData]:
    """Create and activate the wallet's join authorization for a grantee, in one transaction.

    Sends nothing if the authorization is already active. ``run_id`` is the run for the suggested next step, if known.
    Raises InsufficientFunds, and AlreadyExists if another process creates the authorization at the same time.
    """
    grantor = session.authority
    address = authorization_address(grantor, grantee, session.programs)
    [found], funds = accounts_and_funds(session, [address])
    existing = decoded_if_taken(session, found)
    try:
        transactions = _create_or_activate(session, grantee, address, found, funds)
    except (AlreadyExists, ProgramRefused) as error:
        # Another process may have activated it. A transaction that was sent and paid for is still reported as failed.
        latest = None if error.sent else read_if_possible(lambda: _find(session, address))
        if latest is None or not latest.active:
            raise
        existing, transactions = latest, ()
    return _result(session, grantee, address, existing, transactions, run_id)


def _find(session: SigningSession, address: Pubkey) -> Authorization | None:
    return decoded_if_taken(session, session.rpc.account(address))


def _create_or_activate(
    session: SigningSession, grantee: Pubkey, address: Pubkey, found: RawAccount | None, funds: Funds
) -> tuple[Receipt, ...]:
    existing = decoded_if_taken(session, found)
    instructions = plan(session.instructions, session.authority, grantee, address, existing)
    if not instructions:
        return ()
    label = "activate" if existing else "create and activate"
    rent = 0
    if existing is None:
        rent = max(funds.rent.exempt_minimum(NEW_AUTHORIZATION_BYTES) - (found.lamports if found else 0), 0)
    require_lamports(session, funds, instructions, rent=rent)

    def find_existing() -> AlreadyExists | None:
        if existing is not None or _find(session, address) is None:
            return None
        return AlreadyExists(
            f"The authorization {address} already exists: another process created it at the same time.",
            hint="Run the command again to activate the authorization if necessary.",
            address=str(address),
        )

    expected = effects_of(session, grantee, existing, funds.rent)
    receipt = send_creation(lambda: session.send(instructions, label=label, expected=expected), find_existing)
    return (receipt,)


def _result(
    session: SigningSession,
    grantee: Pubkey,
    address: Pubkey,
    existing: Authorization | None,
    transactions: tuple[Receipt, ...],
    run_id: str | None,
) -> OperationResult[JoinAuthorizationData]:
    grantor = session.authority
    lamports = existing.lamports if existing else read_if_possible(lambda: session.rpc.balance(address))
    done = "Activated the join authorization" if existing else "Created a join authorization"
    return OperationResult(
        summary=f"{done} for {named(grantee)}."
        if transactions
        else f"The join authorization for {named(grantee)} is already active.",
        data=JoinAuthorizationData(
            grantor=str(grantor),
            grantee=str(grantee),
            permissionless=grantee == ANYONE,
            address=str(address),
            active=True,
            created=existing is None,
            already_so=not transactions,
            lamports=0 if lamports is None else lamports,
        ),
        details=(
            ("grantor (join authority)", str(grantor)),
            ("grantee", str(grantee) + (" (everyone)" if grantee == ANYONE else "")),
            ("authorization", str(address)),
            ("active", "yes"),
            ("rent", "unknown" if lamports is None else f"{format_sol(lamports)} SOL"),
        ),
        transactions=transactions,
        next_steps=() if run_id is None else (session.given.command("create-run", run_id=run_id),),
    )


def effects_of(session: SigningSession, grantee: Pubkey, existing: Authorization | None, rent: Rent) -> Effects:
    """The effects: the authorization is created, unless it exists, and activated."""
    grantor, programs = session.authority, session.programs
    address, bump = find_authorization(grantor, grantee, programs)
    content = Authorization(address, 0, bump, grantor, grantee, JOIN_SCOPE, False, (), 0)

    def effects(ledger: Ledger) -> None:
        if existing is None:
            owner = programs.authorizer
            ledger.create(address, owner=owner, size=NEW_AUTHORIZATION_BYTES, rent=rent, content=content)
        set_active(ledger, address, active=True)

    return effects


def set_active(ledger: Ledger, address: Pubkey, *, active: bool) -> None:
    """Apply the grantor's change of an authorization to the ledger."""
    now = ledger.clock.unix_timestamp
    ledger.change(address, lambda found: found._replace(active=active, grantor_update_timestamp=now))


def plan(
    instructions: Instructions, grantor: Pubkey, grantee: Pubkey, address: Pubkey, existing: Authorization | None
) -> list[Instruction]:
    """The instructions that are still needed: create and activate, only activate, or none."""
    activate = instructions.authorization_grantor_update(grantor=grantor, authorization=address, active=True)
    if existing is None:
        create = instructions.authorization_create(payer=grantor, grantor=grantor, grantee=grantee, scope=JOIN_SCOPE)
        return [create, activate]
    return [] if existing.active else [activate]
