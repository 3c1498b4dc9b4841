"""Close a run and create another one, possibly with the same id, in one transaction."""

from __future__ import annotations

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.limits import COORDINATOR_ACCOUNT_BYTES
from psyche_cli.operations.effects.ledger import Effects, Ledger
from psyche_cli.operations.funds import accounts_and_funds, require_lamports
from psyche_cli.operations.runs.close_run import check_closing
from psyche_cli.operations.runs.close_run import effects_of as effects_of_closing
from psyche_cli.operations.runs.create_run import (
    NewRun,
    RunRequest,
    addresses_of,
    existing_account_error,
    plan,
    require_available,
    validate,
)
from psyche_cli.operations.runs.create_run import effects_of as effects_of_creation
from psyche_cli.operations.runs.find import Run
from psyche_cli.operations.sending import send_creation
from psyche_cli.operations.signing import SigningSession
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.receipts import Receipt
from psyche_cli.solana.rent import Rent
from psyche_cli.solana.wallet import Wallet

LABEL = "recreate run"
"""The label of the transaction."""


def recreate_run(session: SigningSession, old: Run, request: RunRequest) -> Receipt:
    """Close ``old`` and create the requested run with its rent. The wallet owns both, and must have confirmed it.

    As it is one transaction, the old run is only closed if the new one can be created, and nobody else can take its id
    in between. Raises the errors of ``check_closing`` and ``create_run``.
    """
    check_closing(session, old)
    new = validate(request, session.authority, session.programs)
    addresses = addresses_of(new)
    found, funds = accounts_and_funds(session, addresses)
    is_replaced = new.instance == old.instance.address
    if is_replaced:
        found[0] = None  # as it is when the new run is created
    other_rent = require_available(session, new, found, funds.rent)
    account = Wallet.generate("the new coordinator account")
    account_rent = funds.rent.exempt_minimum(COORDINATOR_ACCOUNT_BYTES)
    instructions = recreation(session.instructions, old, new, account.address, account_rent)
    recovered = old.instance.lamports + old.account.lamports
    require_lamports(session, funds, instructions, rent=max(account_rent + other_rent - recovered, 0))
    return send_creation(
        lambda: session.send(
            instructions,
            extra_signers=(account,),
            label=LABEL,
            expected=_effects(session, old, new, account.address, funds.rent),
            creates={str(account.address): "coordinator account"},
        ),
        lambda: None if is_replaced else existing_account_error(session, new, session.rpc.accounts(addresses)),
    )


def recreation(
    instructions: Instructions, old: Run, new: NewRun, account: Pubkey, account_rent: int
) -> list[Instruction]:
    """The instructions of the transaction. ``account_rent`` is in lamports."""
    owner = new.main_authority
    close = instructions.free_coordinator(
        authority=owner, spill=owner, instance=old.instance.address, account=old.account.address
    )
    return [close, *plan(instructions, new, account, account_rent)]


def _effects(session: SigningSession, old: Run, new: NewRun, account: Pubkey, rent: Rent) -> Effects:
    closing = effects_of_closing(old, session.authority)
    creation = effects_of_creation(new, account, rent, session.programs)

    def effects(ledger: Ledger) -> None:
        closing(ledger)
        creation(ledger)

    return effects
