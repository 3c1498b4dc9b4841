"""What an answer says about the fate of a transaction. Pure: no waiting and no asking here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from enum import Enum, auto
from http import HTTPStatus
from typing import TypeAlias

from solders.pubkey import Pubkey

from psyche_cli.errors import (
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
from psyche_cli.solana.rpc import codes
from psyche_cli.solana.rpc.types import COMMITMENTS, SignatureStatus
from psyche_cli.solana.sending.transaction import LegacyTransaction

# From the error in the RPC's JSON, the logs and the top-level program ids to the error to raise.
DescribeFailure: TypeAlias = Callable[[Json, Sequence[str], Sequence[Pubkey]], PsycheError]


class Fate(Enum):
    """What a signature status says at the commitment that is waited for."""

    PENDING = auto()
    LANDED = auto()
    FAILED = auto()


def fate(status: SignatureStatus | None, commitment: str) -> Fate:
    """The fate of a transaction by its status (None: not known to the node).

    A failure counts from the same commitment on as a success: below it, another fork may still decide otherwise.
    """
    if status is None or COMMITMENTS.index(status.confirmation_status) < COMMITMENTS.index(commitment):
        return Fate.PENDING
    return Fate.LANDED if status.err is None else Fate.FAILED


class Delivery(Enum):
    """What a failed sendTransaction says about the bytes."""

    UNCLEAR = auto()
    """They may have been taken. Only the signature's status can tell."""
    NOT_TAKEN = auto()
    """They certainly were not, and another attempt may do better."""
    REFUSED = auto()
    """They certainly were not, and another attempt would end the same."""


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
# The first three are about the request, the others about the transaction in it.
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
"""Program and code of a transfer, or of the rent of a new account, beyond what the payer holds."""


def delivery(error: NetworkError) -> Delivery:
    """Judge a failure of sendTransaction. In doubt the answer is UNCLEAR, which is always safe.

    Behind a URL there may be a gateway with many nodes, which asks a second one when the first is slow, or several at
    once, and passes on whichever answer it likes. So an answer proves that nothing was taken only if it is about the
    request as such, so that no node could have taken it: the seven HTTP statuses that refuse a request unread or
    unauthorised, and the JSON-RPC codes for a malformed request or for bytes that no node accepts.

    Everything else may come from one node while another has taken the bytes, or from the gateway itself after a node
    has: other HTTP statuses (202, 204, redirects, 408, 409, 429, 499, 5xx), "node is behind" (-32005), "minimum context
    slot not reached" (-32016), a rate limit inside a JSON-RPC error (429), internal errors, and the refusals of
    preflight (-32002), which depend on the state that a node has seen: a stale blockhash, even a program's error.
    """
    if isinstance(error, (Unreachable, TimedOut)) and error.request_sent is False:
        return Delivery.NOT_TAKEN
    if isinstance(error, HttpStatusError) and error.status in _REFUSING_STATUSES:
        return Delivery.REFUSED
    if isinstance(error, RpcError) and error.rpc_code in _REFUSING_RPC_CODES:
        return Delivery.REFUSED
    return Delivery.UNCLEAR


def refusal(
    err: Json, logs: Sequence[str], transaction: LegacyTransaction, describe_failure: DescribeFailure, endpoint: str
) -> PsycheError:
    """The error to raise for a transaction that failed at ``endpoint`` (its label), in simulation or on-chain.

    Missing SOL is reported here, where it is known whose; everything else by ``describe_failure``.
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


def _account_of(detail: Json, transaction: LegacyTransaction) -> str:
    index = detail.get("account_index") if isinstance(detail, dict) else None
    if type(index) is int and 0 <= index < len(transaction.account_keys):
        return str(transaction.account_keys[index])
    return "(unknown)"


def describe_any_failure(err: Json, logs: Sequence[str], program_ids: Sequence[Pubkey]) -> PsycheError:
    """Tell an error by its names and numbers alone, for programs that nothing is known of."""
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
    """Index and kind of an instruction error, or None and None."""
    detail = err.get("InstructionError") if isinstance(err, dict) else None
    if isinstance(detail, list) and len(detail) == 2 and type(detail[0]) is int:
        return detail[0], detail[1]
    return None, None
