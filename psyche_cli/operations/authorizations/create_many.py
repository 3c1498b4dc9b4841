"""Authorize the grantees listed in a file, in as few transactions as possible."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.errors import InvalidPublicKey, ProgramRefused, UsageError
from psyche_cli.input_files import file_bytes
from psyche_cli.limits import MAX_TRANSACTION_BYTES, NEW_AUTHORIZATION_BYTES
from psyche_cli.operations.authorizations.create import effects_of, plan
from psyche_cli.operations.authorizations.find import decoded_if_taken
from psyche_cli.operations.authorizations.payloads import AuthorizedFileData, AuthorizedLine
from psyche_cli.operations.effects.ledger import Effects, Ledger
from psyche_cli.operations.funds import accounts_and_funds, require_lamports
from psyche_cli.operations.outlets import PlannedTransaction
from psyche_cli.operations.signing import SigningSession
from psyche_cli.protocol.accounts.small_accounts import Authorization
from psyche_cli.protocol.addresses import authorization_address, parse_pubkey
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.solana.rent import Rent
from psyche_cli.texts import decoded

_LARGEST_FILE: Final = 1024 * 1024
_HEADINGS: Final = ("grantee", "authorizer", "pubkey", "public key", "address", "wallet")
_MOST_SHOWN: Final = 5

Outcome = Literal["created", "activated", "already active", "repeated"]


@dataclass(frozen=True)
class GranteeLine:
    """A key and the number of its line, from 1."""

    line: int
    grantee: Pubkey


@dataclass(frozen=True)
class _Task:
    """The remaining work for a grantee."""

    grantee: Pubkey
    address: Pubkey
    instructions: list[Instruction]
    existing: Authorization | None
    lamports: int

    @property
    def creates(self) -> bool:
        """Whether the authorization does not exist yet."""
        return self.existing is None


def read_grantees(path: Path) -> list[GranteeLine]:
    """The keys in the first column of a CSV file. A header, blank lines and lines starting with # are skipped.

    Raises UsageError with the numbers, but not the text, of lines without a public key.
    """
    lines: list[GranteeLine] = []
    bad: list[int] = []
    for position, (number, cell) in enumerate(_first_cells(_text(path))):
        try:
            lines.append(GranteeLine(number, parse_pubkey(cell, "the key")))
        except InvalidPublicKey:
            if position > 0 or cell.lower() not in _HEADINGS:
                bad.append(number)
    if bad:
        which = ", ".join(map(str, bad[:_MOST_SHOWN])) + (", ..." if len(bad) > _MOST_SHOWN else "")
        raise UsageError(
            f"{path} has no public key in the first column of {'line' if len(bad) == 1 else 'lines'} {which}.",
            hint="Use a CSV file with one public key per line.",
            path=str(path),
        )
    if not lines:
        raise UsageError(f"{path} contains no public keys.", path=str(path))
    return lines


def _first_cells(text: str) -> Iterator[tuple[int, str]]:
    reader = csv.reader(io.StringIO(text))
    try:
        for row in reader:
            cell = row[0].strip() if row else ""
            if cell and not cell.startswith("#"):
                yield reader.line_num, cell
    except csv.Error as error:
        raise UsageError(f"Line {reader.line_num} of the file is not valid CSV.") from error


def _text(path: Path) -> str:
    content = file_bytes(path, _LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        raise UsageError(f"{path} is larger than 1 MiB.", path=str(path))
    try:
        return decoded(content)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text.", path=str(path)) from error


def authorize_grantees(session: SigningSession, lines: Sequence[GranteeLine]) -> OperationResult[AuthorizedFileData]:
    """Create and activate the wallet's join authorization for each grantee that does not have an active one.

    A transaction has room for about eight authorizations, each of which it completes, so repeating the command after a
    failure continues with the remaining ones. Raises InsufficientFunds before anything is sent unless the wallet can
    pay rent and fees for all of them.
    """
    outcomes: dict[Pubkey, tuple[Outcome, str | None]] = {}
    receipts: list[Receipt] = []
    pending = list(dict.fromkeys(line.grantee for line in lines))
    refused_once = False
    while pending:
        tasks, rent = _look(session, pending, outcomes)
        pending = []
        batches = _packed(session, tasks)
        sending = session.send_all(_planned(session, batches, rent))
        for number, batch in enumerate(batches):
            if receipts:
                session.deadline.restart()
            try:
                receipt = next(sending)
            except ProgramRefused as error:
                # Another process may have created one of them. A transaction that was sent and paid for is a failure.
                if refused_once or (error.sent and error.signature not in {receipt.signature for receipt in receipts}):
                    raise
                refused_once = True
                pending = [task.grantee for later in batches[number:] for task in later]
                break
            receipts.append(receipt)
            for task in batch:
                outcomes[task.grantee] = ("created" if task.creates else "activated", receipt.signature)
    return _result(session, lines, outcomes, receipts)


def _planned(session: SigningSession, batches: Sequence[Sequence[_Task]], rent: Rent) -> list[PlannedTransaction]:
    return [
        PlannedTransaction(
            [instruction for task in batch for instruction in task.instructions],
            label=f"authorizations, {len(batch)} of {sum(map(len, batches[number:]))} left",
            expected=_effects_of(session, batch, rent),
        )
        for number, batch in enumerate(batches)
    ]


def _effects_of(session: SigningSession, batch: Sequence[_Task], rent: Rent) -> Effects:
    each = [effects_of(session, task.grantee, task.existing, rent) for task in batch]

    def effects(ledger: Ledger) -> None:
        for apply in each:
            apply(ledger)

    return effects


def _look(
    session: SigningSession, grantees: Sequence[Pubkey], outcomes: dict[Pubkey, tuple[Outcome, str | None]]
) -> tuple[list[_Task], Rent]:
    """The remaining work, and the cluster's rent. Adds already active authorizations to ``outcomes``.

    Raises InsufficientFunds.
    """
    grantor = session.authority
    addresses = [authorization_address(grantor, grantee, session.programs) for grantee in grantees]
    found, funds = accounts_and_funds(session, addresses)
    tasks = []
    for grantee, address, raw in zip(grantees, addresses, found, strict=True):
        existing = decoded_if_taken(session, raw)
        instructions = plan(session.instructions, grantor, grantee, address, existing)
        if instructions:
            tasks.append(_Task(grantee, address, instructions, existing, raw.lamports if raw else 0))
        else:
            outcomes[grantee] = ("already active", None)
    rent = funds.rent.exempt_minimum(NEW_AUTHORIZATION_BYTES)
    if tasks:
        needed = sum(max(rent - task.lamports, 0) for task in tasks if task.creates)
        batches = [[i for task in batch for i in task.instructions] for batch in _packed(session, tasks)]
        require_lamports(session, funds, *batches, rent=needed)
    return tasks, funds.rent


def _packed(session: SigningSession, tasks: Iterable[_Task]) -> list[list[_Task]]:
    """The tasks grouped into transactions, in order, with as many in each as fit."""
    batches: list[list[_Task]] = []
    for task in tasks:
        if batches:
            together = [instruction for one in (*batches[-1], task) for instruction in one.instructions]
            if session.size(together) <= MAX_TRANSACTION_BYTES:
                batches[-1].append(task)
                continue
        batches.append([task])
    return batches


def _result(
    session: SigningSession,
    lines: Sequence[GranteeLine],
    outcomes: Mapping[Pubkey, tuple[Outcome, str | None]],
    receipts: Sequence[Receipt],
) -> OperationResult[AuthorizedFileData]:
    grantor = session.authority
    reports: list[AuthorizedLine] = []
    seen: set[Pubkey] = set()
    for line in lines:
        outcome, signature = outcomes[line.grantee]
        reports.append(
            AuthorizedLine(
                line=line.line,
                grantee=str(line.grantee),
                address=str(authorization_address(grantor, line.grantee, session.programs)),
                outcome="repeated" if line.grantee in seen else outcome,
                signature=None if line.grantee in seen else signature,
            )
        )
        seen.add(line.grantee)
    created = sum(report.outcome == "created" for report in reports)
    activated = sum(report.outcome == "activated" for report in reports)
    count = len(seen)
    done = f"Created {created} and activated {activated} join authorizations, {count} in total."
    return OperationResult(
        summary=done if receipts else f"All {count} join authorizations are already active.",
        data=AuthorizedFileData(
            grantor=str(grantor), already_so=not receipts, created=created, activated=activated, lines=reports
        ),
        details=tuple((f"line {report.line}", f"{report.grantee}  {report.outcome}") for report in reports),
        transactions=tuple(receipts),
    )
