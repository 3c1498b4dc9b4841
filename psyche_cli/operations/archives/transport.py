"""A transport that answers requests from an archive, so that commands need not know where a run is read from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from psyche_cli.errors import NotInArchive
from psyche_cli.json_values import STRICT_ENCODER, Json
from psyche_cli.operations.archives.accounts import (
    ArchivedAccount,
    Slice,
    account_view,
    answered,
    found_by,
    read_record,
)
from psyche_cli.operations.archives.format import ACCOUNTS, LARGEST_ACCOUNTS, Search
from psyche_cli.operations.archives.ledger import ArchivedLedger
from psyche_cli.operations.archives.reading import ArchiveFile
from psyche_cli.printable import printable
from psyche_cli.solana.rpc.client import SIGNATURES_PER_CALL


class ArchiveTransport:
    """Answers requests from the archive in a file. Used by one thread.

    ``send`` raises NotInArchive for what the archive does not contain, and the errors of ``ArchiveFile``. The
    constructor raises ArchiveTooNew, too.
    """

    def __init__(self, path: Path) -> None:
        self.file = ArchiveFile(path)
        self.ledger = ArchivedLedger(self.file)

    @property
    def label(self) -> str:
        """The archive for display."""
        return f"the archive {printable(self.file.path.name)}"

    def close(self) -> None:
        """Close the archive, and remove temporary files."""
        self.ledger.close()
        self.file.close()

    def send(self, body: bytes, *, timeout: float) -> bytes:  # noqa: ARG002 -- nothing is waited for
        """The response to a request, or to a batch of them."""
        request = json.loads(body)
        answer = [self._answer(one) for one in request] if isinstance(request, list) else self._answer(request)
        return STRICT_ENCODER.encode(answer).encode()

    def missing(self, what: str, *, address: str | None = None, method: str | None = None) -> NotInArchive:
        """The error for something that the archive does not contain."""
        manifest = self.file.manifest
        return NotInArchive(
            f"The archive {self.file.path} does not contain {what}.",
            hint=f"It contains the run {manifest.run_id!r} as of slot {manifest.slot:,}, and what belongs to it.",
            path=str(self.file.path),
            address=address,
            method=method,
        )

    def _answer(self, request: Any) -> Json:
        method: str = request["method"]
        find = _METHODS.get(method)
        if find is None:
            raise self.missing(f"the answer to the request {method}", method=method)
        return {"jsonrpc": "2.0", "id": request["id"], "result": find(self, request["params"])}

    @cached_property
    def _accounts(self) -> Mapping[str, ArchivedAccount]:
        if self.file.manifest.members[ACCOUNTS].size > LARGEST_ACCOUNTS:
            raise self.file.damaged("its accounts are too large")
        return {str(one.address): one for one in self.file.records(ACCOUNTS, read_record)}

    def _with_context(self, value: Json) -> Json:
        return {"context": {"slot": self.file.manifest.slot}, "value": value}

    # --- methods ----------------------------------------------------------------------------------------------------

    def _multiple_accounts(self, params: Any) -> Json:
        return self._with_context([self._account(address, params[1].get("dataSlice")) for address in params[0]])

    def _account(self, address: str, part: Any = None) -> Json:
        found = self._accounts.get(address)
        if found is None:
            raise self.missing(f"the account {address}", address=address)
        if found.account is None:
            return None
        view = account_view(found.account, None if part is None else Slice(part["offset"], part["length"]))
        if view is None:
            raise self.missing(f"all data of the account {address}", address=address)
        return view

    def _program_accounts(self, params: Any) -> Json:
        search = Search(params[0], params[1].get("filters", []))
        if not answered(self.file.manifest.searches, search):
            raise self.missing("all accounts that this command needs", method="getProgramAccounts")
        with self.file.damage_reported(ACCOUNTS):
            found = [*found_by(self._accounts, search)]
        return [{"pubkey": str(raw.address), "account": self._account(str(raw.address))} for raw in found]

    def _balance(self, params: Any) -> Json:
        account = self._account(params[0], {"offset": 0, "length": 0})
        return self._with_context(0 if account is None else account["lamports"])

    def _signatures(self, params: Any) -> Json:
        address, options = params
        if not self.ledger.has(address):
            raise self.missing(f"the transactions of {address}", address=address)
        limit = options.get("limit", SIGNATURES_PER_CALL)
        return self.ledger.signatures(address, limit=limit, before=options.get("before"), until=options.get("until"))

    def _transaction(self, params: Any) -> Json:
        return self.ledger.transaction(params[0], params[1]["encoding"])

    def _statuses(self, params: Any) -> Json:
        return self._with_context([self.ledger.status(one) for one in params[0]])

    def _genesis_hash(self, _: Any) -> Json:
        return self.file.manifest.genesis_hash

    def _slot(self, _: Any) -> Json:
        return self.file.manifest.slot


_METHODS: Final[Mapping[str, Callable[[ArchiveTransport, Any], Json]]] = {
    "getMultipleAccounts": ArchiveTransport._multiple_accounts,
    "getProgramAccounts": ArchiveTransport._program_accounts,
    "getBalance": ArchiveTransport._balance,
    "getSignaturesForAddress": ArchiveTransport._signatures,
    "getTransaction": ArchiveTransport._transaction,
    "getSignatureStatuses": ArchiveTransport._statuses,
    "getGenesisHash": ArchiveTransport._genesis_hash,
    "getSlot": ArchiveTransport._slot,
}
