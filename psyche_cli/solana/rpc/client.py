"""Typed calls of Solana's JSON-RPC methods, over any transport."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.environment import Clock, Waits
from psyche_cli.errors import Json
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rpc.answers import (
    as_u64,
    read_account_and_slot,
    read_accounts,
    read_address_signatures,
    read_block_signatures,
    read_blockhash,
    read_chain_position,
    read_fee,
    read_flag_in_context,
    read_hash,
    read_landed_transaction,
    read_prices,
    read_program_accounts,
    read_signature,
    read_simulation,
    read_single_status,
    read_token_amount,
    slot_and_value,
)
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.rpc.requester import REQUEST_TIMEOUT, Requester
from psyche_cli.solana.rpc.retry import RetryPolicy
from psyche_cli.solana.rpc.types import (
    AddressSignature,
    Blockhash,
    ChainPosition,
    LandedTransaction,
    SignatureStatus,
    Simulation,
    TokenAmount,
)

if TYPE_CHECKING:
    from typing_extensions import Self

    from psyche_cli.transport import Transport

ACCOUNTS_PER_CALL = 100
SIGNATURES_PER_CALL = 1000
PRICED_ACCOUNTS_PER_CALL = 128


class RpcClient(Requester):
    """A client of one endpoint at one commitment (processed, confirmed or finalized).

    Every call raises a NetworkError if a request fails. Calls that change state are never retried here, as their
    methods document.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        commitment: str = "confirmed",
        timeout: float = REQUEST_TIMEOUT,
        retry: RetryPolicy | None = None,
        deadline: Deadline | None = None,
        waits: Waits | None = None,
    ) -> None:
        super().__init__(transport, clock, timeout, retry, deadline, waits)
        self._commitment = commitment
        self._last_read: dict[Pubkey, tuple[int, RawAccount | None]] | None = None

    @property
    def commitment(self) -> str:
        """The commitment of all reads."""
        return self._commitment

    @property
    def ledger_commitment(self) -> str:
        """The commitment of reads of the ledger, which contains no block below ``confirmed``."""
        return self._commitment.replace("processed", "confirmed")

    # --- accounts -----------------------------------------------------------------------------------------------

    def accounts(self, addresses: Sequence[Pubkey], *, first_bytes: int | None = None) -> list[RawAccount | None]:
        """The accounts at ``addresses``, in order; None for each that does not exist.

        Up to 100 are read in one call and at one slot; more take several calls. With ``first_bytes``, at most that many
        bytes of each account's data are transferred.
        """
        cut: dict[str, Json] = {} if first_bytes is None else {"dataSlice": {"offset": 0, "length": first_bytes}}
        found: list[RawAccount | None] = []
        for start in range(0, len(addresses), ACCOUNTS_PER_CALL):
            chunk = addresses[start : start + ACCOUNTS_PER_CALL]
            params = self._accounts_params(chunk, **cut)
            slot, part = self.call("getMultipleAccounts", params, partial(_slot_and_accounts, chunk))
            if first_bytes is None:
                self.remember(slot, dict(zip(chunk, part, strict=True)))
            found += part
        return found

    def _accounts_params(self, addresses: Sequence[Pubkey], **more: Json) -> list[Json]:
        return [[str(address) for address in addresses], self._state_options(encoding="base64+zstd", **more)]

    def remembering(self) -> Self:
        """A client of the same endpoint that keeps the accounts that it reads, for ``last_read``."""
        client = self._copy()
        client._last_read = {}
        return client

    def remember(self, slot: int, accounts: Mapping[Pubkey, RawAccount | None]) -> None:
        """Replace the kept content of these accounts with their content in ``slot``."""
        if self._last_read is not None:
            self._last_read.update((address, (slot, raw)) for address, raw in accounts.items())

    def last_read(self, address: Pubkey) -> tuple[int, RawAccount | None] | None:
        """The slot and content of an account when it was last read by ``accounts``; None if it has not been."""
        return None if self._last_read is None else self._last_read.get(address)

    def account(self, address: Pubkey) -> RawAccount | None:
        """One account, or None."""
        return self.accounts([address])[0]

    def finalized_account(self, address: Pubkey) -> tuple[int, RawAccount | None]:
        """One account in the node's latest finalized bank, or None, and the slot of that bank."""
        params: list[Json] = [[str(address)], {"commitment": "finalized", "encoding": "base64+zstd"}]
        return self.call("getMultipleAccounts", params, partial(read_account_and_slot, address))

    def program_accounts(self, program: Pubkey, filters: Sequence[Json] = ()) -> list[RawAccount]:
        """All accounts of a program that pass the ``filters`` (``{"dataSize": n}``, ``{"memcmp": {...}}``)."""
        return self.call("getProgramAccounts", self._program_accounts_params(program, filters), read_program_accounts)

    def program_accounts_together(self, program: Pubkey, *searches: Sequence[Json]) -> list[list[RawAccount]]:
        """The result of ``program_accounts`` for each list of filters, in one round trip if possible."""
        requests = [("getProgramAccounts", self._program_accounts_params(program, filters)) for filters in searches]
        results = self.try_together(*requests) if len(requests) > 1 else None
        if results is not None:
            with suppress(ValueError):  # requested again below, with the errors of the single requests
                return [read_program_accounts(result) for result in results]
        return [self.program_accounts(program, filters) for filters in searches]

    def _program_accounts_params(self, program: Pubkey, filters: Sequence[Json]) -> list[Json]:
        return [str(program), self._state_options(encoding="base64+zstd", filters=list(filters))]

    def balance(self, address: Pubkey) -> int:
        """The balance of an address in lamports, or 0 if the account does not exist."""
        return self.call(
            "getBalance", [str(address), self._state_options()], lambda result: as_u64(slot_and_value(result)[1])
        )

    def rent_exempt_minimum(self, size: int) -> int:
        """The minimum balance of an account with ``size`` bytes of data, in lamports."""
        return self.call("getMinimumBalanceForRentExemption", [size, self._options()], as_u64)

    def token_account_balance(self, address: Pubkey) -> TokenAmount:
        """The balance of a token account."""
        return self.call(
            "getTokenAccountBalance",
            [str(address), self._options()],
            lambda result: read_token_amount(slot_and_value(result)[1]),
        )

    # --- the chain ----------------------------------------------------------------------------------------------

    def latest_blockhash(self) -> Blockhash:
        """A blockhash to sign with."""
        return self.call(
            "getLatestBlockhash", [self._state_options()], lambda result: read_blockhash(slot_and_value(result)[1])
        )

    def is_blockhash_valid(self, blockhash: Hash) -> bool:
        """Whether a transaction with this blockhash can land. False for the value of a durable nonce."""
        return self.call("isBlockhashValid", [str(blockhash), self._state_options()], read_flag_in_context)

    def block_height(self) -> int:
        """The current block height."""
        return self.call("getBlockHeight", [self._options()], as_u64)

    def chain_position(self, commitment: str | None = None) -> ChainPosition:
        """Slot and block height of a node's latest block at a commitment, by default the client's."""
        options: Json = {"commitment": commitment or self._commitment}
        return self.call("getEpochInfo", [options], read_chain_position)

    def genesis_hash(self) -> Hash:
        """The hash that identifies the cluster."""
        return self.call("getGenesisHash", [], read_hash)

    def first_available_block(self) -> int:
        """The slot of the oldest block in the node's ledger."""
        return self.call("getFirstAvailableBlock", [], as_u64)

    def fee_for_message(self, message: bytes) -> int | None:
        """The fee of a serialized message in lamports, or None if its blockhash has expired."""
        return self.call("getFeeForMessage", [_base64(message), self._options()], read_fee)

    # --- transactions -------------------------------------------------------------------------------------------

    def simulate(self, transaction: bytes) -> Simulation:
        """Simulate a signed transaction, with verification of its signatures and blockhash."""
        return self._simulate(transaction, sigVerify=True)

    def simulate_unsigned(
        self,
        transaction: bytes,
        *,
        replace_blockhash: bool = True,
        accounts: Sequence[Pubkey] = (),
        reads: Sequence[Pubkey] = (),
    ) -> Simulation:
        """Simulate a transaction without verification of signatures, by default with the node's latest blockhash.

        Requests ``accounts`` as they are afterwards, at most as many as the transaction has. Before that, it reads
        ``reads`` (at most 100) as ``accounts`` does, in the same round trip if possible, so that hardly any time passes
        between the two.
        """
        options = {"sigVerify": False, "replaceRecentBlockhash": replace_blockhash}
        if reads:
            results = self.try_together(
                ("getMultipleAccounts", self._accounts_params(reads)),
                ("simulateTransaction", [_base64(transaction), self._simulation_options(accounts, **options)]),
            )
            if results is not None:
                try:
                    slot, found = _slot_and_accounts(reads, results[0])
                    simulation = _read_simulation(accounts, results[1])
                    self.remember(slot, dict(zip(reads, found, strict=True)))
                    return simulation
                except ValueError:
                    pass  # requested again below, with the errors of the single requests
            self.accounts(reads)
        return self._simulate(transaction, accounts, **options)

    def simulate_and_identify(self, transaction: bytes, accounts: Sequence[Pubkey] = ()) -> tuple[Simulation, Hash]:
        """Like ``simulate_unsigned``, together with the cluster's genesis hash, in one round trip if possible."""
        options = self._simulation_options(accounts, sigVerify=False, replaceRecentBlockhash=True)
        params: list[Json] = [_base64(transaction), options]
        results = self.try_together(("simulateTransaction", params), ("getGenesisHash", ()))
        if results is not None:
            try:
                return _read_simulation(accounts, results[0]), read_hash(results[1])
            except ValueError:
                pass  # requested again below, with the errors of the single requests
        return self.simulate_unsigned(transaction, accounts=accounts), self.genesis_hash()

    def recent_prices(self, writable: Sequence[Pubkey]) -> list[int]:
        """The lowest price that each recent slot accepted for a transaction that writes these accounts (at most 128).

        In micro-lamports per compute unit, for up to 150 slots.
        """
        return self.call("getRecentPrioritizationFees", _price_params(writable), read_prices)

    def simulate_with_recent_prices(
        self, transaction: bytes, writable: Sequence[Pubkey]
    ) -> tuple[Simulation, list[int]]:
        """Like ``simulate_unsigned`` and ``recent_prices``, in one round trip if possible."""
        options = self._state_options(encoding="base64", sigVerify=False, replaceRecentBlockhash=True)
        results = self.try_together(
            ("simulateTransaction", [_base64(transaction), options]),
            ("getRecentPrioritizationFees", _price_params(writable)),
        )
        if results is not None:
            try:
                return _read_simulation((), results[0]), read_prices(results[1])
            except ValueError:
                pass  # requested again below, with the errors of the single requests
        return self.simulate_unsigned(transaction), self.recent_prices(writable)

    def _simulate(self, transaction: bytes, accounts: Sequence[Pubkey] = (), **options: bool) -> Simulation:
        params: list[Json] = [_base64(transaction), self._simulation_options(accounts, **options)]
        return self.call("simulateTransaction", params, partial(_read_simulation, accounts))

    def _simulation_options(self, accounts: Sequence[Pubkey], **options: bool) -> Json:
        wanted: Json = {"encoding": "base64+zstd", "addresses": [str(address) for address in accounts]}
        return self._state_options(encoding="base64", **options, **({"accounts": wanted} if accounts else {}))

    def send_transaction(self, transaction: bytes, *, skip_preflight: bool = False, max_retries: int = 0) -> Signature:
        """Submit a signed transaction to the node and return its signature, which does not imply that it lands.

        ``max_retries`` is how often the node rebroadcasts it. Never retried here: that is up to the caller.
        """
        options: Json = {
            "encoding": "base64",
            "skipPreflight": skip_preflight,
            "preflightCommitment": self._commitment,
            "maxRetries": max_retries,
        }
        return self.call("sendTransaction", [_base64(transaction), options], read_signature, retry=False)

    def signature_status(self, signature: Signature, *, search_history: bool = False) -> SignatureStatus | None:
        """The status of a transaction, or None if the node does not know it.

        Nodes cache the status of recent transactions only; with ``search_history`` they also search their ledger.
        """
        return self.signature_status_and_slot(signature, search_history=search_history)[1]

    def signature_status_and_slot(
        self, signature: Signature, *, search_history: bool = False
    ) -> tuple[int, SignatureStatus | None]:
        """The slot of the responding node's bank, and the status as returned by ``signature_status``."""
        return self.call(
            "getSignatureStatuses",
            [[str(signature)], {"searchTransactionHistory": search_history}],
            read_single_status,
        )

    def landed_transaction(self, signature: Signature) -> LandedTransaction | None:
        """A transaction with its logs and fee, or None if the ledger does not (yet) contain it."""
        return self.call(
            "getTransaction",
            [str(signature), self._ledger_options(encoding="json", maxSupportedTransactionVersion=0)],
            read_landed_transaction,
        )

    def signatures_for_address(
        self,
        address: Pubkey,
        *,
        before: Signature | None = None,
        until: Signature | None = None,
        limit: int = SIGNATURES_PER_CALL,
    ) -> list[AddressSignature]:
        """The newest ``limit`` transactions that include ``address``, newest first.

        With ``before`` and ``until``, only those before and after these transactions. A node that does not know
        ``before`` returns none, and one that does not know ``until`` ignores it.
        """
        bounds = {"before": before, "until": until}
        more = {name: str(bound) for name, bound in bounds.items() if bound is not None}
        params = self._signatures_params(address, limit, **more)
        return self.call("getSignaturesForAddress", params, read_address_signatures)

    def accounts_and_signatures(
        self, addresses: Sequence[Pubkey], address: Pubkey, *, limit: int
    ) -> tuple[list[RawAccount | None], list[AddressSignature]]:
        """The accounts at ``addresses``, at most 100, and the newest transactions that include ``address``.

        In one round trip if possible.
        """
        found, [signatures] = self.accounts_and_signatures_of(addresses, [address], limit=limit)
        return found, signatures

    def accounts_and_signatures_of(
        self, addresses: Sequence[Pubkey], listed: Sequence[Pubkey], *, limit: int
    ) -> tuple[list[RawAccount | None], list[list[AddressSignature]]]:
        """The accounts at ``addresses``, at most 100, and the newest transactions that include each of ``listed``.

        In one round trip if possible.
        """
        results = self.try_together(
            ("getMultipleAccounts", self._accounts_params(addresses)),
            *(("getSignaturesForAddress", self._signatures_params(one, limit)) for one in listed),
        )
        if results is not None:
            with suppress(ValueError):  # requested again below, with the errors of the single requests
                slot, found = _slot_and_accounts(addresses, results[0])
                signatures = list(map(read_address_signatures, results[1:]))
                self.remember(slot, dict(zip(addresses, found, strict=True)))
                return found, signatures
        return self.accounts(addresses), [self.signatures_for_address(one, limit=limit) for one in listed]

    def _signatures_params(self, address: Pubkey, limit: int, **more: Json) -> list[Json]:
        return [str(address), self._ledger_options(limit=limit, **more)]

    def block_signatures(self, slot: int) -> list[Signature]:
        """The transactions in the block of a slot, in the order of execution."""
        options = self._ledger_options(transactionDetails="signatures", rewards=False, maxSupportedTransactionVersion=0)
        return self.call("getBlock", [slot, options], read_block_signatures)

    def transaction_logs(self, signature: Signature) -> tuple[str, ...] | None:
        """The logs of a transaction, or None if the ledger does not (yet) contain it."""
        landed = self.landed_transaction(signature)
        return None if landed is None else landed.logs

    def request_airdrop(self, address: Pubkey, lamports: int) -> Signature:
        """Request an airdrop from the cluster's faucet; never retried. It is complete when the signature has landed."""
        return self.call("requestAirdrop", [str(address), lamports, self._options()], read_signature, retry=False)

    def _options(self, **more: Json) -> dict[str, Json]:
        return {"commitment": self._commitment, **more}

    def _ledger_options(self, **more: Json) -> dict[str, Json]:
        """The options of a method that reads the ledger."""
        return {**self._options(**more), "commitment": self.ledger_commitment}

    def _state_options(self, **more: Json) -> Json:
        """The options of a method that reads the state of the chain, including the required slot."""
        options = self._options(**more)
        if self.least_slot:
            options["minContextSlot"] = self.least_slot
        return options


def _read_simulation(accounts: Sequence[Pubkey], result: Json) -> Simulation:
    slot, value = slot_and_value(result)
    return read_simulation(value, accounts)._replace(slot=slot)


def _slot_and_accounts(addresses: Sequence[Pubkey], result: Json) -> tuple[int, list[RawAccount | None]]:
    return slot_and_value(result)[0], read_accounts(addresses, result)


def _price_params(writable: Sequence[Pubkey]) -> list[Json]:
    return [[str(key) for key in writable[:PRICED_ACCOUNTS_PER_CALL]]]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
