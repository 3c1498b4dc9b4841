"""``psyche-cli airdrop``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import Argument, WalletAddress
from psyche_cli.cli.sessions import Call, Reading, reads


@reads(example="psyche-cli airdrop 1 --url devnet", settles=True)
def command(
    call: Call,
    *,
    sol: Annotated[str, Argument(metavar="SOL", help="Amount, as an exact decimal.")],
    recipient: Annotated[
        str | None,
        Argument(metavar="[PUBKEY|FILE]", help="Recipient: a public key or a keypair file. Defaults to the wallet."),
    ] = None,
    wallet: WalletAddress = None,
) -> Reading:
    """Request SOL from the faucet of a test cluster and wait for it to arrive.

    Local validators, devnet and testnet have a faucet; those of devnet and testnet limit the amount.
    """
    from psyche_cli.amounts import SOL_DECIMALS, parse_amount
    from psyche_cli.operations.localnet.airdrop import airdrop
    from psyche_cli.operations.wallet.public_key import address_or_wallet

    lamports = parse_amount(sol, SOL_DECIMALS, "amount")
    address = address_or_wallet(call.environment, recipient, wallet)
    return lambda session: airdrop(session, call.environment.clock, address, lamports)
