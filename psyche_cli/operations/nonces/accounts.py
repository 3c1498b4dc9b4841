"""Create, show and close nonce accounts, for transactions that do not expire."""

from __future__ import annotations

from solders.pubkey import Pubkey
from solders.system_program import WithdrawNonceAccountParams, create_nonce_account, withdraw_nonce_account

from psyche_cli.amounts import format_sol
from psyche_cli.errors import NotAuthority
from psyche_cli.operations.elsewhere import read_nonce
from psyche_cli.operations.funds import accounts_and_funds, require_lamports
from psyche_cli.operations.nonces.payloads import ClosedNonceData, NonceData
from psyche_cli.operations.sending import read_if_possible
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.signing import SigningSession
from psyche_cli.results import OperationResult
from psyche_cli.solana.nonces import NONCE_BYTES
from psyche_cli.solana.wallet import Wallet


def create_nonce(session: SigningSession, authority: Pubkey | None) -> OperationResult[NonceData]:
    """Create a nonce account that ``authority`` (None: the wallet) controls. Raises InsufficientFunds."""
    owner, account = authority or session.authority, Wallet.generate("the new nonce account")
    _, funds = accounts_and_funds(session, [])
    rent = funds.rent.exempt_minimum(NONCE_BYTES)
    instructions = list(create_nonce_account(session.payer, account.address, owner, rent))
    require_lamports(session, funds, instructions, rent=rent)
    receipt = session.send(
        instructions,
        extra_signers=[account],
        label="create nonce",
        expected=lambda ledger: ledger.create_nonce_account(account.address, authority=owner, rent=funds.rent),
        creates={str(account.address): "nonce account"},
    )
    created = read_if_possible(lambda: read_nonce(session.rpc, account.address))
    value = None if created is None else str(created[0].value)
    return OperationResult(
        summary=f"Created the nonce account {account.address}.",
        data=NonceData(nonce_account=str(account.address), authority=str(owner), value=value, lamports=rent),
        details=(("authority", str(owner)), ("rent", f"{format_sol(rent)} SOL")),
        transactions=(receipt,),
    )


def show_nonce(session: Session, address: Pubkey) -> OperationResult[NonceData]:
    """The authority and the current value of a nonce account. Raises NotFound."""
    nonce, lamports = read_nonce(session.rpc, address)
    data = NonceData(
        nonce_account=str(address), authority=str(nonce.authority), value=str(nonce.value), lamports=lamports
    )
    return OperationResult(
        summary=f"Nonce account {address}",
        data=data,
        details=(
            ("authority", str(nonce.authority)),
            ("value", str(nonce.value)),
            ("rent", f"{format_sol(lamports)} SOL"),
        ),
    )


def close_nonce(session: SigningSession, address: Pubkey) -> OperationResult[ClosedNonceData]:
    """Close a nonce account of the wallet, which receives the rent. Raises NotFound, NotAuthority."""
    nonce, lamports = read_nonce(session.rpc, address)
    owner = session.authority
    if nonce.authority != owner:
        raise NotAuthority(
            f"The authority of the nonce account {address} is {nonce.authority}, not {owner}.", wallet=str(owner)
        )
    _, funds = accounts_and_funds(session, [])
    instruction = withdraw_nonce_account(
        WithdrawNonceAccountParams(nonce_pubkey=address, authorized_pubkey=owner, to_pubkey=owner, lamports=lamports)
    )
    require_lamports(session, funds, [instruction])
    receipt = session.send([instruction], label="close nonce", expected=lambda ledger: ledger.close(address, owner))
    return OperationResult(
        summary=f"Closed the nonce account {address}; recovered {format_sol(lamports)} SOL of rent.",
        data=ClosedNonceData(nonce_account=str(address), recovered_lamports=lamports, recovered_by=str(owner)),
        details=(("rent recovered by", str(owner)),),
        transactions=(receipt,),
    )
