"""The documents of ``json-dump-run`` and ``json-dump-user``, with the same keys as in the published client.

Collateral amounts are in whole tokens and exact (Decimal); points, lamports and rates are integers. NaN and infinity
become None. The treasurer index is a 64-bit hash that usually exceeds the exact range of a double, so
``index_string`` is added to the published keys. A run of another layout than v1 has the key ``layout`` too, and its
members may have a ``claimer``. The renderer sorts the keys.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from psyche_cli import base58
from psyche_cli.amounts import format_amount
from psyche_cli.protocol.layouts.known import WRITTEN
from psyche_cli.protocol.layouts.memory_values import PlainValue
from psyche_cli.results import JsonValue

if TYPE_CHECKING:
    from decimal import Decimal

    from solders.pubkey import Pubkey

    from psyche_cli.operations.observe.payloads import (
        DumpedClient,
        DumpedCoordinatorAccount,
        DumpedEpochClient,
        DumpedMetadata,
        DumpedRates,
        DumpedTreasurer,
        DumpedUserInCoordinator,
        RunDump,
        UserDump,
    )
    from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
    from psyche_cli.protocol.accounts.coordinator_parts import EpochClient, EpochRates, PendingClient
    from psyche_cli.protocol.accounts.small_accounts import CoordinatorInstance, Participant, TreasurerRun
    from psyche_cli.protocol.accounts.token_accounts import TokenMint


def run_dump(
    instance: CoordinatorInstance,
    account: CoordinatorAccount,
    treasurer_run: TreasurerRun | None = None,
    mint: TokenMint | None = None,
    vault_amount: int = 0,
) -> RunDump:
    """The full state of a run. ``mint`` and ``vault_amount`` (base units) are those of its treasurer, if it has one.

    Clients are keyed by display id; if two clients have the same id, only the later one is included. Raises
    MalformedAccount.
    """
    treasury = None
    if treasurer_run is not None and mint is not None:
        treasury = _treasurer_run(treasurer_run, mint, vault_amount, account)
    return {
        "coordinator_account": coordinator_dump(account),
        "coordinator_instance": {
            "address": str(instance.address),
            "join_authority": str(instance.join_authority),
            "main_authority": str(instance.main_authority),
        },
        "treasurer_run": treasury,
    }


def user_dump(
    address: Pubkey,
    lamports: int,
    account: CoordinatorAccount,
    *,
    mint: TokenMint | None = None,
    participant: Participant | None = None,
    collateral_amount: int = 0,
) -> UserDump:
    """The full state of one wallet in a run.

    ``mint`` is None for a run without a treasurer. ``participant`` is None for a user who never registered with the
    treasurer. ``collateral_amount`` (base units) is the balance of the user's associated token account. Raises
    MalformedAccount.
    """
    client = next((client for client in account.clients if client.id.wallet == address), None)
    entries: DumpedUserInCoordinator = {
        "client": None if client is None else _client(client),
        "epoch_alive": _epoch_client(address, account.epoch_clients),
        "epoch_exited": _epoch_client(address, account.exited_clients),
    }
    if account.layout != WRITTEN:
        entries["layout"] = account.layout
    return {
        "address": str(address),
        "coordinator_account": entries,
        "lamports": lamports,
        "treasurer_participant": None
        if mint is None
        else {
            "claimed_collateral_amount": None
            if participant is None
            else _tokens(participant.claimed_collateral_amount, mint),
            "claimed_earned_points": None if participant is None else participant.claimed_earned_points,
            "collateral_amount": _tokens(collateral_amount, mint),
            "collateral_mint": str(mint.address),
        },
    }


def coordinator_dump(account: CoordinatorAccount) -> DumpedCoordinatorAccount:
    """The content of a coordinator account. What its layout does not have is None. Raises MalformedAccount."""
    clients = account.clients
    dump: DumpedCoordinatorAccount = {
        "accounting": {
            "max_active": max((client.active for client in clients), default=None),
            "sum_earned": sum(client.earned for client in clients),
            "sum_slashed": sum(client.slashed for client in clients),
        },
        "address": str(account.address),
        "clients": {client.id.display_id: _client(client) for client in clients},
        "epoch": {
            "clients": {
                "alive": {client.id.display_id: client.state.text for client in account.epoch_clients},
                "exited": {client.id.display_id: client.state.text for client in account.exited_clients},
            },
            "rates": {
                "current": _rates(account.current_epoch_rates),
                "future": _rates(account.future_epoch_rates),
            },
        },
        "nonce": account.nonce,
        "run_id": _text(account.run_id),
        "setup": {
            "client_version": _text(account.client_version) if account.has("client_version") else None,
            "config": account.config,
            "metadata": cast("DumpedMetadata", published(account.metadata)) if account.has("metadata") else None,
            "model": published(account.readable_model),
        },
        "status": {
            "epoch": account.epoch,
            "next_active": account.next_active,
            "state": account.run_state.text,
            "step": account.step,
        },
    }
    if account.layout != WRITTEN:
        dump["layout"] = account.layout
    return dump


def _treasurer_run(
    run: TreasurerRun, mint: TokenMint, vault_amount: int, account: CoordinatorAccount
) -> DumpedTreasurer:
    earned = sum(client.earned for client in account.clients)
    unclaimed = max(earned - run.total_claimed_earned_points, 0)
    missing, surplus = max(unclaimed - vault_amount, 0), max(vault_amount - unclaimed, 0)
    burn = account.current_epoch_rates.earning_rate_total_shared
    return {
        "address": str(run.address),
        "burn_collateral_amount_per_epoch": _tokens(burn, mint),
        "collateral_mint": str(run.collateral_mint),
        "estimated_funded_epochs_count": float(surplus) / float(burn) if burn > 0 else None,
        "funded_collateral_amount": _tokens(vault_amount, mint),
        "index": run.index,
        "index_string": str(run.index),
        "join_authority": None if run.join_authority is None else str(run.join_authority),
        "main_authority": str(run.main_authority),
        "total_claimable_earned_points": earned,
        "total_claimed_earned_points": run.total_claimed_earned_points,
        "total_missing_collateral_amount": _tokens(missing, mint),
        "total_surplus_collateral_amount": _tokens(surplus, mint),
        "total_unclaimed_earned_points": unclaimed,
    }


def _client(client: PendingClient) -> DumpedClient:
    dump: DumpedClient = {"active": client.active, "earned": client.earned, "slashed": client.slashed}
    if client.claimer is not None:
        dump["claimer"] = base58.encode(client.claimer)
    return dump


def _epoch_client(address: Pubkey, clients: tuple[EpochClient, ...]) -> DumpedEpochClient | None:
    found = next((client for client in clients if client.id.wallet == address), None)
    return None if found is None else {"exited_height": found.exited_height, "state": found.state.text}


def _rates(rates: EpochRates) -> DumpedRates:
    return {"earning": rates.earning_rate_total_shared, "slashing": rates.slashing_rate_per_client}


def _tokens(base_units: int, mint: TokenMint) -> Decimal:
    """The amount in whole tokens, with at least one decimal like all fractional numbers of the published client."""
    from decimal import Decimal

    text = format_amount(base_units, mint.decimals)
    return Decimal(text if "." in text else text + ".0")


def _text(value: str) -> str:
    """Text without leading NUL characters, as in the published client."""
    return value.lstrip("\0")


def published(values: dict[str, PlainValue]) -> dict[str, JsonValue]:
    """Values as in the published client: None for a non-finite number, text without leading NUL characters."""
    return {key: _published(value) for key, value in values.items()}


def _published(value: PlainValue) -> JsonValue:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return published(value)
    if isinstance(value, list):
        return [_published(inner) for inner in value]
    return value
