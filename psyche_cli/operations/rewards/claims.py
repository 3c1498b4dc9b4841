"""The unclaimed rewards of a run's members, and how much of them the vault can pay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from solders.pubkey import Pubkey

from psyche_cli.operations.runs.find import Run
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.accounts.small_accounts import decode_participant
from psyche_cli.protocol.addresses import participant_address
from psyche_cli.solana.raw_account import RawAccount, taken


@dataclass(frozen=True)
class Claim:
    """The rewards of one wallet in points, each of which is worth one base unit of the collateral.

    ``joined`` is False for a wallet that never joined the run. ``has_participant`` is whether its participant account,
    which records claims, exists.
    """

    wallet: Pubkey
    joined: bool
    earned: int
    slashed: int
    claimed: int
    has_participant: bool

    @property
    def claimable(self) -> int:
        """The points that the wallet can claim if the vault can pay them."""
        return max(self.earned - self.claimed, 0)


def claims_of(
    session: Session, run: Run, wallets: Sequence[Pubkey], participants: Sequence[RawAccount | None]
) -> list[Claim]:
    """The rewards of each wallet, from the run and the wallet's participant account. Raises AccountError."""
    members = {client.id.signer: client for client in run.account.clients}
    claims = []
    for wallet, raw in zip(wallets, participants, strict=True):
        found = taken(raw)
        record = None if found is None else decode_participant(found, session.programs)
        member = members.get(bytes(wallet))
        claims.append(
            Claim(
                wallet=wallet,
                joined=member is not None,
                earned=member.earned if member else 0,
                slashed=member.slashed if member else 0,
                claimed=record.claimed_earned_points if record else 0,
                has_participant=record is not None,
            )
        )
    return claims


def claims_of_members(session: Session, run: Run) -> list[Claim]:
    """The rewards of every wallet that ever joined, in the order of first joining.

    With a treasurer, takes one round trip per 100 members; without one, nothing was claimed, and nothing is read.
    Raises AccountError.
    """
    wallets = [client.id.wallet for client in run.account.clients]
    if run.treasury is None:
        return claims_of(session, run, wallets, [None] * len(wallets))
    treasurer = run.treasury.run.address
    addresses = [participant_address(treasurer, wallet, session.programs) for wallet in wallets]
    return claims_of(session, run, wallets, session.rpc.accounts(addresses))


def missing_in_order(claimable: Iterable[int], held: int) -> list[int]:
    """The shortfall of a vault with the balance ``held`` for each claim, if they are paid in this order.

    All amounts are in base units; the sum of the result is the total shortfall.
    """
    missing = []
    for amount in claimable:
        paid = min(amount, held)
        held -= paid
        missing.append(amount - paid)
    return missing
