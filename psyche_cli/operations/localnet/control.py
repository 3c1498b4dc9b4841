"""Operations that control a running local validator through its additional RPC methods."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from psyche_cli.durations import parse_duration
from psyche_cli.errors import Json, RpcError, UsageError
from psyche_cli.localnet.rpc.methods.control import MAX_WARP_SECONDS, MAX_WARP_SLOTS
from psyche_cli.operations.localnet.account_sources import read_account_file
from psyche_cli.operations.localnet.payloads import ResetData, SetAccountData, SnapshotData, WarpData
from psyche_cli.operations.localnet.running import call_running
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.addresses import parse_pubkey
from psyche_cli.results import OperationResult
from psyche_cli.solana.rpc.answers import as_object, as_u64
from psyche_cli.solana.rpc.codes import INVALID_PARAMS


class Position(NamedTuple):
    """The slot, block height and clock (Unix time in seconds) of a local validator."""

    slot: int
    block_height: int
    unix_timestamp: int


def _anything(_: Json) -> None:
    """Parser for methods whose result carries no information."""


def _read_position(answer: Json) -> Position:
    fields = as_object(answer)
    return Position(*(as_u64(fields.get(name)) for name in ("slot", "blockHeight", "unixTimestamp")))


def warp(session: Session, *, duration: str | None, slots: int | None) -> OperationResult[WarpData]:
    """Advance the clock by ``duration``, such as ``90m``, with its slots; or advance ``slots`` without the clock.

    If both are given, the duration comes first. Raises UsageError, LocalnetError.
    """
    if duration is None and slots is None:
        raise UsageError(
            "Neither a duration nor --slots was specified.", hint="Specify a duration such as 90m, or --slots N."
        )
    if slots is not None and slots > MAX_WARP_SLOTS:
        raise UsageError(f"--slots {slots} is too large; the maximum is {MAX_WARP_SLOTS}.")
    moved = Position(0, 0, 0)
    if duration is not None:
        seconds = parse_duration(duration, "DURATION", maximum=MAX_WARP_SECONDS)
        moved = call_running(session, "localnet_warpSeconds", seconds, read=_read_position)
    if slots is not None:
        moved = call_running(session, "localnet_warpSlots", slots, read=_read_position)
    return OperationResult(
        summary=f"The local validator is now at slot {moved.slot}, Unix time {moved.unix_timestamp}.",
        data=WarpData(
            slot=moved.slot,
            block_height=moved.block_height,
            unix_timestamp=moved.unix_timestamp,
        ),
    )


def reset(session: Session) -> OperationResult[ResetData]:
    """Reset the chain to genesis. Raises LocalnetError."""
    call_running(session, "localnet_reset", read=_anything)
    return OperationResult(summary="Reset the local validator to genesis.", data=ResetData())


def take_snapshot(session: Session) -> OperationResult[SnapshotData]:
    """Take a snapshot of the chain. Raises LocalnetError."""
    number = call_running(session, "localnet_takeSnapshot", read=as_u64)
    return OperationResult(
        summary=f"Took snapshot {number}.",
        data=SnapshotData(snapshot=number),
        next_steps=(session.given.command("localnet restore", str(number)),),
    )


def restore_snapshot(session: Session, number: int) -> OperationResult[SnapshotData]:
    """Restore a snapshot. Raises LocalnetError, and UsageError if the snapshot does not exist."""
    try:
        call_running(session, "localnet_restoreSnapshot", number, read=_anything)
    except RpcError as error:
        if error.rpc_code != INVALID_PARAMS:
            raise
        raise UsageError(
            f"Snapshot {number} does not exist at {session.rpc.label}.",
            hint=f"To take one: {session.given.command('localnet snapshot')}",
        ) from error
    return OperationResult(summary=f"Restored snapshot {number}.", data=SnapshotData(snapshot=number))


def set_account(session: Session, address: str, path: Path) -> OperationResult[SetAccountData]:
    """Write an account from a file in the format of ``solana account --output json``.

    Raises LocalnetError, UsageError.
    """
    account = read_account_file(path)["account"]
    where = parse_pubkey(address, "ADDRESS")
    call_running(session, "localnet_setAccount", str(where), account, read=_anything)
    return OperationResult(summary=f"Wrote the account {where}.", data=SetAccountData(address=str(where)))
