"""Let somebody, or everybody, join the runs of a join authority."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.amounts import format_sol
from psyche_cli.errors import UsageError
from psyche_cli.operations.receipts import look_after, record
from psyche_cli.protocol.accounts import Authorization, decode_authorization
from psyche_cli.protocol.addresses import ANYONE, JOIN_SCOPE, authorization_address, parse_pubkey
from psyche_cli.protocol.instructions import Instructions
from psyche_cli.results import OperationResult, TransactionRecord
from psyche_cli.session import SigningSession


def choose_grantee(authorizer: str | None, *, permissionless: bool) -> Pubkey:
    """Who is meant: one public key, or everybody. Raises UsageError unless exactly one of the two is said."""
    if permissionless == (authorizer is not None):
        raise UsageError(
            "Say either --authorizer PUBKEY or --permissionless.",
            hint="--permissionless lets everybody join; --authorizer only that key and the delegates that it names.",
        )
    return ANYONE if authorizer is None else parse_pubkey(authorizer, "--authorizer")


def create_join_authorization(session: SigningSession, grantee: Pubkey) -> OperationResult:
    """Bring the wallet's join authorization for a grantee into being, and make it active.

    Creation and activation share a transaction. An authorization that is active already is left alone.
    """
    grantor = session.wallet.address
    address = authorization_address(grantor, grantee, session.programs)
    raw = session.rpc.account(address)
    existing = None if raw is None else decode_authorization(raw, session.programs)
    instructions = plan(session.instructions, grantor, grantee, address, existing)
    transactions: tuple[TransactionRecord, ...] = ()
    if instructions:
        label = "activate" if existing else "create and activate"
        transactions = (record(label, session.sender.send(instructions, session.wallet, label=label)),)
    lamports = look_after(lambda: session.rpc.balance(address)) or 0
    who = "everybody" if grantee == ANYONE else str(grantee)
    done = "Activated the authorization" if existing else "Created an authorization"
    return OperationResult(
        summary=f"{done} of {who} to join." if instructions else f"The authorization of {who} is active already.",
        data={
            "grantor": str(grantor),
            "grantee": str(grantee),
            "permissionless": grantee == ANYONE,
            "address": str(address),
            "active": True,
            "created": existing is None,
            "lamports": lamports,
        },
        details=(
            ("grantor (join authority)", str(grantor)),
            ("grantee", str(grantee) + (" (everybody)" if grantee == ANYONE else "")),
            ("authorization", str(address)),
            ("active", "yes"),
            ("rent", f"{format_sol(lamports)} SOL"),
        ),
        transactions=transactions,
        next_steps=(f"psyche-cli create-run --run-id RUN_ID --join-authority {grantor}",),
    )


def plan(
    instructions: Instructions, grantor: Pubkey, grantee: Pubkey, address: Pubkey, existing: Authorization | None
) -> list[Instruction]:
    """The instructions still needed, from what exists: create and activate, only activate, or none."""
    activate = instructions.authorization_grantor_update(grantor=grantor, authorization=address, active=True)
    if existing is None:
        create = instructions.authorization_create(payer=grantor, grantor=grantor, grantee=grantee, scope=JOIN_SCOPE)
        return [create, activate]
    return [] if existing.active else [activate]
