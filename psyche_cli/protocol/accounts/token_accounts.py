"""Accounts of the classic SPL Token program, the only token program that the treasurer supports."""

from __future__ import annotations

from typing import NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.errors import WrongOwner, WrongSize
from psyche_cli.limits import MINT_BYTES, TOKEN_ACCOUNT_BYTES
from psyche_cli.protocol.accounts.account_checks import check_owner, malformed
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.programs import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from psyche_cli.solana.raw_account import RawAccount


class TokenMint(NamedTuple):
    """A mint: ``supply`` in base units, of which 10^``decimals`` make one token."""

    address: Pubkey
    decimals: int
    supply: int
    mint_authority: Pubkey | None
    freeze_authority: Pubkey | None = None


class TokenAccount(NamedTuple):
    """A token account: ``amount`` in base units. The treasurer rejects an account with a ``delegate``.

    The delegate may spend ``delegated_amount``. ``native_reserve`` is the rent, in lamports, of one of wrapped SOL.
    """

    address: Pubkey
    mint: Pubkey
    owner: Pubkey
    amount: int
    delegate: Pubkey | None
    is_frozen: bool = False
    delegated_amount: int = 0
    native_reserve: int | None = None
    close_authority: Pubkey | None = None


def decode_mint(raw: RawAccount) -> TokenMint:
    """The mint in ``raw``. Raises WrongOwner (Token-2022 included), WrongSize or MalformedAccount."""
    from solders.token.state import Mint

    _check(raw, "mint", MINT_BYTES)
    try:
        mint = Mint.from_bytes(raw.data)
    except ValueError as error:
        raise malformed(raw, "mint", "the mint", 0, f"cannot be read ({error})") from error
    return TokenMint(raw.address, mint.decimals, mint.supply, mint.mint_authority, mint.freeze_authority)


def decode_token_account(raw: RawAccount) -> TokenAccount:
    """The token account in ``raw``. Raises WrongOwner (Token-2022 included), WrongSize or MalformedAccount."""
    from solders.token.state import TokenAccount as SplTokenAccount
    from solders.token.state import TokenAccountState

    _check(raw, "token account", TOKEN_ACCOUNT_BYTES)
    try:
        account = SplTokenAccount.from_bytes(raw.data)
    except ValueError as error:
        raise malformed(raw, "token account", "the account", 0, f"cannot be read ({error})") from error
    return TokenAccount(
        raw.address,
        account.mint,
        account.owner,
        account.amount,
        account.delegate,
        is_frozen=account.state == TokenAccountState.Frozen,
        delegated_amount=account.delegated_amount,
        native_reserve=account.is_native,
        close_authority=account.close_authority,
    )


def _check(raw: RawAccount, what: str, size: int) -> None:
    if raw.owner == TOKEN_2022_PROGRAM:
        raise WrongOwner(
            f"The {what} {raw.address} is owned by Token-2022 ({TOKEN_2022_PROGRAM}); expected SPL Token "
            f"({TOKEN_PROGRAM}).",
            hint="The treasurer supports only mints of the SPL Token program.",
            address=str(raw.address),
            found=str(TOKEN_2022_PROGRAM),
            expected=str(TOKEN_PROGRAM),
        )
    check_owner(raw, TOKEN_PROGRAM, what, PUBLISHED)
    if len(raw.data) != size:
        raise WrongSize(
            f"The {what} {raw.address} is {len(raw.data)} bytes long; a {what} is {size} bytes.",
            hint="The account is another type of token program account.",
            address=str(raw.address),
            found=len(raw.data),
            expected=size,
        )
