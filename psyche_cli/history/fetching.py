"""Reading the content of transactions that are listed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from psyche_cli.environment import Clock, Wait, Waits
from psyche_cli.errors import Json, RpcError
from psyche_cli.history.contents import Contents, Wanted
from psyche_cli.history.discovery import Discovery, discover
from psyche_cli.history.pool import Answer, Asked, Pool
from psyche_cli.history.records import RawTransaction
from psyche_cli.history.rows import read_raw_transaction
from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.solana.rpc.codes import (
    BLOCK_CLEANED_UP,
    BLOCK_NOT_AVAILABLE,
    LONG_TERM_STORAGE_SLOT_SKIPPED,
    SLOT_SKIPPED,
    UNSUPPORTED_TRANSACTION_VERSION,
)

_PAUSES: Final = (0.5, 1.0, 2.0, 4.0)
"""Seconds to wait before a transaction is requested again that the endpoint has listed but did not return."""

_ABSENT_CODES: Final = {
    BLOCK_CLEANED_UP: "the endpoint has deleted its block",
    BLOCK_NOT_AVAILABLE: "the endpoint does not have its block",
    SLOT_SKIPPED: "the endpoint does not have its block",
    LONG_TERM_STORAGE_SLOT_SKIPPED: "the endpoint does not have its block",
    UNSUPPORTED_TRANSACTION_VERSION: "its version is not supported",
}


class Fetching:
    """Reads contents over a pool, at a commitment, for the run with this ``instance``.

    ``fetched`` counts the transactions whose content was read. ``wait`` shows the progress.
    """

    def __init__(
        self,
        contents: Contents,
        pool: Pool,
        commitment: str,
        instance: str,
        programs: ProgramIds,
        clock: Clock,
        waits: Waits,
    ) -> None:
        self.fetched = 0
        self.wait = Wait()
        self._contents = contents
        self._pool = pool
        self._commitment = commitment
        self._instance = instance
        self._programs = programs
        self._clock = clock
        self._waits = waits
        self._first = 0
        self._has_retried = False

    def fetch(self, first_slot: int) -> None:
        """Read the content of all transactions that are listed. The ledger begins at ``first_slot``."""
        self._first = first_slot
        if not self._has_retried:  # once per sync
            self._has_retried = True
            self._pool.ask(self._contents_to_ask(absent=True), self._take_contents)
        for pause in (0.0, *_PAUSES):
            if pause > 0:
                if not self._contents.wanted():
                    return
                self._waits.sleep(self._clock, pause)
            self._pool.ask(self._contents_to_ask(), self._take_contents)
        self._contents.set_rest_absent("the endpoint lists it, but does not return it")

    def _contents_to_ask(self, *, absent: bool = False) -> Iterator[Asked]:
        options: Json = {"commitment": self._commitment, "encoding": "base64", "maxSupportedTransactionVersion": 0}
        after, first_slot = 0, self._first if absent else 0
        while portion := self._contents.wanted(after, absent=absent, first_slot=first_slot):
            for one in portion:
                yield Asked("getTransaction", [one.signature, options], one)
            after = portion[-1].transaction_id

    def _take_contents(self, answers: list[Answer]) -> None:
        found, absent = list[tuple[Wanted, RawTransaction, Discovery]](), dict[int, str]()
        for answer in answers:
            wanted: Wanted = answer.what
            if answer.error is not None:
                absent[wanted.transaction_id] = _absence(answer.error)
                continue
            try:
                transaction = read_raw_transaction(answer.result, wanted.signature, wanted.commitment)
                discovery = None if transaction is None else discover(transaction, self._instance, self._programs)
            except ValueError as error:
                absent[wanted.transaction_id] = f"the endpoint returns it in an invalid form: {error}"
                continue
            if transaction is not None and discovery is not None:
                found.append((wanted, transaction, discovery))
            elif wanted.slot < self._first:
                absent[wanted.transaction_id] = f"the ledger of the endpoint begins at slot {self._first:,}"
        if absent:
            self._contents.set_absent(absent)
        if found:
            self._contents.add_content(found)
            self.fetched += len(found)
            self.wait.now(f"{self.fetched:,} transactions read")


def _absence(error: RpcError) -> str:
    return _ABSENT_CODES.get(error.rpc_code, f"the endpoint rejects the request with error {error.rpc_code}")
