"""What the cluster and the journal know about a transaction: its outcome or a simulation, and the runs it concerns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from psyche_cli.errors import AccountError, JournalError, NetworkError, RpcError
from psyche_cli.protocol.accounts.small_accounts import decode_instance, decode_treasurer_run
from psyche_cli.protocol.addresses import instance_address, treasurer_index, treasurer_run_address
from psyche_cli.protocol.instructions.descriptions import describe_instructions
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.lookup_tables import with_tables
from psyche_cli.solana.money import MoneyEffects, effects_between, with_decimals
from psyche_cli.solana.rpc.codes import TRANSACTION_HISTORY_NOT_AVAILABLE
from psyche_cli.solana.rpc.whole_transactions import LedgerTransaction, ledger_transaction
from psyche_cli.solana.token_state import token_account_of

if TYPE_CHECKING:
    from solders.pubkey import Pubkey
    from solders.signature import Signature

    from psyche_cli.operations.sessions import Session
    from psyche_cli.protocol.programs import ProgramIds
    from psyche_cli.solana.messages import DecodedMessage
    from psyche_cli.solana.raw_account import RawAccount
    from psyche_cli.solana.rpc.client import RpcClient
    from psyche_cli.solana.rpc.types import Simulation
    from psyche_cli.solana.sending.journal import Journal, JournalEntry

_INSTANCE, _TREASURER_RUN = "coordinator_instance", "run"


class Found(NamedTuple):
    """What is known about a transaction besides its bytes.

    ``endpoint`` is the label of the endpoint, if it responded. ``missing`` are sentences about what could not be found
    out. ``effects`` are those on the cluster or in the simulation.
    """

    message: DecodedMessage
    endpoint: str | None = None
    ledger: LedgerTransaction | None = None
    simulation: Simulation | None = None
    effects: MoneyEffects | None = None
    run_ids: Mapping[Pubkey, str] = {}
    missing: tuple[str, ...] = ()


def journal_record(journal: Journal, signature: Signature | None) -> tuple[JournalEntry | None, str]:
    """The record of a transaction, and a sentence if the journal cannot be read. Creates nothing."""
    if signature is None:
        return None, ""
    try:
        return journal.entry(str(signature)), ""
    except JournalError as error:
        return None, error.message


def recorded_runs(journal: Journal, programs: ProgramIds = PUBLISHED) -> dict[Pubkey, str]:
    """The ids of the runs in the journal by the addresses of their instances and treasurer Runs."""
    try:
        ids = {entry.run_id for entry in journal.entries()}
    except JournalError:
        return {}
    found = {}
    for run_id in ids - {None}:
        assert run_id is not None
        found[instance_address(run_id, programs)] = run_id
        found[treasurer_run_address(treasurer_index(run_id), programs)] = run_id
    return found


def find_in_ledger(session: Session, signature: Signature) -> LedgerTransaction | None:
    """The transaction in the ledger of the endpoint, or None if it does not know it. Raises NetworkError."""
    try:
        return ledger_transaction(session.rpc, signature)
    except RpcError as error:
        if error.rpc_code != TRANSACTION_HISTORY_NOT_AVAILABLE:
            raise
        return None


def look_up_landed(session: Session, ledger: LedgerTransaction, known: Mapping[Pubkey, str]) -> Found:
    """The runs that a landed transaction concerns."""
    found = Found(ledger.message, session.rpc.label, ledger, effects=ledger.effects, run_ids=known)
    owners = {token.address: token.owner for token in ledger.effects.tokens if token.owner is not None}
    try:
        return found._replace(run_ids={**known, **_runs(session, ledger.message, {}, owners)})
    except NetworkError as error:
        return found._replace(missing=(f"The runs are not known: {error.message}",))


def look_up_unlanded(session: Session, message: DecodedMessage, known: Mapping[Pubkey, str]) -> Found:
    """Lookup tables, runs, and a simulation of a transaction that has not landed."""
    found = Found(message, session.rpc.label, run_ids=known)
    try:
        if message.lookups:
            tables = session.rpc.accounts([lookup.table for lookup in message.lookups])
            message = with_tables(message, tables)
            found = found._replace(message=message)
            if message.unresolved:
                found = found._replace(missing=("A lookup table does not exist, or has too few addresses.",))
        addresses = [account.address for account in message.accounts if account.address is not None]
        before = dict(zip(addresses, session.rpc.accounts(addresses), strict=True))
        tokens = {address: token_account_of(raw) for address, raw in before.items() if raw is not None}
        owners = {address: token.owner for address, token in tokens.items() if token is not None}
        found = found._replace(run_ids={**known, **_runs(session, message, before, owners)})
        writable = [one.address for one in message.accounts if one.is_writable and one.address is not None]
        simulation = session.rpc.simulate_unsigned(message.as_transaction(), accounts=writable)
        found = found._replace(simulation=simulation)
        if simulation.accounts is not None:
            effects = effects_between([before[address] for address in writable], simulation.accounts)
            found = found._replace(effects=_with_decimals(session.rpc, effects, before))
    except NetworkError as error:
        return found._replace(missing=(*found.missing, f"It could not be simulated: {error.message}"))
    return found


def _with_decimals(rpc: RpcClient, effects: MoneyEffects, known: Mapping[Pubkey, RawAccount | None]) -> MoneyEffects:
    """The effects with the decimals of the mints, which are requested unless they are among the known accounts."""
    mints = dict.fromkeys(one.mint for one in effects.tokens if one.decimals is None)
    if not mints:
        return effects
    asked = [mint for mint in mints if mint not in known]
    fetched = dict(zip(asked, rpc.accounts(asked), strict=True)) if asked else {}
    return with_decimals(effects, [{**known, **fetched}[mint] for mint in mints])


def _runs(
    session: Session,
    message: DecodedMessage,
    read: Mapping[Pubkey, RawAccount | None],
    owners: Mapping[Pubkey, Pubkey],
) -> dict[Pubkey, str]:
    """The ids of the runs whose accounts the message names, by the addresses of these accounts.

    ``read`` are accounts that were read already; ``owners`` are the owners of token accounts, of which the vault of a
    run is owned by its treasurer Run.
    """
    named = _named_runs(message, session.programs, owners)
    raws = _accounts(session.rpc, [address for pair in named for address in pair], read)
    instances = [_instance_of(pair, raws, session.programs) for pair in named]
    raws |= _accounts(session.rpc, instances, {**read, **raws})
    found: dict[Pubkey, str] = {}
    for pair, instance in zip(named, instances, strict=True):
        run_id = None if instance is None else _run_id(raws.get(instance), session.programs)
        if run_id is not None:
            found.update(dict.fromkeys([address for address in pair if address is not None], run_id))
    return found | {token: found[owner] for token, owner in owners.items() if owner in found}


def _named_runs(
    message: DecodedMessage, programs: ProgramIds, owners: Mapping[Pubkey, Pubkey]
) -> list[tuple[Pubkey | None, Pubkey | None]]:
    """The addresses of the instance and of the treasurer Run that each instruction names, and owners of tokens."""
    pairs = [(one.account(_INSTANCE), one.account(_TREASURER_RUN)) for one in describe_instructions(message, programs)]
    signers = {signer.address for signer in message.signers}  # a program's account never signs
    pairs += [(None, owner) for owner in owners.values() if owner not in signers]
    return [pair for pair in dict.fromkeys(pairs) if pair != (None, None)]


def _accounts(
    rpc: RpcClient, addresses: Iterable[Pubkey | None], read: Mapping[Pubkey, RawAccount | None]
) -> dict[Pubkey, RawAccount | None]:
    """The accounts at these addresses, those that were not read yet in one request."""
    wanted = list(dict.fromkeys(address for address in addresses if address is not None))
    asked = [address for address in wanted if address not in read]
    fetched = dict(zip(asked, rpc.accounts(asked), strict=True)) if asked else {}
    return {address: fetched[address] if address in fetched else read[address] for address in wanted}


def _instance_of(
    pair: tuple[Pubkey | None, Pubkey | None], raws: Mapping[Pubkey, RawAccount | None], programs: ProgramIds
) -> Pubkey | None:
    """The address of a run's instance, if necessary from its treasurer Run."""
    instance, treasurer = pair
    raw = None if instance is not None or treasurer is None else raws.get(treasurer)
    if raw is None:
        return instance
    try:
        return decode_treasurer_run(raw, programs).coordinator_instance
    except AccountError:
        return None


def _run_id(raw: RawAccount | None, programs: ProgramIds) -> str | None:
    try:
        return None if raw is None else decode_instance(raw, programs).run_id
    except AccountError:
        return None
