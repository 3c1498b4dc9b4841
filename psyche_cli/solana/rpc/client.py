"""Typed calls of Solana's JSON-RPC, over any transport."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from itertools import count
from typing import TypeVar

from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.environment import Clock
from psyche_cli.errors import Json, NetworkError, TimedOut
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.rpc.jsonrpc import bad_response, decode_answer, encode_request
from psyche_cli.solana.rpc.retry import RetryPolicy
from psyche_cli.solana.rpc.types import (
    Blockhash,
    ChainPosition,
    LandedTransaction,
    SignatureStatus,
    Simulation,
    TokenAmount,
    as_list,
    as_object,
    as_text,
    as_u64,
    read_account,
    read_blockhash,
    read_hash,
    read_landed_transaction,
    read_signature_status,
    read_simulation,
    read_token_amount,
    slot_and_value,
)
from psyche_cli.transport import Transport

ACCOUNTS_PER_CALL = 100
REQUEST_TIMEOUT = 10.0

_Value = TypeVar("_Value")


class RpcClient:
    """Asks one endpoint at one commitment (processed, confirmed or finalized).

    ``timeout`` is in seconds and bounds one attempt, ``retry`` says how long reads are repeated. With a ``deadline``,
    no attempt and no pause before another one goes beyond it; when it has passed, every call raises TimedOut without
    asking. Every call raises a NetworkError when a request fails: Unreachable, TimedOut,
    HttpStatusError, RpcError (a JSON-RPC error object) or BadRpcResponse (an answer that the method does not allow).
    Calls that change something are never repeated here; their methods say so.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        commitment: str = "confirmed",
        timeout: float = REQUEST_TIMEOUT,
        retry: RetryPolicy | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._commitment = commitment
        self._timeout = timeout
        self._retry = retry or RetryPolicy()
        self._deadline = deadline
        self._ids = count(1)

    @property
    def label(self) -> str:
        """The endpoint as it may be shown."""
        return self._transport.label

    @property
    def commitment(self) -> str:
        """The commitment at which everything is read."""
        return self._commitment

    def close(self) -> None:
        """Close the transport."""
        self._transport.close()

    @property
    def deadline(self) -> Deadline | None:
        """The moment by which every call has returned, if there is one."""
        return self._deadline

    def within(self, deadline: Deadline) -> RpcClient:
        """The same endpoint, asked until ``deadline`` at the latest."""
        client = self._another()
        client._deadline = deadline
        return client

    def without_retries(self, timeout: float | None = None) -> RpcClient:
        """The same endpoint asked once per call, for loops that have a rhythm of their own."""
        client = self._another()
        client._retry = RetryPolicy(unreachable_deadline=0.0, busy_deadline=0.0)
        client._timeout = self._timeout if timeout is None else timeout
        return client

    def _another(self) -> RpcClient:
        """The same client. It shares the numbers of the requests, so that an answer that comes late, or twice, on a
        kept connection is never taken for the answer to another request."""
        return copy(self)

    def request(self, method: str, params: Sequence[Json] = (), *, retry: bool = True) -> Json:
        """The result of any method, unchecked. With ``retry``, transient failures are repeated."""
        started = self._clock.monotonic()
        attempt = 0
        while True:
            timeout = self._attempt_seconds(method)
            request_id = next(self._ids)
            try:
                answer = self._transport.send(encode_request(request_id, method, list(params)), timeout=timeout)
                return decode_answer(answer, request_id, method, self.label)
            except NetworkError as error:
                delay = self._retry.delay(error, attempt, self._clock.monotonic() - started) if retry else None
                if delay is None or (self._deadline is not None and delay >= self._deadline.remaining):
                    raise
            self._clock.sleep(delay)
            attempt += 1

    def _attempt_seconds(self, method: str) -> float:
        if self._deadline is None:
            return self._timeout
        if self._deadline.passed:
            raise TimedOut(
                f"The command's time limit of {self._deadline.seconds:g} seconds expired before {method} could be sent "
                f"to {self.label}.",
                hint="The endpoint is slow. Use another one, or try again later.",
                endpoint=self.label,
                request_sent=False,
            )
        return min(self._timeout, self._deadline.remaining)

    # --- accounts -----------------------------------------------------------------------------------------------

    def accounts(self, addresses: Sequence[Pubkey]) -> list[RawAccount | None]:
        """The accounts at ``addresses`` in their order, None where there is none.

        Up to 100 are read in one call and at one slot; more take several calls.
        """
        found: list[RawAccount | None] = []
        for start in range(0, len(addresses), ACCOUNTS_PER_CALL):
            chunk = addresses[start : start + ACCOUNTS_PER_CALL]
            params: list[Json] = [[str(address) for address in chunk], self._options(encoding="base64+zstd")]
            read = partial(_read_accounts, chunk)
            found += self._call("getMultipleAccounts", params, read)
        return found

    def account(self, address: Pubkey) -> RawAccount | None:
        """One account, or None."""
        return self.accounts([address])[0]

    def program_accounts(self, program: Pubkey, filters: Sequence[Json] = ()) -> list[RawAccount]:
        """All accounts of a program that pass the ``filters`` (``{"dataSize": n}``, ``{"memcmp": {...}}``)."""
        options = self._options(encoding="base64+zstd", filters=list(filters))
        return self._call("getProgramAccounts", [str(program), options], _read_program_accounts)

    def balance(self, address: Pubkey) -> int:
        """Lamports at an address, 0 when no account exists."""
        return self._call(
            "getBalance", [str(address), self._options()], lambda result: as_u64(slot_and_value(result)[1])
        )

    def rent_exempt_minimum(self, size: int) -> int:
        """Lamports that an account of ``size`` bytes must hold."""
        return self._call("getMinimumBalanceForRentExemption", [size, self._options()], as_u64)

    def token_account_balance(self, address: Pubkey) -> TokenAmount:
        """What a token account holds."""
        return self._call(
            "getTokenAccountBalance",
            [str(address), self._options()],
            lambda result: read_token_amount(slot_and_value(result)[1]),
        )

    # --- the chain ----------------------------------------------------------------------------------------------

    def latest_blockhash(self) -> Blockhash:
        """A blockhash to sign with."""
        return self._call(
            "getLatestBlockhash", [self._options()], lambda result: read_blockhash(slot_and_value(result)[1])
        )

    def block_height(self) -> int:
        """The number of blocks below the latest one."""
        return self._call("getBlockHeight", [self._options()], as_u64)

    def chain_position(self, commitment: str | None = None) -> ChainPosition:
        """Slot and block height of one node's latest block at a commitment, by default the client's."""
        options: Json = {"commitment": commitment or self._commitment}
        return self._call("getEpochInfo", [options], _read_position)

    def genesis_hash(self) -> Hash:
        """The hash that identifies the cluster."""
        return self._call("getGenesisHash", [], read_hash)

    def fee_for_message(self, message: bytes) -> int | None:
        """Lamports that a message (serialized) would cost, None when its blockhash is too old."""
        return self._call("getFeeForMessage", [_base64(message), self._options()], _read_fee)

    # --- transactions -------------------------------------------------------------------------------------------

    def simulate(self, transaction: bytes) -> Simulation:
        """Run a signed transaction without sending it; signatures and blockhash are checked as they would be."""
        return self._simulate(transaction, sigVerify=True)

    def simulate_unsigned(self, transaction: bytes) -> Simulation:
        """Run a transaction with the node's latest blockhash in place of its own, and whatever its signatures are."""
        return self._simulate(transaction, sigVerify=False, replaceRecentBlockhash=True)

    def _simulate(self, transaction: bytes, **options: bool) -> Simulation:
        return self._call(
            "simulateTransaction",
            [_base64(transaction), self._options(encoding="base64", **options)],
            lambda result: read_simulation(slot_and_value(result)[1]),
        )

    def send_transaction(self, transaction: bytes, *, skip_preflight: bool = False, max_retries: int = 0) -> Signature:
        """Hand a signed transaction to the node, once. Its signature comes back; that it lands is not said.

        ``max_retries`` is how often the node itself repeats it. Asked once: whoever calls decides about another time.
        """
        options: Json = {
            "encoding": "base64",
            "skipPreflight": skip_preflight,
            "preflightCommitment": self._commitment,
            "maxRetries": max_retries,
        }
        return self._call("sendTransaction", [_base64(transaction), options], _read_signature, retry=False)

    def signature_status(self, signature: Signature, *, search_history: bool = False) -> SignatureStatus | None:
        """Where a transaction got to, None when the node does not know it.

        Nodes remember recent transactions only; with ``search_history`` they look into their ledger, too.
        """
        return self.signature_status_and_slot(signature, search_history=search_history)[1]

    def signature_status_and_slot(
        self, signature: Signature, *, search_history: bool = False
    ) -> tuple[int, SignatureStatus | None]:
        """The same after the slot up to which the node that answered knew the chain."""
        return self._call(
            "getSignatureStatuses",
            [[str(signature)], {"searchTransactionHistory": search_history}],
            _read_single_status,
        )

    def landed_transaction(self, signature: Signature) -> LandedTransaction | None:
        """A transaction with its logs and fee, None when the ledger does not have it (yet)."""
        return self._call(
            "getTransaction",
            [str(signature), self._options(encoding="json", maxSupportedTransactionVersion=0)],
            read_landed_transaction,
        )

    def transaction_logs(self, signature: Signature) -> tuple[str, ...] | None:
        """The logs of a transaction in the ledger, None when the ledger does not have it (yet)."""
        landed = self.landed_transaction(signature)
        return None if landed is None else landed.logs

    def request_airdrop(self, address: Pubkey, lamports: int) -> Signature:
        """Ask the cluster's faucet, once. The money is there when the signature has landed."""
        return self._call("requestAirdrop", [str(address), lamports, self._options()], _read_signature, retry=False)

    # --- inside -------------------------------------------------------------------------------------------------

    def _options(self, **more: Json) -> Json:
        return {"commitment": self._commitment, **more}

    def _call(
        self, method: str, params: Sequence[Json], read: Callable[[Json], _Value], *, retry: bool = True
    ) -> _Value:
        result = self.request(method, params, retry=retry)
        try:
            return read(result)
        except ValueError as error:
            raise bad_response(method, self.label, str(error)) from error


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _read_accounts(addresses: Sequence[Pubkey], result: Json) -> list[RawAccount | None]:
    values = as_list(slot_and_value(result)[1])
    if len(values) != len(addresses):
        raise ValueError(f"expected {len(addresses)} accounts, got {len(values)}")
    return [read_account(address, value) for address, value in zip(addresses, values, strict=True)]


def _read_program_accounts(result: Json) -> list[RawAccount]:
    found = []
    for entry in map(as_object, as_list(result)):
        account = read_account(Pubkey.from_string(as_text(entry.get("pubkey"))), entry.get("account"))
        if account is None:
            raise ValueError("an account without data")
        found.append(account)
    return found


def _read_position(result: Json) -> ChainPosition:
    fields = as_object(result)
    return ChainPosition(slot=as_u64(fields.get("absoluteSlot")), block_height=as_u64(fields.get("blockHeight")))


def _read_fee(result: Json) -> int | None:
    value = slot_and_value(result)[1]
    return None if value is None else as_u64(value)


def _read_signature(result: Json) -> Signature:
    return Signature.from_string(as_text(result))


def _read_single_status(result: Json) -> tuple[int, SignatureStatus | None]:
    slot, value = slot_and_value(result)
    statuses = as_list(value)
    if len(statuses) != 1:
        raise ValueError(f"expected 1 status, got {len(statuses)}")
    return slot, read_signature_status(statuses[0])
