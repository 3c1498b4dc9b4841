"""``localnet airdrop``: request SOL from a cluster's faucet and wait until the transaction has landed."""

from __future__ import annotations

import json
from typing import Final

from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.amounts import SOL_DECIMALS, format_sol, parse_amount, ui_decimal
from psyche_cli.environment import Clock, Environment
from psyche_cli.errors import Interrupted, LocalnetError, NetworkError, ProgramRefused, RpcError, TransactionUnknown
from psyche_cli.operations.localnet.payloads import AirdropData, SolAmount
from psyche_cli.operations.recipients import read_recipient
from psyche_cli.operations.sending import read_if_possible
from psyche_cli.operations.sessions import Session
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.codes import METHOD_NOT_FOUND
from psyche_cli.solana.sending.verdict import Delivery, Fate, delivery, fate

DEADLINE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.2
_REQUEST_SECONDS: Final = 10.0
_LOOK_AT_BALANCE: Final = "Check the balance before requesting another airdrop."


def airdrop(session: Session, environment: Environment, recipient: str, sol: str) -> OperationResult[AirdropData]:
    """Request ``sol`` (exact decimal) for ``recipient``, a public key or the path of a keypair file.

    Raises InvalidAmount, InvalidPublicKey, WalletError, and the errors of ``request_sol``.
    """
    lamports = parse_amount(sol, SOL_DECIMALS, "amount")
    address = read_recipient(recipient, "The recipient", environment.redactor)
    receipt = request_sol(session.rpc, environment.clock, address, lamports)
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
    ProgramRefused if its transaction failed, TransactionUnknown if it did not land within 60 seconds, and Interrupted.
    ``sent`` of each error states whether the airdrop may have been sent; ``signature`` is set if the faucet returned
    one.
    """
    try:
        signature = rpc.request_airdrop(address, lamports)
    except NetworkError as error:
        error.sent = delivery(error) is Delivery.UNCLEAR
        if not isinstance(error, RpcError) or error.rpc_code != METHOD_NOT_FOUND:
            raise
        raise LocalnetError(
            f"{rpc.label} has no faucet.",
            hint="Only local validators, devnet and testnet have a faucet. Check --rpc.",
            sent=False,
            endpoint=rpc.label,
        ) from error
    try:
        slot = _landing_slot(rpc, clock, signature)
    except KeyboardInterrupt as stop:
        raise Interrupted.by(
            stop,
            f"Interrupted while waiting for airdrop {signature}, which may still land.",
            hint=_LOOK_AT_BALANCE,
            sent=True,
            signature=str(signature),
        ) from None
    return Receipt("airdrop", str(signature), slot)


def _landing_slot(rpc: RpcClient, clock: Clock, signature: Signature) -> int:
    deadline = clock.monotonic() + DEADLINE_SECONDS
    while (left := deadline - clock.monotonic()) > 0:
        try:
            status = rpc.without_retries(min(left, _REQUEST_SECONDS)).signature_status(signature)
        except NetworkError:
            status = None  # ask again
        if status is not None and (verdict := fate(status, rpc.commitment)) is not Fate.PENDING:
            if verdict is Fate.FAILED:
                raise ProgramRefused(
                    f"The airdrop {signature} failed on-chain: {json.dumps(status.err)}.",
                    sent=True,
                    signature=str(signature),
                )
            return status.slot
        clock.sleep(min(_POLL_SECONDS, max(0.0, deadline - clock.monotonic())))
    raise TransactionUnknown(
        f"The airdrop {signature} did not land within {DEADLINE_SECONDS:.0f} seconds; it may still land.",
        hint=_LOOK_AT_BALANCE,
        sent=True,
        signature=str(signature),
    )
