"""The result of a simulation."""

from __future__ import annotations

from dataclasses import dataclass

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.deferred import Deferred
from psyche_cli.localnet.chain.loaded_keys import LoadedKeys


@dataclass(kw_only=True)
class Simulation:
    """The result of a simulation.

    ``accounts`` are the written accounts afterwards; empty after an error. ``loaded`` are the accounts of the
    transaction, in whose order the balances before and after it are given, in lamports. ``fee`` is in lamports, and
    None for a transaction that would not land; ``loaded_accounts_data_size`` is in bytes. ``inner_instructions`` are
    None for a transaction that is not executed.
    """

    error: Json
    logs: tuple[str, ...]
    units: int
    return_data: Json
    inner_instructions: Deferred = Deferred()  # noqa: RUF009 -- a descriptor
    accounts: dict[Pubkey, Account]
    loaded: LoadedKeys
    fee: int | None
    loaded_accounts_data_size: int
    pre_balances: tuple[int, ...]
    post_balances: tuple[int, ...]
    pre_token_balances: Deferred = Deferred()  # noqa: RUF009 -- a descriptor
    post_token_balances: Deferred = Deferred()  # noqa: RUF009 -- a descriptor
