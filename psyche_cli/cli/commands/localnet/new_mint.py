"""``psyche-cli localnet new-mint``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import Writing, writes
from psyche_cli.limits import MAX_DECIMALS

_TokenWallet = Annotated[
    Path | None,
    option(
        "--wallet-private-key-path",
        "--wallet",
        "--keypair",
        "-w",
        "-k",
        metavar="FILE",
        help="Solana keypair file that pays, becomes the mint authority and receives the tokens.",
    ),
]


@writes(
    example="psyche-cli localnet new-mint -w owner.json --decimals 6 --amount 1000000",
    local=True,
    wallet=_TokenWallet,
)
def command(
    *,
    decimals: Annotated[
        int, option("--decimals", metavar="N", help="Number of decimals of the token.", max=MAX_DECIMALS)
    ] = 6,
    amount: Annotated[
        str, option("--amount", metavar="AMOUNT", help="Amount of tokens to mint to the wallet, as an exact decimal.")
    ] = "0",
) -> Writing:
    """Create an SPL token to use as test collateral.

    The wallet pays, becomes the mint authority and receives --amount tokens.
    """
    from psyche_cli.operations.localnet.wallets_and_mints import new_mint

    return lambda session: new_mint(session, decimals=decimals, amount=amount)
