"""Transfers to the vault beside those of an apply, as far as the journal of this computer records them."""

from __future__ import annotations

from typing import Final

from psyche_cli.errors import Refused
from psyche_cli.operations.rewards.treasurer_top_up_rewards import TOP_UP
from psyche_cli.operations.signing import SigningSession
from psyche_cli.solana.sending.journal import JournalEntry, RecordState
from psyche_cli.solana.sending.recording import Recorder

LAG_SECONDS: Final = 120
"""How long a node may lag: the run is read at a slot at least that of a transfer which landed within this time."""


def see_recent_transfers(session: SigningSession) -> None:
    """Read nothing from a node that has not seen the transfers which this wallet made lately."""
    recorder = session.recorder
    since = session.clock.unix_time() - LAG_SECONDS
    recent = [] if recorder is None else [one for one in recorder.landed(TOP_UP) if one.recorded_at >= since]
    if recent:
        genesis = str(session.sender.identify_cluster())
        for entry in recent:
            if entry.genesis_hash == genesis and entry.slot is not None:
                session.rpc.require_slot(entry.slot)


class OtherTransfers:
    """Transfers that another command has left unsettled, or is making.

    Until their outcome is known, the vault may still receive them, and one more could exceed the limits of the file.
    """

    def __init__(self, session: SigningSession) -> None:
        self._session = session
        # Those of an earlier attempt are settled, but not yet recorded as such.
        self._known = {receipt.signature for receipt in session.settled}

    def settle(self) -> bool:
        """Determine their outcomes; whether any has landed since the last call.

        A landed one is not recorded as such, so that the command which made it finds it when it is repeated. Raises
        TransactionUnknown if an outcome cannot be determined, Refused if another process is waiting for one.
        """
        recorder = self._session.recorder
        if recorder is None:
            return False
        entries = recorder.unsettled(TOP_UP)
        landed = [self._has_landed(recorder, one) for one in entries if one.signature not in self._known]
        return any(landed)

    def _has_landed(self, recorder: Recorder, entry: JournalEntry) -> bool:
        session = self._session
        if entry.genesis_hash != str(session.sender.identify_cluster()):
            return False
        how = session.given.command("tx resume", entry.signature)
        if all(entry.signature != other.signature for other in recorder.left_behind()):
            raise Refused(
                f"Another process is making a transfer to the vault, whose outcome is not known yet: "
                f"{entry.signature}.",
                hint=f"Apply again once it has ended, or determine the outcome: {how}",
            )
        session.notify(f"The outcome of an earlier transfer to the vault is not known yet: {entry.signature}.")
        settlement = session.sender.settle(entry)
        self._known.add(entry.signature)
        if settlement.state is RecordState.LANDED and settlement.slot is not None:
            session.notify(f"It landed in slot {settlement.slot}.")
            session.rpc.require_slot(settlement.slot)
            return True
        recorder.settle(entry.signature, settlement.state, slot=settlement.slot, error=settlement.error)
        return False
