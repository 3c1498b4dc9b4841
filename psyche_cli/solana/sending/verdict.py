"""Interpretation of RPC responses about a transaction, as pure functions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from enum import Enum, auto
from http import HTTPStatus
from typing import TypeAlias

from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import Transaction

from psyche_cli.errors import (
    BlockhashNotValid,
    HttpStatusError,
    InsufficientFunds,
    Json,
    NetworkError,
    ProgramRefused,
    PsycheError,
    RpcError,
    TimedOut,
    Unreachable,
)
from psyche_cli.solana.funding import how_to_fund
from psyche_cli.solana.nonces import nonce_used_by
from psyche_cli.solana.rpc import codes
from psyche_cli.solana.rpc.types import COMMITMENTS, SignatureStatus
from psyche_cli.solana.sending.transaction import LegacyTransaction

# Maps a transaction error in its JSON-RPC form, the logs and the top-level program ids to the exception to raise.
FailureDescriber: TypeAlias = Callable[[Json, Sequence[str], Sequence[Pubkey]], PsycheError]


class Fate(Enum):
    """The state of a transaction at the requested commitment."""

    PENDING = auto()
    LANDED = auto()
    FAILED = auto()


def fate(status: SignatureStatus | None, commitment: str) -> Fate:
    """The fate of a transaction with this status (None: unknown to the node).

    A failure requires the same commitment as a success: below it, the outcome may differ on another fork.
    """
    if status is None or COMMITMENTS.index(status.confirmation_status) < COMMITMENTS.index(commitment):
        return Fate.PENDING
    return Fate.LANDED if status.err is None else Fate.FAILED


class Delivery(Enum):
    """What a failed sendTransaction implies about the delivery of the transaction."""

    UNCLEAR = auto()
    """It may have been accepted; only the signature's status can show."""
    NOT_TAKEN = auto()
    """It was definitely not accepted, and a retry may succeed."""
    REFUSED = auto()
    """It was definitely not accepted, and a retry would fail again."""


_REFUSING_STATUSES = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    }
)
# The first three concern the request, the others the transaction in it.
_REFUSING_RPC_CODES = frozenset(
    {
        codes.INVALID_REQUEST,
        codes.METHOD_NOT_FOUND,
        codes.INVALID_PARAMS,
        codes.SIGNATURE_VERIFICATION_FAILURE,
        codes.PRECOMPILE_VERIFICATION_FAILURE,
        codes.SIGNATURE_LENGTH_MISMATCH,
        codes.UNSUPPORTED_TRANSACTION_VERSION,
    }
)
_TOO_FEW_LAMPORTS = ("system", 1)
"""The program and error code for a transfer, or a new account's rent, that exceeds the payer's balance."""


def delivery(error: NetworkError) -> Delivery:
    """Classify a failure of sendTransaction. The default is UNCLEAR, which is always safe.

    A URL may belong to a gateway with many nodes, which forwards a request to a second node if the first is slow, or to
    several at once, and returns any of their responses. A response therefore proves that no node accepted the
    transaction only if every node would reject the request: the seven HTTP statuses for an unread or unauthorized
    request, and the JSON-RPC codes for a malformed request or for a transaction that no node accepts.

    Any other error may come from one node after another has accepted the transaction, or from the gateway after a node
    has: other HTTP statuses (202, 204, redirects, 408, 409, 429, 499, 5xx), "node is behind" (-32005), "minimum context
    slot not reached" (-32016), a rate limit as a JSON-RPC error (429), internal errors, and preflight failures
    (-32002), which depend on the node's state: an expired blockhash, or even a program error.
    """
    if isinstance(error, (Unreachable, TimedOut)) and error.request_sent is False:
        return Delivery.NOT_TAKEN
    if isinstance(error, HttpStatusError) and error.status in _REFUSING_STATUSES:
        return Delivery.REFUSED
    if isinstance(error, RpcError) and error.rpc_code in _REFUSING_RPC_CODES:
        return Delivery.REFUSED
    return Delivery.UNCLEAR


def refusal(
    err: Json, logs: Sequence[str], transaction: LegacyTransaction, describe_failure: FailureDescriber, endpoint: str
) -> PsycheError:
    """The exception for a transaction that failed at ``endpoint`` (its label), in simulation or on-chain.

    A lack of SOL is reported here, where the wallet is known; all other errors by ``describe_failure``.
    """
    payer = str(transaction.account_keys[0])
    fund = how_to_fund(payer, endpoint)
    if err == "AccountNotFound":
        return InsufficientFunds(
            f"The wallet {payer} holds no SOL on this cluster.",
            hint=fund,
            wallet=payer,
        )
    if err == "InsufficientFundsForFee":
        return InsufficientFunds(
            f"The wallet {payer} does not hold enough SOL for the transaction fee.", hint=fund, wallet=payer
        )
    if err == "BlockhashNotFound":
        return blockhash_not_valid(Transaction.from_bytes(transaction.raw).message)
    if isinstance(err, dict) and "InsufficientFundsForRent" in err:
        account = _account_of(err["InsufficientFundsForRent"], transaction)
        return InsufficientFunds(
            f"The account {account} would be left with less SOL than its rent-exempt minimum.",
            hint=fund if account == payer else "",
            account=account,
        )
    error = describe_failure(err, logs, transaction.program_ids)
    if isinstance(error, ProgramRefused) and (error.program, error.program_code) == _TOO_FEW_LAMPORTS:
        error.hint = fund
    return error


def blockhash_not_valid(message: Message) -> BlockhashNotValid:
    """The error for a transaction that cannot land because of its blockhash or durable nonce."""
    nonce = nonce_used_by(message)
    return BlockhashNotValid(
        f"The blockhash {message.recent_blockhash} is unknown or too old."
        if nonce is None
        else f"The transaction does not use the current value of the nonce account {nonce.account}, or "
        f"{nonce.authority} is not its authority.",
        hint="Nothing was sent. Build the transaction again with a current blockhash or nonce, and sign it again.",
        blockhash=str(message.recent_blockhash),
        nonce_account=None if nonce is None else str(nonce.account),
    )


def _account_of(detail: Json, transaction: LegacyTransaction) -> str:
    index = detail.get("account_index") if isinstance(detail, dict) else None
    if type(index) is int and 0 <= index < len(transaction.account_keys):
        return str(transaction.account_keys[index])
    return "(unknown)"


def describe_any_failure(err: Json, logs: Sequence[str], program_ids: Sequence[Pubkey]) -> PsycheError:
    """The exception for an error of an unknown program, with its names and numbers only."""
    index, what = _instruction_error(err)
    if index is None:
        name = err if isinstance(err, str) else json.dumps(err)
        return ProgramRefused(f"The cluster rejects the transaction: {name}.", transaction_error=err)
    program = str(program_ids[index]) if 0 <= index < len(program_ids) else "(unknown)"
    name = what if isinstance(what, str) else json.dumps(what)
    return ProgramRefused(
        f"Instruction {index + 1} of {len(program_ids)}, program {program}, failed: {name}.",
        hint=f"Last log line: {logs[-1]}" if logs else "",
        program=program,
        transaction_error=err,
    )


def _instruction_error(err: Json) -> tuple[int | None, Json]:
    """The index and kind of an instruction error; None and None for other errors."""
    detail = err.get("InstructionError") if isinstance(err, dict) else None
    if isinstance(detail, list) and len(detail) == 2 and type(detail[0]) is int:
        return detail[0], detail[1]
    return None, None
