"""Create a run: its accounts, its authorities, and its treasurer if a collateral mint is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.amounts import format_sol
from psyche_cli.errors import AccountNotFound, AlreadyExists, UsageError
from psyche_cli.limits import (
    COORDINATOR_ACCOUNT_BYTES,
    COORDINATOR_INSTANCE_BYTES,
    TOKEN_ACCOUNT_BYTES,
    TREASURER_RUN_BYTES,
)
from psyche_cli.model.instructions import Update
from psyche_cli.model.states import initial_state
from psyche_cli.operations.effects.ledger import Effects, Ledger
from psyche_cli.operations.funds import accounts_and_funds, require_lamports
from psyche_cli.operations.runs.find import Run, find_run
from psyche_cli.operations.runs.payloads import CreateRunData, NewTreasurer
from psyche_cli.operations.sending import read_if_possible, send_creation
from psyche_cli.operations.signing import SigningSession
from psyche_cli.protocol.accounts.small_accounts import CoordinatorInstance, TreasurerRun
from psyche_cli.protocol.accounts.token_accounts import decode_mint
from psyche_cli.protocol.addresses import (
    associated_token_address,
    check_new_run_id,
    find_instance,
    find_treasurer_run,
    instance_address,
    parse_pubkey,
    treasurer_index,
    treasurer_run_address,
)
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.run_config.problems import configuration_error
from psyche_cli.run_config.rules import check_client_version, check_metadata
from psyche_cli.run_config.stored_text import seed_problems
from psyche_cli.solana.raw_account import RawAccount
from psyche_cli.solana.rent import Rent
from psyche_cli.solana.wallet import Wallet
from psyche_cli.suggestions import write_example

CONFIG_FILE = "run.toml"


@dataclass(frozen=True)
class RunRequest:
    """The requested run, before validation. None means the default or absent.

    ``collateral_mint`` (base58) requests a run with a treasurer, and ``treasurer_index`` (u64) a custom index for it.
    """

    run_id: str
    client_version: str = "latest"
    join_authority: str | None = None
    collateral_mint: str | None = None
    treasurer_index: int | None = None
    name: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class TreasurerPlan:
    """The treasurer's Run account to create, its vault, and the mint of the token it pays."""

    index: int
    run: Pubkey
    vault: Pubkey
    mint: Pubkey


@dataclass(frozen=True)
class NewRun:
    """The validated properties and derived addresses of a run to create."""

    run_id: str
    instance: Pubkey
    main_authority: Pubkey
    join_authority: Pubkey
    client_version: str
    metadata: dict[str, object] | None
    treasurer: TreasurerPlan | None


def create_run(session: SigningSession, request: RunRequest) -> OperationResult[CreateRunData]:
    """Create a run in one transaction. The wallet pays and becomes its main authority.

    It must be one transaction, because anyone could initialize a coordinator account that exists uninitialized. The
    rent is reported before anything is signed. If an interrupted attempt has created the run as requested, that is the
    result, and nothing is sent. Raises UsageError, ConfigurationError, AlreadyExists (also if another
    process creates the run at the same time), AccountNotFound, AccountError, InsufficientFunds.
    """
    new = validate(request, session.authority, session.programs)
    found, funds = accounts_and_funds(session, addresses_of(new))
    if session.earlier is not None and (run := _run_of_earlier_attempt(session, new, found)) is not None:
        held = sum(raw.lamports for raw in found[:3] if raw is not None)
        account_address = run.instance.coordinator_account
        return _result(session, new, account_address, held + run.account.lamports, session.earlier)
    other_rent = require_available(session, new, found, funds.rent)
    account = Wallet.generate("the new coordinator account")
    account_rent = funds.rent.exempt_minimum(COORDINATOR_ACCOUNT_BYTES)
    instructions = plan(session.instructions, new, account.address, account_rent)
    rent = account_rent + other_rent
    require_lamports(session, funds, instructions, rent=rent)
    receipt = send_creation(
        lambda: session.send(
            instructions,
            extra_signers=(account,),
            label="create run",
            expected=effects_of(new, account.address, funds.rent, session.programs),
            creates={str(account.address): "coordinator account"},
        ),
        lambda: existing_account_error(session, new, session.rpc.accounts(addresses_of(new))),
    )
    return _result(session, new, account.address, rent, receipt)


def _result(
    session: SigningSession, new: NewRun, account: Pubkey, rent: int, receipt: Receipt
) -> OperationResult[CreateRunData]:
    """The result; ``account`` is the coordinator account, and ``rent`` is in lamports."""
    return OperationResult(
        summary=f"Created run {new.run_id}. It is Uninitialized: configure it next.",
        data=CreateRunData(
            run_id=new.run_id,
            coordinator_instance=str(new.instance),
            coordinator_account=str(account),
            main_authority=str(new.main_authority),
            join_authority=str(new.join_authority),
            client_version=new.client_version,
            already_so=False,
            locked_lamports=rent,
            treasurer=_treasurer_data(new.treasurer),
        ),
        details=(
            ("instance", str(new.instance)),
            ("coordinator account", str(account)),
            ("main authority", str(new.main_authority) + (" (through the treasurer)" if new.treasurer else "")),
            ("join authority", str(new.join_authority)),
            ("client version", new.client_version),
            *_treasurer_details(new.treasurer),
            ("rent locked", f"{format_sol(rent)} SOL"),
        ),
        transactions=(receipt,),
        next_steps=_next_steps(session, new),
    )


def plan(instructions: Instructions, new: NewRun, account: Pubkey, account_rent: int) -> list[Instruction]:
    """The instructions of the transaction: create the account, initialize it, and set the metadata if requested.

    ``account_rent`` is in lamports.
    """
    payer = new.main_authority
    create = instructions.create_coordinator_account(payer=payer, account=account, lamports=account_rent)
    shared: dict[str, Any] = {
        "payer": payer,
        "run_id": new.run_id,
        "account": account,
        "join_authority": new.join_authority,
        "client_version": new.client_version,
        "main_authority": payer,
    }
    owner: dict[str, Any] = {"authority": payer, "instance": new.instance, "account": account, "metadata": new.metadata}
    if new.treasurer is None:
        initialize = instructions.init_coordinator(**shared)
        set_metadata = [instructions.update(**owner)] if new.metadata else []
    else:
        initialize = instructions.run_create(**shared, index=new.treasurer.index, collateral_mint=new.treasurer.mint)
        set_metadata = [instructions.run_update(**owner, run=new.treasurer.run)] if new.metadata else []
    return [create, initialize, *set_metadata]


def effects_of(new: NewRun, account: Pubkey, rent: Rent, programs: ProgramIds) -> Effects:
    """The effects: the created accounts with their rent and content."""
    treasurer = new.treasurer
    main_authority = new.main_authority if treasurer is None else treasurer.run
    instance, bump = find_instance(new.run_id, programs)
    content = CoordinatorInstance(instance, 0, bump, main_authority, new.join_authority, account, new.run_id)
    state = initial_state(new.run_id, new.client_version)

    def effects(ledger: Ledger) -> None:
        owner = programs.coordinator
        ledger.create(account, owner=owner, size=COORDINATOR_ACCOUNT_BYTES, rent=rent, content=state)
        ledger.create(instance, owner=owner, size=COORDINATOR_INSTANCE_BYTES, rent=rent, content=content)
        if treasurer is not None:
            _create_treasurer(ledger, new, treasurer, account, rent, programs)
        if new.metadata:
            ledger.run(account, Update(metadata=new.metadata), signer=new.main_authority)

    return effects


def _create_treasurer(
    ledger: Ledger, new: NewRun, treasurer: TreasurerPlan, account: Pubkey, rent: Rent, programs: ProgramIds
) -> None:
    run, bump = find_treasurer_run(treasurer.index, programs)
    content = TreasurerRun(
        address=run,
        lamports=0,
        bump=bump,
        index=treasurer.index,
        main_authority=new.main_authority,
        join_authority=new.join_authority,
        coordinator_account=account,
        coordinator_instance=new.instance,
        collateral_mint=treasurer.mint,
        total_claimed_collateral_amount=0,
        total_claimed_earned_points=0,
    )
    ledger.create(run, owner=programs.treasurer, size=TREASURER_RUN_BYTES, rent=rent, content=content)
    ledger.create_token_account(treasurer.vault, owner=run, mint=treasurer.mint, rent=rent)


def validate(request: RunRequest, wallet: Pubkey, programs: ProgramIds) -> NewRun:
    """Validate a request as far as possible offline, and derive all addresses.

    Raises InvalidRunId, InvalidPublicKey, UsageError, ConfigurationError.
    """
    run_id = check_new_run_id(request.run_id)
    problems = check_client_version(request.client_version)
    problems += check_metadata(name=request.name, description=request.description)
    if problems:
        raise configuration_error(problems, subject="The run's description")
    given = request.join_authority
    join_authority = wallet if given is None else parse_pubkey(given, "--join-authority")
    stored = {
        "run_id": run_id,
        "client_version": request.client_version,
        "metadata": {"name": request.name, "description": request.description},
    }
    problems = seed_problems(stored, (wallet, join_authority))
    if problems:
        raise configuration_error(problems, subject="The run's description")
    if request.treasurer_index is not None and request.collateral_mint is None:
        raise UsageError(
            "--treasurer-index requires --treasurer-collateral-mint.",
            hint="Specify the mint of the reward token, or omit --treasurer-index.",
        )
    metadata: dict[str, object] = {
        "name": request.name or "",
        "description": request.description or "",
        "num_parameters": 0,
        "vocab_size": 0,
    }
    return NewRun(
        run_id=run_id,
        instance=instance_address(run_id, programs),
        main_authority=wallet,
        join_authority=join_authority,
        client_version=request.client_version,
        metadata=metadata if request.name or request.description else None,
        treasurer=_plan_treasurer(request, programs),
    )


def _plan_treasurer(request: RunRequest, programs: ProgramIds) -> TreasurerPlan | None:
    if request.collateral_mint is None:
        return None
    mint = parse_pubkey(request.collateral_mint, "--treasurer-collateral-mint")
    index = treasurer_index(request.run_id) if request.treasurer_index is None else request.treasurer_index
    run = treasurer_run_address(index, programs)
    return TreasurerPlan(index=index, run=run, vault=associated_token_address(run, mint), mint=mint)


def require_available(session: SigningSession, new: NewRun, found: Sequence[RawAccount | None], rent: Rent) -> int:
    """The rent in lamports of the run's accounts except the coordinator account. Raises if the run cannot be created.

    Lamports that an address already holds count toward its rent.
    """
    error = existing_account_error(session, new, found)
    if error is not None:
        raise error
    sizes = [COORDINATOR_INSTANCE_BYTES]
    if new.treasurer is not None:
        mint = found[3]
        if mint is None:
            raise AccountNotFound(
                f"The mint {new.treasurer.mint} does not exist on {session.rpc.label}.",
                hint="Check --treasurer-collateral-mint and --rpc.",
                address=str(new.treasurer.mint),
            )
        decode_mint(mint)
        sizes += [TREASURER_RUN_BYTES, TOKEN_ACCOUNT_BYTES]
    held = [raw.lamports if raw else 0 for raw in found]
    return sum(max(rent.exempt_minimum(size) - lamports, 0) for size, lamports in zip(sizes, held, strict=False))


def addresses_of(new: NewRun) -> list[Pubkey]:
    """The run's instance, and with a treasurer also the treasurer's Run, its vault and its mint."""
    if new.treasurer is None:
        return [new.instance]
    return [new.instance, new.treasurer.run, new.treasurer.vault, new.treasurer.mint]


def existing_account_error(
    session: SigningSession, new: NewRun, found: Sequence[RawAccount | None]
) -> AlreadyExists | None:
    """The error for the first of the run's accounts that already exists; None if all addresses are available."""
    if _is_taken(found[0]):
        return _existing_run(session, new)
    if new.treasurer is None:
        return None
    if _is_taken(found[1]):
        return AlreadyExists(
            f"A treasurer run with index {new.treasurer.index} already exists.",
            hint="Choose another --treasurer-index, and specify it in all later commands for this run.",
            treasurer_run=str(new.treasurer.run),
        )
    if _is_taken(found[2]):
        return AlreadyExists(
            f"The vault {new.treasurer.vault} already exists, but the program must create it.",
            hint="It was created in advance by another party. Choose another --treasurer-index.",
            vault=str(new.treasurer.vault),
        )
    return None


def _run_of_earlier_attempt(session: SigningSession, new: NewRun, found: Sequence[RawAccount | None]) -> Run | None:
    """The run, if an interrupted attempt has created it as requested now."""
    if not _is_taken(found[0]):
        return None
    run = find_run(session, new.run_id, None if new.treasurer is None else new.treasurer.index)
    return run if _is_as_requested(run, new) else None


def _is_taken(raw: RawAccount | None) -> bool:
    return raw is not None and raw.is_taken


def _existing_run(session: SigningSession, new: NewRun) -> AlreadyExists:
    """The error for an existing run, which may be the requested one if the response to an earlier attempt was lost."""
    inspect = session.given.command("show", run_id=new.run_id)
    index = None if new.treasurer is None else new.treasurer.index
    run = read_if_possible(lambda: find_run(session, new.run_id, index))
    as_requested = run is not None and _is_as_requested(run, new)
    return AlreadyExists(
        f"Run {new.run_id!r} already exists on {session.rpc.label}"
        + (", created by this wallet with these options." if as_requested else "."),
        hint=f"It needs no further creation. To inspect the run: {inspect}"
        if as_requested
        else f"Choose another --run-id, or inspect the existing run: {inspect}",
        instance=str(new.instance),
        as_requested=as_requested,
    )


def _is_as_requested(run: Run, new: NewRun) -> bool:
    """Whether a run has the requested authorities, client version, name, description and collateral mint."""
    treasury, account = run.treasury, run.account
    requested = new.metadata or {}
    return (
        run.main_authority == new.main_authority
        and run.instance.join_authority == new.join_authority
        and account.client_version == new.client_version
        and all(account.metadata[key] == requested.get(key, "") for key in ("name", "description"))
        and (None if treasury is None else treasury.run.collateral_mint)
        == (None if new.treasurer is None else new.treasurer.mint)
    )


def _next_steps(session: SigningSession, new: NewRun) -> tuple[str, ...]:
    """The command that configures the run, preceded by one that writes an example file if none exists."""
    configure = session.given.command("update-config", "--config-path", CONFIG_FILE, run_id=new.run_id)
    if Path(CONFIG_FILE).exists():
        return (configure,)
    return (write_example(CONFIG_FILE), configure)


def _treasurer_data(treasurer: TreasurerPlan | None) -> NewTreasurer | None:
    if treasurer is None:
        return None
    return NewTreasurer(
        index=treasurer.index,
        index_string=str(treasurer.index),
        run=str(treasurer.run),
        vault=str(treasurer.vault),
        collateral_mint=str(treasurer.mint),
    )


def _treasurer_details(treasurer: TreasurerPlan | None) -> tuple[tuple[str, str], ...]:
    if treasurer is None:
        return ()
    return (
        ("treasurer run", str(treasurer.run)),
        ("treasurer index", str(treasurer.index)),
        ("collateral mint", str(treasurer.mint)),
        ("vault", str(treasurer.vault)),
    )
