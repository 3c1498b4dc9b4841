"""``balance``: the SOL at an address."""

from __future__ import annotations

from solders.pubkey import Pubkey

from psyche_cli.amounts import SOL_DECIMALS, format_sol, ui_decimal
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.wallet.payloads import BalanceData
from psyche_cli.results import PlainText


def balance(session: Session, address: Pubkey) -> PlainText[BalanceData]:
    """The balance of an address, as text such as ``1.5 SOL``."""
    lamports = session.rpc.balance(address)
    data = BalanceData(address=str(address), lamports=lamports, sol=ui_decimal(lamports, SOL_DECIMALS))
    return PlainText(f"{format_sol(lamports)} SOL", data)
