"""Creates funded wallets and token mints for rehearsals and tests, on any cluster."""

from __future__ import annotations

from pathlib import Path

from solders.pubkey import Pubkey

from psyche_cli.amounts import SOL_DECIMALS, format_amount, format_sol, parse_amount
from psyche_cli.environment import Environment
from psyche_cli.errors import UsageError
from psyche_cli.limits import MAX_DECIMALS, MINT_BYTES, TOKEN_ACCOUNT_BYTES
from psyche_cli.operations.effects.ledger import Ledger
from psyche_cli.operations.funds import accounts_and_funds, require_lamports
from psyche_cli.operations.localnet.airdrop import request_sol
from psyche_cli.operations.localnet.payloads import FundedWalletData, NewMintData, NewWalletData
from psyche_cli.operations.rewards.collateral import in_both_units
from psyche_cli.operations.sending import read_if_possible
from psyche_cli.operations.sessions import reading_session
from psyche_cli.operations.signing import SigningSession
from psyche_cli.private_keys import refuse_key_as_path
from psyche_cli.protocol.accounts.token_accounts import TokenMint
from psyche_cli.protocol.addresses import associated_token_address
from psyche_cli.redaction import Redactor
from psyche_cli.results import OperationResult, PlainText
from psyche_cli.solana.programs import TOKEN_PROGRAM
from psyche_cli.solana.wallet import Wallet, keypair_file_address


def new_wallet(environment: Environment, path: Path, *, rpc: str, airdrop: str | None) -> PlainText[NewWalletData]:
    """Create a keypair file readable only by the user, and top its address up to ``airdrop`` SOL (exact decimal).

    With ``airdrop``, the file may already exist. Its key is kept, and only the missing amount is requested from the
    faucet, so repeating the command changes nothing. The text of the result is only the public key, for use in
    ``$(...)``. Raises WalletError if the file exists and ``airdrop`` is None, or if it is not a keypair file;
    InvalidAmount; UsageError if a key was given as the path; and the errors of ``request_sol``.
    """
    wanted = None if airdrop is None else parse_amount(airdrop, SOL_DECIMALS, "--airdrop")
    refuse_key_as_path("the file to create", path)
    report = environment.diagnostics.line
    exists = wanted is not None and _exists(path)
    if exists:
        address = keypair_file_address(path, environment.redactor)
        report(f"{path} already exists; keeping its key.")
    else:
        address = _create_keypair_file(path, environment.redactor)
        report(f"Wrote a new keypair to {path}.")
    data = NewWalletData(address=str(address), path=str(path), created=not exists)
    if wanted is not None:
        with reading_session(environment, rpc=rpc) as session:
            balance: int | None = session.rpc.balance(address)
            if balance is not None and balance < wanted:
                request_sol(session.rpc, environment.clock, address, wanted - balance)
                balance = read_if_possible(lambda: session.rpc.balance(address))
        report("The wallet was funded." if balance is None else f"The wallet holds {format_sol(balance)} SOL.")
        data = FundedWalletData(data.address, data.path, data.created, lamports=balance)
    return PlainText(text=str(address), data=data)


def _exists(path: Path) -> bool:
    """Whether the file exists; False if that cannot be determined, in which case creating it reports the reason."""
    try:
        return path.exists()
    except OSError:
        return False


def _create_keypair_file(path: Path, redactor: Redactor) -> Pubkey:
    wallet = Wallet.generate(str(path))
    wallet.hide_in(redactor)
    wallet.write_keypair_file(path)
    return wallet.address


def new_mint(session: SigningSession, *, decimals: int, amount: str) -> OperationResult[NewMintData]:
    """Create an SPL mint and mint ``amount`` whole tokens (exact decimal) to the wallet, in one transaction.

    The wallet is the mint authority. Raises InvalidAmount, UsageError, and the errors of sending.
    """
    if not 0 <= decimals <= MAX_DECIMALS:
        raise UsageError(f"Invalid number of decimals: {decimals}.", hint=f"Use 0 to {MAX_DECIMALS}.")
    base_units = parse_amount(amount, decimals, "--amount", allow_zero=True)
    owner, mint = session.authority, Wallet.generate("the new mint")
    holder = associated_token_address(owner, mint.address)
    _, funds = accounts_and_funds(session, [holder])
    mint_rent = funds.rent.exempt_minimum(MINT_BYTES)
    instructions = [
        *session.instructions.create_mint(
            payer=owner, mint=mint.address, lamports=mint_rent, decimals=decimals, authority=owner
        ),
        session.instructions.create_associated_token_account(payer=owner, owner=owner, mint=mint.address),
    ]
    if base_units > 0:
        instructions.append(
            session.instructions.mint_tokens(
                authority=owner, mint=mint.address, destination=holder, amount=base_units, decimals=decimals
            )
        )
    rent = mint_rent + funds.rent.exempt_minimum(TOKEN_ACCOUNT_BYTES)
    require_lamports(session, funds, instructions, rent=rent)

    def effects(ledger: Ledger) -> None:
        content = TokenMint(mint.address, decimals, base_units, owner)
        ledger.create(mint.address, owner=TOKEN_PROGRAM, size=MINT_BYTES, rent=funds.rent, content=content)
        ledger.create_token_account(holder, owner=owner, mint=mint.address, rent=funds.rent)
        ledger.add_tokens(holder, base_units)

    receipt = session.send(
        instructions,
        extra_signers=[mint],
        label="new mint",
        expected=effects,
        creates={str(mint.address): "mint"},
    )
    return OperationResult(
        summary=f"Created the mint {mint.address} with {decimals} decimals.",
        data=NewMintData(
            mint=str(mint.address),
            token_account=str(holder),
            owner=str(owner),
            decimals=decimals,
            minted=in_both_units(base_units, decimals),
        ),
        details=(
            ("mint", str(mint.address)),
            ("token account", str(holder)),
            ("minted", format_amount(base_units, decimals)),
        ),
        transactions=(receipt,),
    )
