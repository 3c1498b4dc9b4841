"""Who controls a run and its programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psyche_cli.errors import WalletNotFound
from psyche_cli.operations.observe.run_payloads import AuthorityData, ProgramAuthority, Unchangeable
from psyche_cli.operations.runs.find import Run, locate_run
from psyche_cli.operations.sessions import Session
from psyche_cli.results import OperationResult
from psyche_cli.solana.deployments import (
    PROGRAM_DATA_HEADER_BYTES,
    Deployment,
    decode_deployment,
    program_data_address,
)
from psyche_cli.solana.rpc.client import SIGNATURES_PER_CALL
from psyche_cli.solana.wallet import Wallet, load_wallet

if TYPE_CHECKING:
    from pathlib import Path

    from solders.pubkey import Pubkey

    from psyche_cli.environment import Environment
    from psyche_cli.solana.rpc.types import AddressSignature

_MOST_PAGES: Final = 20
"""Maximum number of pages, of 1,000 transactions each, that are searched for the creation of a run."""

_CREATIONS: Final = ("Instruction: InitCoordinator", "Instruction: RunCreate")


def wallet_if_any(environment: Environment, path: Path | None) -> Pubkey | None:
    """The public key of the wallet; None if none was specified and the default one does not exist.

    Raises WalletError for a wallet that was specified and cannot be read.
    """
    wallet = signer_if_any(environment, path)
    return None if wallet is None else wallet.address


def signer_if_any(environment: Environment, path: Path | None) -> Wallet | None:
    """Like ``wallet_if_any``, for the wallet itself."""
    try:
        return load_wallet(environment, path, environment.diagnostics.line)
    except WalletNotFound:
        if path is not None:
            raise
        return None


def check_authority(
    session: Session, *, run_id: str, wallet: Pubkey | None, treasurer_index: int | None = None
) -> OperationResult[AuthorityData]:
    """Find the keys that may administer the run, let members join and upgrade the programs. Compares them with
    ``wallet``.

    Takes three round trips, plus those that find the run's creation. Raises RunNotFound, AccountNotFound for a program
    that is not deployed, AccountError.
    """
    located = locate_run(session, run_id, treasurer_index)
    run = located.read(session.rpc.accounts(located.addresses))
    deployments = deployments_of(session)
    created = creation_slot(session, run)
    programs = [_program(name, deployment, created, wallet) for name, deployment in deployments.items()]
    return _result(run, wallet, created, programs)


def deployments_of(session: Session) -> dict[str, Deployment]:
    """The deployments of the three programs, read without their code."""
    programs = session.programs.by_name
    addresses = [*programs.values(), *map(program_data_address, programs.values())]
    found = session.rpc.accounts(addresses, first_bytes=PROGRAM_DATA_HEADER_BYTES)
    pairs = zip(found[: len(programs)], found[len(programs) :], strict=True)
    return {
        name: decode_deployment(program, raw, data)
        for (name, program), (raw, data) in zip(programs.items(), pairs, strict=True)
    }


def creation_slot(session: Session, run: Run) -> int | None:
    """The slot in which the run was created; None if the node no longer has that transaction or too many followed it.

    Searches the transactions of the coordinator account, which is new for every run. The instance is not new if the run
    id was used before.
    """
    oldest: AddressSignature | None = None
    before = None
    for _ in range(_MOST_PAGES):
        page = session.rpc.signatures_for_address(run.account.address, before=before)
        oldest = next((record for record in reversed(page) if record.err is None), oldest)
        if len(page) < SIGNATURES_PER_CALL:
            break
        before = page[-1].signature
    if oldest is None:
        return None
    logs = session.rpc.transaction_logs(oldest.signature)
    return oldest.slot if logs and any(log.endswith(_CREATIONS) for log in logs) else None


def _program(name: str, deployment: Deployment, created: int | None, wallet: Pubkey | None) -> ProgramAuthority:
    authority, slot = deployment.upgrade_authority, deployment.slot
    return ProgramAuthority(
        name=name,
        address=str(deployment.program),
        loader=str(deployment.loader),
        upgradeable=deployment.upgradeable,
        upgrade_authority=str(authority) if authority else None,
        wallet_is_upgrade_authority=None if wallet is None else wallet == authority,
        last_deploy_slot=slot,
        deployed_after_creation=None if slot is None or created is None else slot > created,
    )


def unchangeable(run: Run) -> list[Unchangeable]:
    """Everything that this version of the programs has no instruction to change."""
    found = [
        Unchangeable(what="main_authority", message="The main authority cannot be changed."),
        Unchangeable(what="join_authority", message="The join authority cannot be changed."),
        Unchangeable(what="run_id", message="The run cannot be renamed."),
    ]
    if run.treasury is None:
        return [*found, Unchangeable(what="treasurer", message="A treasurer cannot be added.")]
    return [
        *found,
        Unchangeable(what="collateral_mint", message="The reward token cannot be changed."),
        Unchangeable(what="close", message="The run cannot be closed, so its rent cannot be recovered."),
        Unchangeable(what="vault", message="Tokens in the vault can only be paid out as rewards."),
    ]


def _result(
    run: Run, wallet: Pubkey | None, created: int | None, programs: list[ProgramAuthority]
) -> OperationResult[AuthorityData]:
    main, join = run.main_authority, run.instance.join_authority
    return OperationResult(
        summary=_summary(run, wallet),
        data=AuthorityData(
            run_id=run.run_id,
            main_authority=str(main),
            join_authority=str(join),
            treasurer=str(run.treasury.run.address) if run.treasury else None,
            wallet=None if wallet is None else str(wallet),
            wallet_is_main_authority=None if wallet is None else wallet == main,
            wallet_is_join_authority=None if wallet is None else wallet == join,
            created_slot=created,
            programs=programs,
            unchangeable=unchangeable(run),
        ),
        details=(
            ("main authority", str(main)),
            *((("through the treasurer", str(run.treasury.run.address)),) if run.treasury else ()),
            ("join authority", str(join)),
            ("created in slot", "unknown" if created is None else str(created)),
            *((f"{program.name} program", _described(program)) for program in programs),
            *(("cannot be changed", item.message) for item in unchangeable(run)),
        ),
        warnings=tuple(
            f"The {program.name} program was deployed in slot {program.last_deploy_slot}, after the run was created: "
            "it may behave differently now."
            for program in programs
            if program.deployed_after_creation
        ),
    )


def _summary(run: Run, wallet: Pubkey | None) -> str:
    if wallet is None:
        return f"Run {run.run_id} is administered by {run.main_authority}."
    roles = [
        role
        for role, key in (("main authority", run.main_authority), ("join authority", run.instance.join_authority))
        if key == wallet
    ]
    if not roles:
        return f"The wallet {wallet} has no authority over run {run.run_id}."
    return f"The wallet {wallet} is the {' and the '.join(roles)} of run {run.run_id}."


def _described(program: ProgramAuthority) -> str:
    if program.upgradeable is None:
        return f"unknown loader {program.loader}"
    if not program.upgradeable:
        return "cannot be upgraded"
    since = "" if program.last_deploy_slot is None else f", last deployed in slot {program.last_deploy_slot}"
    yours = " (the wallet)" if program.wallet_is_upgrade_authority else ""
    return f"upgrade authority {program.upgrade_authority}{yours}{since}"
