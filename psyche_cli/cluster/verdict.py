"""What an answer says about the fate of a transaction. Pure: no waiting and no asking here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import TypeAlias

from solders.pubkey import Pubkey

from psyche_cli.cluster.jsonrpc import Json
from psyche_cli.cluster.rpc_types import COMMITMENTS, SignatureStatus
from psyche_cli.cluster.transaction import SignedTransaction
from psyche_cli.errors import (
    HttpStatusError,
    InsufficientFunds,
    NetworkError,
    ProgramRefused,
    PsycheError,
    RpcError,
    TimedOut,
    Unreachable,
)

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

    ARRIVED = auto()
    """The cluster has them."""
    UNCLEAR = auto()
    """They may have arrived. Only the signature's status can tell."""
    NOT_TAKEN = auto()
    """They certainly did not, and another attempt may do better."""
    REFUSED = auto()
    """They certainly did not, and another attempt would end the same."""


_PREFLIGHT_FAILURE = -32002
# Invalid request, unknown method, invalid parameters; and of the transaction: bad signature, failed precompile, wrong
# number of signatures, unsupported version.
_REFUSING_CODES = frozenset({-32600, -32601, -32602, -32003, -32006, -32013, -32015})
# Node is behind, minimum context slot not reached, rate limit.
_BUSY_CODES = frozenset({-32005, -32016, 429})
_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = 500


def delivery(error: NetworkError) -> Delivery:
    """Judge a failure of sendTransaction. In doubt the answer is UNCLEAR, which is always safe."""
    if isinstance(error, (Unreachable, TimedOut)):
        return Delivery.NOT_TAKEN if error.context.get("request_sent") is False else Delivery.UNCLEAR
    if isinstance(error, HttpStatusError):
        return _http_delivery(error.context.get("status"))
    if isinstance(error, RpcError):
        return _rpc_delivery(error)
    return Delivery.UNCLEAR


def _http_delivery(status: object) -> Delivery:
    if status == _TOO_MANY_REQUESTS:
        return Delivery.NOT_TAKEN
    # A gateway may have passed the request on before it failed.
    return Delivery.REFUSED if isinstance(status, int) and status < _SERVER_ERRORS else Delivery.UNCLEAR


def _rpc_delivery(error: RpcError) -> Delivery:
    code = error.context.get("rpc_code")
    refusal = preflight_error(error)
    if refusal == "AlreadyProcessed" or "already been processed" in error.message:
        return Delivery.ARRIVED
    if code in _BUSY_CODES or refusal == "BlockhashNotFound":
        return Delivery.NOT_TAKEN
    if code in _REFUSING_CODES or refusal is not None:
        return Delivery.REFUSED
    return Delivery.UNCLEAR


def preflight_error(error: RpcError) -> Json:
    """The transaction error inside a preflight failure, or None for any other error."""
    if error.context.get("rpc_code") != _PREFLIGHT_FAILURE:
        return None
    data = _rpc_data(error)
    return data.get("err") if data else None


def preflight_logs(error: RpcError) -> tuple[str, ...]:
    """The logs inside a preflight failure, as far as there are any."""
    logs = _rpc_data(error).get("logs")
    return tuple(line for line in logs if isinstance(line, str)) if isinstance(logs, list) else ()


def _rpc_data(error: RpcError) -> dict[str, Json]:
    text = error.context.get("rpc_data")
    data: Json = json.loads(text) if isinstance(text, str) else None
    return data if isinstance(data, dict) else {}


def refusal(
    err: Json, logs: Sequence[str], transaction: SignedTransaction, describe_failure: DescribeFailure
) -> PsycheError:
    """The error to raise for a transaction that failed, in simulation or on-chain.

    Missing SOL is told here, where it is known whose; everything else by ``describe_failure``.
    """
    payer = str(transaction.account_keys[0])
    if err == "AccountNotFound":
        return InsufficientFunds(
            f"The wallet {payer} holds no SOL on this cluster.",
            hint="Fund it first. It pays the fee of every transaction.",
            wallet=payer,
        )
    if err == "InsufficientFundsForFee":
        return InsufficientFunds(
            f"The wallet {payer} does not hold enough SOL for the transaction fee.", hint="Fund it first.", wallet=payer
        )
    if isinstance(err, dict) and "InsufficientFundsForRent" in err:
        account = _account_of(err["InsufficientFundsForRent"], transaction)
        return InsufficientFunds(
            f"The account {account} would be left with less SOL than its rent-exempt minimum.",
            hint="The wallet must hold more SOL." if account == payer else "",
            account=account,
        )
    return describe_failure(err, logs, transaction.program_ids)


def _account_of(detail: Json, transaction: SignedTransaction) -> str:
    index = detail.get("account_index") if isinstance(detail, dict) else None
    if type(index) is int and 0 <= index < len(transaction.account_keys):
        return str(transaction.account_keys[index])
    return "(unknown)"


def describe_any_failure(err: Json, logs: Sequence[str], program_ids: Sequence[Pubkey]) -> PsycheError:
    """Tell an error by its names and numbers alone, for programs that nothing is known of."""
    index, what = _instruction_error(err)
    if index is None:
        name = err if isinstance(err, str) else json.dumps(err)
        return ProgramRefused(f"The cluster refuses the transaction: {name}.", transaction_error=json.dumps(err))
    program = str(program_ids[index]) if 0 <= index < len(program_ids) else "(unknown)"
    name = what if isinstance(what, str) else json.dumps(what)
    return ProgramRefused(
        f"Instruction {index + 1} of {len(program_ids)}, of program {program}, fails: {name}.",
        hint=f"Its last words: {logs[-1]}" if logs else "",
        program=program,
        transaction_error=json.dumps(err),
    )


def _instruction_error(err: Json) -> tuple[int | None, Json]:
    """Index and kind of an instruction error, or None and None."""
    detail = err.get("InstructionError") if isinstance(err, dict) else None
    if isinstance(detail, list) and len(detail) == 2 and type(detail[0]) is int:
        return detail[0], detail[1]
    return None, None
