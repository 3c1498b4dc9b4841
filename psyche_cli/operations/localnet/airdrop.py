"""``airdrop``: request SOL from a cluster's faucet and wait until the transaction has landed."""

from __future__ import annotations

import json
from typing import Final

from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.amounts import SOL_DECIMALS, format_sol, ui_decimal
from psyche_cli.environment import Clock, Wait
from psyche_cli.errors import (
    Interrupted,
    Json,
    LocalnetError,
    NetworkError,
    ProgramRefused,
    RpcError,
    TransactionUnknown,
)
from psyche_cli.operations.localnet.payloads import AirdropData, SolAmount
from psyche_cli.operations.sending import read_if_possible
from psyche_cli.operations.sessions import Session
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.solana.endpoints import is_loopback
from psyche_cli.solana.public_clusters import MAINNET, explorer_link, public_cluster
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.codes import METHOD_NOT_FOUND
from psyche_cli.solana.rpc.deadline import Deadline, in_seconds
from psyche_cli.solana.sending.verdict import Delivery, Fate, delivery, fate

DEADLINE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.2
_REQUEST_SECONDS: Final = 10.0
_LOOK_AT_BALANCE: Final = "Check the balance before requesting another airdrop."


def airdrop(session: Session, clock: Clock, address: Pubkey, lamports: int) -> OperationResult[AirdropData]:
    """Request ``lamports`` for ``address``.

    Raises LocalnetError for mainnet-beta, and the errors of ``request_sol``.
    """
    _refuse_mainnet(session.rpc)
    receipt = request_sol(session.rpc, clock, address, lamports)
    balance = read_if_possible(lambda: session.rpc.balance(address))
    return OperationResult(
        summary=f"Airdropped {format_sol(lamports)} SOL to {address}.",
        data=AirdropData(
            address=str(address),
            lamports=lamports,
            balance=None if balance is None else SolAmount(lamports=balance, sol=ui_decimal(balance, SOL_DECIMALS)),
        ),
        details=(("balance", "unknown" if balance is None else f"{format_sol(balance)} SOL"),),
        transactions=(receipt,),
    )


def request_sol(rpc: RpcClient, clock: Clock, address: Pubkey, lamports: int) -> Receipt:
    """Request lamports from the faucet once, and wait until its transaction has landed at the client's commitment.

    Raises LocalnetError if the cluster has no faucet, NetworkError if the faucet refuses or does not respond,
    ProgramRefused if its transaction failed, TransactionUnknown if it did not land by the deadline of ``rpc`` (by
    default within 60 seconds), and Interrupted.
    ``sent`` of each error states whether the airdrop may have been sent; ``signature`` is set if the faucet returned
    one.
    """
    try:
        signature = rpc.request_airdrop(address, lamports)
    except NetworkError as error:
        error.sent = delivery(error) is Delivery.UNCLEAR
        if not isinstance(error, RpcError) or error.rpc_code != METHOD_NOT_FOUND:
            raise
        raise _no_faucet(rpc.label, f"{rpc.label} has no faucet.") from error
    try:
        slot = _landing_slot(rpc, clock, signature, lamports)
    except KeyboardInterrupt as stop:
        raise Interrupted.by(
            stop,
            f"Interrupted while waiting for airdrop {signature}, which may still land.",
            hint=_LOOK_AT_BALANCE,
            sent=True,
            signature=str(signature),
        ) from None
    return Receipt("airdrop", str(signature), slot, explorer=explorer_link(str(signature), None, rpc.label))


def _refuse_mainnet(rpc: RpcClient) -> None:
    """Raise LocalnetError if the cluster is known to be mainnet-beta, whatever its endpoint is."""
    if is_loopback(rpc.label):
        return
    if public_cluster(str(read_if_possible(rpc.genesis_hash)), rpc.label) == MAINNET:
        raise _no_faucet(rpc.label, f"{rpc.label} belongs to mainnet-beta, where SOL is money and there is no faucet.")


def _no_faucet(endpoint: str, message: str) -> LocalnetError:
    hint = "Only local validators, devnet and testnet have a faucet. Check --rpc."
    return LocalnetError(message, hint=hint, sent=False, endpoint=endpoint)


def _landing_slot(rpc: RpcClient, clock: Clock, signature: Signature, lamports: int) -> int:
    with rpc.waits.showing(f"Waiting for the airdrop to be {rpc.commitment}") as wait:
        return _polled_slot(rpc, clock, signature, lamports, wait)


def _polled_slot(rpc: RpcClient, clock: Clock, signature: Signature, lamports: int, wait: Wait) -> int:
    deadline = rpc.deadline or Deadline(clock, DEADLINE_SECONDS)
    polls = 0
    while (left := deadline.remaining) > 0:
        polls += 1
        wait.now(f"poll {polls}, {{}} s left", left)
        try:
            status = rpc.without_retries(min(left, _REQUEST_SECONDS)).signature_status(signature)
        except NetworkError:
            status = None  # ask again
        if status is not None and (verdict := fate(status, rpc.commitment)) is not Fate.PENDING:
            if verdict is Fate.FAILED:
                reason, hint = _explained(status.err, lamports)
                raise ProgramRefused(
                    f"The airdrop {signature} failed on-chain: {reason}.",
                    sent=True,
                    signature=str(signature),
                    hint=hint,
                )
            return status.slot
        rpc.waits.sleep(clock, min(_POLL_SECONDS, deadline.remaining))
    raise TransactionUnknown(
        f"The airdrop {signature} did not land within {in_seconds(deadline.elapsed)}; it may still land.",
        hint=_LOOK_AT_BALANCE,
        sent=True,
        signature=str(signature),
    )


def _explained(error: Json, lamports: int) -> tuple[str, str]:
    """Why an airdrop failed on-chain, and what to do; the error as JSON and an empty hint if the reason is unknown."""
    if error == {"InstructionError": [0, {"Custom": 1}]}:
        return f"the faucet holds less than {format_sol(lamports)} SOL", "Request a smaller amount."
    if isinstance(error, dict) and "InsufficientFundsForRent" in error:
        return "the account would hold less than the rent-exempt minimum", "Request a larger amount."
    return json.dumps(error), ""
