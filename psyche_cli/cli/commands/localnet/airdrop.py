"""``psyche-cli localnet airdrop``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import Argument
from psyche_cli.cli.sessions import Call, Reading, reads


@reads(example="psyche-cli localnet airdrop owner.json 10", local=True)
def command(
    call: Call,
    *,
    recipient: Annotated[str, Argument(metavar="PUBKEY|FILE", help="Recipient: a public key or a keypair file.")],
    sol: Annotated[str, Argument(metavar="SOL", help="Amount, as an exact decimal.")],
) -> Reading:
    """Request SOL from the faucet and wait for it to arrive.

    Local validators, devnet and testnet have a faucet.
    """
    from psyche_cli.amounts import SOL_DECIMALS, parse_amount
    from psyche_cli.operations.localnet.airdrop import airdrop
    from psyche_cli.operations.recipients import read_recipient

    lamports = parse_amount(sol, SOL_DECIMALS, "amount")
    address = read_recipient(recipient, "The recipient", call.environment.redactor)
    return lambda session: airdrop(session, call.environment.clock, address, lamports)
