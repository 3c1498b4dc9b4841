"""Reading a run's transactions from an endpoint into its history.

A sync lists the transactions of each address of the run (``listing.py``), reads their content (``contents.py``), which
may reveal further addresses, and puts them in order (``order.py``). Every step is recorded in the file together with
what it has found, so that a sync that is interrupted continues where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

from solders.pubkey import Pubkey

from psyche_cli.environment import Clock, Waits
from psyche_cli.errors import HistoryError, Json
from psyche_cli.history.contents import Contents
from psyche_cli.history.discovery import (
    COORDINATOR_ACCOUNT,
    INSTANCE,
    TREASURER_RUN,
    VAULT,
    Milestone,
)
from psyche_cli.history.fetching import Fetching
from psyche_cli.history.file import HistoryFile
from psyche_cli.history.listing import Bound, Listing, OpenGap, Walk
from psyche_cli.history.order import Order
from psyche_cli.history.pool import Answer, Asked, Pool
from psyche_cli.history.records import RawTransaction
from psyche_cli.history.store import History, Totals
from psyche_cli.protocol.accounts.small_accounts import decode_instance, decode_treasurer_run
from psyche_cli.protocol.addresses import associated_token_address, instance_address
from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.solana.raw_account import taken
from psyche_cli.solana.rpc.answers import (
    as_list,
    as_u64,
    read_accounts,
    read_address_signatures,
    read_block_signatures,
    read_signature_status,
    slot_and_value,
)
from psyche_cli.solana.rpc.client import SIGNATURES_PER_CALL, RpcClient
from psyche_cli.solana.rpc.jsonrpc import bad_response
from psyche_cli.solana.rpc.types import SignatureStatus

_STATUSES: Final = 256
"""The most signatures in a request for statuses."""
_FIRST_BLOCK: Final = Asked("getFirstAvailableBlock", [])
_CREATED_ONCE: Final = (COORDINATOR_ACCOUNT, TREASURER_RUN, VAULT)
"""Roles of accounts that have no transactions before the one that creates them."""

_Value = TypeVar("_Value")


class Synced(NamedTuple):
    """The result of a sync.

    ``listed``, ``fetched`` and ``dropped`` are numbers of transactions: new ones, those whose content was read, and
    those that were removed because the cluster has dropped them. ``requests`` is the number of requests to the
    endpoint, in which a batch counts once. ``totals`` are those of the history afterwards.
    """

    slot: int
    listed: int
    fetched: int
    dropped: int
    requests: int
    totals: Totals


def sync(
    file: HistoryFile,
    lanes: Sequence[RpcClient],
    run_id: str,
    genesis_hash: str,
    *,
    programs: ProgramIds,
    clock: Clock,
    waits: Waits | None = None,
) -> Synced:
    """Read what is new about the run ``run_id`` from the endpoint of ``lanes`` into its history.

    The lanes are clients of one endpoint, each with its own connection, over which requests are distributed. The run
    need not exist anymore. ``waits`` shows the progress.

    Raises HistoryError, HistoryDamaged, HistoryTooNew, HistoryBusy, and NetworkError if the endpoint fails for long;
    what was read until then is kept.
    """
    with file.locked():
        file.claim(run_id, genesis_hash, programs)
        pool = Pool(lanes, clock, waits or Waits())
        instance = instance_address(run_id, programs)
        try:
            return _Sync(file, pool, lanes[0], instance, programs, clock, waits or Waits()).run()
        finally:
            pool.close()


class _Sync:
    """One sync."""

    def __init__(
        self,
        file: HistoryFile,
        pool: Pool,
        rpc: RpcClient,
        instance: Pubkey,
        programs: ProgramIds,
        clock: Clock,
        waits: Waits,
    ) -> None:
        now = int(clock.unix_time())
        self._history = History(file)
        self._listing, self._contents, self._order = Listing(file, now), Contents(file, now), Order(file)
        self._pool = pool
        self._label = rpc.label
        self._commitment = rpc.ledger_commitment
        self._instance = instance
        self._programs = programs
        self._clock = clock
        self._waits = waits
        self._fetching = Fetching(self._contents, pool, self._commitment, str(instance), programs, clock, waits)
        self._slot = self._finalized = self._first = 0
        self._now: Milestone | None = None
        self._dropped = 0

    def run(self) -> Synced:
        before = self._history.totals().transactions
        with self._waits.showing(f"Reading transactions from {self._label}") as self._wait:
            self._fetching.wait = self._wait
            self._look()
            self._fill_gaps()
            walks = self._listing.begin_walks()
            while walks:
                self._walk(walks)
                self._fetching.fetch(self._first)
                walks = self._listing.begin_walks(only_new=True)
            self._settle()
            self._put_in_order()
        self._order.find_incarnations(str(self._instance), self._programs, self._now)
        self._close_gaps_before_creation()
        self._contents.complete(self._slot)
        totals = self._history.totals()
        return Synced(
            slot=self._slot,
            listed=totals.transactions - before + self._dropped,
            fetched=self._fetching.fetched,
            dropped=self._dropped,
            requests=self._pool.requests,
            totals=totals,
        )

    # --- the cluster and the run now --------------------------------------------------------------------------------

    def _look(self) -> None:
        """Read where the ledger begins and ends, and the addresses that the run has now."""
        newest = self._listing.newest(str(self._instance))
        slot, finalized, first, account, *statuses = self._pool.answers(
            Asked("getSlot", [{"commitment": self._commitment}]),
            Asked("getSlot", [{"commitment": "finalized"}]),
            _FIRST_BLOCK,
            self._account(self._instance),
            *([] if newest is None else [_statuses_of([newest.signature])]),
        )
        self._slot, self._finalized, self._first = (self._read(one, as_u64) for one in (slot, finalized, first))
        for answer in statuses:
            self._check_ledger(newest, answer)
        addresses = {str(self._instance): INSTANCE}
        raw = self._read(account, lambda result: taken(read_accounts([self._instance], result)[0]))
        if raw is not None:
            run = decode_instance(raw, self._programs)
            self._now = Milestone(
                begins=True,
                coordinator_account=str(run.coordinator_account),
                main_authority=str(run.main_authority),
                join_authority=str(run.join_authority),
            )
            if str(run.coordinator_account) not in self._listing.addresses():
                addresses |= {str(run.coordinator_account): COORDINATOR_ACCOUNT, **self._treasurer(run.main_authority)}
        self._listing.add_addresses(addresses)

    def _check_ledger(self, newest: Bound | None, answer: Answer) -> None:
        """Raise HistoryError if the endpoint does not know a finalized transaction that it should have."""
        is_covered = newest is not None and self._first <= newest.slot <= self._finalized
        if newest is None or not is_covered or self._read(answer, _read_statuses)[0] is not None:
            return
        path = self._history.file.path
        raise HistoryError(
            f"{self._label} does not know {newest.signature}, a finalized transaction of the history {path} in slot "
            f"{newest.slot:,}, although its ledger begins earlier.",
            hint="A local validator may have been reset. If so, move the file away; the history is then read again.",
            path=str(path),
        )

    def _treasurer(self, authority: Pubkey) -> dict[str, str]:
        """The addresses of the treasurer whose Run account is the main authority; none without one."""
        [answer] = self._pool.answers(self._account(authority))
        raw = self._read(answer, lambda result: taken(read_accounts([authority], result)[0]))
        if raw is None or raw.owner != self._programs.treasurer:
            return {}
        mint = decode_treasurer_run(raw, self._programs).collateral_mint
        return {str(authority): TREASURER_RUN, str(associated_token_address(authority, mint)): VAULT}

    def _account(self, address: Pubkey) -> Asked:
        return Asked("getMultipleAccounts", [[str(address)], {"commitment": self._commitment, "encoding": "base64"}])

    # --- listing ----------------------------------------------------------------------------------------------------

    def _walk(self, walks: Sequence[Walk]) -> None:
        """List the transactions of addresses, page by page."""
        in_transit, ended = list(walks), list[Walk]()

        def take(answers: list[Answer]) -> None:
            for answer in answers:
                page = self._read(answer, read_address_signatures)
                walk, is_over = self._listing.add_page(answer.what, page, self._finalized)
                (ended if is_over else in_transit).append(walk)
            self._wait.now(f"{sum(walk.step for walk in (*in_transit, *ended)):,} transactions listed")

        while in_transit:
            requests = [Asked(*self._page(one.address, one.last, one.until), one) for one in in_transit]
            in_transit.clear()
            self._pool.ask(requests, take)
        walked = [walk for walk in ended if walk.last is not None]
        if walked:
            [first] = self._pool.answers(_FIRST_BLOCK)
            self._first = max(self._first, self._read(first, as_u64))
        unknown = self._unknown([walk.last.signature for walk in walked if walk.last is not None])
        lost = {walk.address_id for walk in walked if walk.last is not None and walk.last.signature in unknown}
        self._listing.end_walks(ended, self._first, lost)

    def _page(self, address: str, before: Bound | None, until: Bound | None) -> tuple[str, list[Json]]:
        options: dict[str, Json] = {"commitment": self._commitment, "limit": SIGNATURES_PER_CALL}
        if before is not None:
            options["before"] = before.signature
        if until is not None:
            options["until"] = until.signature
        return "getSignaturesForAddress", [address, options]

    def _unknown(self, signatures: Sequence[str]) -> set[str]:
        """Those of these transactions that the endpoint does not know."""
        unknown: set[str] = set()
        for start in range(0, len(signatures), _STATUSES):
            chunk = signatures[start : start + _STATUSES]
            statuses = self._statuses(chunk)
            unknown |= {one for one, status in zip(chunk, statuses, strict=True) if status is None}
        return unknown

    def _statuses(self, signatures: Sequence[str]) -> list[SignatureStatus | None]:
        [answer] = self._pool.answers(_statuses_of(signatures))
        found = self._read(answer, _read_statuses)
        if len(found) != len(signatures):
            raise bad_response("getSignatureStatuses", self._label, "it has another number of statuses")
        return found

    def _fill_gaps(self) -> None:
        """Fill the gaps that earlier endpoints have left."""
        for gap in self._listing.gaps(self._first):
            left: OpenGap | None = gap
            while left is not None:
                [answer] = self._pool.answers(Asked(*self._page(left.address, left.before, left.after)))
                page = self._read(answer, read_address_signatures)
                if not page and left.before is not None and self._unknown([left.before.signature]):
                    break
                left = self._listing.fill_gap(left, page, self._finalized, self._first)

    def _close_gaps_before_creation(self) -> None:
        """Close the gaps before the first transaction of an address if this transaction has created its account."""
        for gap in self._listing.gaps():
            if gap.after is None and gap.before is not None and gap.role in _CREATED_ONCE:
                transaction = self._history.transaction(gap.before.signature)
                if transaction is not None and _creates(transaction, gap.address):
                    self._listing.close_gap(gap)

    # --- commitment and order ---------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Find out what has become of transactions that were not finalized and are not listed anymore."""
        after = 0
        while portion := self._contents.unsettled(self._finalized, after)[:_STATUSES]:
            after = portion[-1].transaction_id
            statuses = self._statuses([one.signature for one in portion])
            known = [
                (one, status)
                for one, status in zip(portion, statuses, strict=True)
                if status is not None or one.slot >= self._first
            ]
            self._dropped += self._contents.settle(known)

    def _put_in_order(self) -> None:
        self._order.forget_guesses(self._first)
        after = -1
        while (placed := self._order.by_listings(after)) is not None:
            after, slots = placed
            self._pool.ask((Asked("getBlock", [slot, self._block_options], slot) for slot in slots), self._take_blocks)

    @property
    def _block_options(self) -> Json:
        return {
            "commitment": self._commitment,
            "transactionDetails": "signatures",
            "rewards": False,
            "maxSupportedTransactionVersion": 0,
        }

    def _take_blocks(self, answers: list[Answer]) -> None:
        for answer in answers:
            signatures = None
            if answer.error is None and answer.result is not None:
                signatures = [str(one) for one in self._read(answer, read_block_signatures)]
            self._order.by_block(answer.what, signatures)

    def _read(self, answer: Answer, read: Callable[[Json], _Value]) -> _Value:
        """The result of a request as ``read`` returns it. Raises RpcError, BadRpcResponse."""
        if answer.error is not None:
            raise answer.error
        try:
            return read(answer.result)
        except ValueError as error:
            raise bad_response("a request", self._label, str(error)) from error


def _statuses_of(signatures: Sequence[str]) -> Asked:
    options: Json = {"searchTransactionHistory": True}
    return Asked("getSignatureStatuses", [list(signatures), options])


def _read_statuses(result: Json) -> list[SignatureStatus | None]:
    return [read_signature_status(one) for one in as_list(slot_and_value(result)[1])] or [None]


def _creates(transaction: RawTransaction, address: str) -> bool:
    """Whether a transaction has created the account at an address."""
    keys = [str(account.address) for account in transaction.message.accounts]
    if transaction.failed or address not in keys:
        return False
    index = keys.index(address)
    return transaction.lamports_before[index] == 0 < transaction.lamports_after[index]
