"""What earlier commands left behind in the journal, settled before anything else is read or sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone

from psyche_cli.receipts import Receipt
from psyche_cli.solana.sending.journal import JournalEntry, RecordState
from psyche_cli.solana.sending.recording import Recorder
from psyche_cli.solana.sending.sender import Sender
from psyche_cli.suggestions import GivenOptions


def settle_left_behind(
    sender: Sender, recorder: Recorder, given: GivenOptions, *, warn: Callable[[str], None]
) -> tuple[Receipt, ...]:
    """Settle what an interrupted attempt of the same request left unsettled; the receipts of what has landed.

    An attempt that created accounts for the run counts as the same, whatever its options. For other unsettled
    transactions of this wallet for the same run there is a warning. ``warn`` receives the lines. Raises
    TransactionUnknown if the outcome cannot be determined, in which case nothing may be sent, and JournalError.
    """
    entries = _left_behind(sender, recorder)
    same = [entry for entry in entries if recorder.is_same(entry)]
    _warn([entry for entry in entries if entry not in same and recorder.concerns_run(entry)], given, warn)
    receipts = [_settle(sender, recorder, entry, warn) for entry in same]
    return tuple(receipt for receipt in receipts if receipt is not None)


def warn_of_left_behind(
    sender: Sender, recorder: Recorder, given: GivenOptions, *, warn: Callable[[str], None]
) -> None:
    """Like ``settle_left_behind`` for a command that sends nothing: there is only a warning. Raises JournalError."""
    entries = _left_behind(sender, recorder)
    _warn([entry for entry in entries if recorder.is_same(entry) or recorder.concerns_run(entry)], given, warn)


def _left_behind(sender: Sender, recorder: Recorder) -> list[JournalEntry]:
    entries = recorder.left_behind()
    genesis = str(sender.identify_cluster()) if entries else ""
    return [entry for entry in entries if entry.genesis_hash == genesis]


def _warn(entries: Sequence[JournalEntry], given: GivenOptions, warn: Callable[[str], None]) -> None:
    if entries:
        listed = ", ".join(f"{entry.label} ({entry.signature})" for entry in entries)
        warn(f"Warning: The outcome of earlier transactions for this run is unknown: {listed}.")
        warn(f"Hint: To settle them: {given.command('tx resume')}")


def _settle(sender: Sender, recorder: Recorder, entry: JournalEntry, warn: Callable[[str], None]) -> Receipt | None:
    warn(f"An earlier attempt of {when(entry.recorded_at)} is unsettled: {entry.label}, {entry.signature}.")
    settlement = sender.settle(entry)
    if settlement.state is RecordState.LANDED and settlement.slot is not None:
        warn(f"The earlier attempt landed in slot {settlement.slot}.")
        recorder.settle_after_output(entry.signature, settlement.slot)
        return settlement.receipt
    outcome = "failed on-chain" if settlement.state is RecordState.FAILED else "expired without landing"
    warn(f"The earlier attempt {outcome}.")
    recorder.settle(entry.signature, settlement.state, slot=settlement.slot, error=settlement.error)
    return None


def when(seconds: int) -> str:
    """A time in seconds since 1970 as text, in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
