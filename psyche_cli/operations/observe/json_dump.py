"""Read a run or a member and dump its state as JSON, in the format of the published client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psyche_cli.errors import AccountError
from psyche_cli.operations.observe.dump_shapes import run_dump, user_dump
from psyche_cli.operations.runs.find import find_run, token_amount
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.accounts.small_accounts import decode_participant
from psyche_cli.protocol.addresses import associated_token_address, parse_pubkey, participant_address
from psyche_cli.results import Document
from psyche_cli.solana.raw_account import RawAccount

if TYPE_CHECKING:
    from psyche_cli.operations.observe.payloads import RunDump, UserDump


def dump_run(session: Session, *, run_id: str, treasurer_index: int | None = None) -> Document[RunDump]:
    """The full state of a run, read in two round trips."""
    run = find_run(session, run_id, treasurer_index)
    treasury = run.treasury
    if treasury is None:
        return Document(run_dump(run.instance, run.account))
    return Document(run_dump(run.instance, run.account, treasury.run, treasury.mint, treasury.vault_amount))


def dump_user(session: Session, *, run_id: str, address: str, treasurer_index: int | None = None) -> Document[UserDump]:
    """The full state of one wallet in a run, read in three round trips."""
    user = parse_pubkey(address, "--address")
    run = find_run(session, run_id, treasurer_index)
    treasury = run.treasury
    if treasury is None:
        [wallet] = session.rpc.accounts([user])
        return Document(user_dump(user, _lamports(wallet), run.account))
    participant = participant_address(treasury.run.address, user, session.programs)
    tokens = associated_token_address(user, treasury.mint.address)
    wallet, raw_participant, raw_tokens = session.rpc.accounts([user, participant, tokens])
    return Document(
        user_dump(
            user,
            _lamports(wallet),
            run.account,
            mint=treasury.mint,
            participant=decode_participant(raw_participant, session.programs) if raw_participant else None,
            collateral_amount=_readable_amount(raw_tokens),
        )
    )


def _lamports(raw: RawAccount | None) -> int:
    return raw.lamports if raw else 0


def _readable_amount(raw: RawAccount | None) -> int:
    """The balance of a token account in base units; 0 if it cannot be decoded, as in the published client."""
    try:
        return token_amount(raw)
    except AccountError:
        return 0
