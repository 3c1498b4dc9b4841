"""The events between two observations of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from psyche_cli.operations.config.payloads import ChangedValue
from psyche_cli.operations.rewards.collateral import in_both_units
from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.operations.status import epoch_events, event_payloads
from psyche_cli.operations.status.event_payloads import RunEvent
from psyche_cli.operations.status.event_source import EventSource
from psyche_cli.operations.status.observation import Observation
from psyche_cli.protocol.accounts.coordinator_parts import EpochRates
from psyche_cli.run_config.differences import differences
from psyche_cli.run_config.schema import CHECKPOINT_KEY


def events_between(before: Observation, after: Observation) -> list[RunEvent]:
    """Every change from one observation of a run to a later one, in an order in which they may have happened.

    Between two observations, any number of instructions may have been executed. Each step, round and epoch in between
    is reported; what only accounts in between contained is unknown. Internal flags and
    positions of the program, which follow from the events, and the random seeds of rounds are left out. If the second
    observation is of another run with the same id, the only events are Closed and CreatedAgain.

    Raises MalformedAccount.
    """
    source = EventSource(before, after)
    if source.is_another_run:
        address = str(after.run.instance.coordinator_account)
        return [
            source.event(event_payloads.Closed),
            source.event(event_payloads.CreatedAgain, coordinator_account=address),
        ]
    return [
        *_owner_events(source),
        *_joins(source),
        *epoch_events.events_of_training(source),
        *_rewards(source),
        *_rates(source),
        *_vault_events(source),
    ]


def _owner_events(source: EventSource) -> Iterator[RunEvent]:
    """What the owner changed; the checkpoint can also be changed by clients and by the end of an epoch."""
    before, after = source.before, source.after
    if before.client_version != after.client_version:
        yield source.event(
            event_payloads.ClientVersionChanged, before=before.client_version, after=after.client_version
        )
    if changes := _changes(before.metadata, after.metadata, "metadata"):
        yield source.event(event_payloads.MetadataChanged, changes=changes)
    configuration = [
        *_changes(before.config, after.config, "config"),
        *(
            change
            for change in _changes(before.model, after.model, "model")
            if change.key != CHECKPOINT_KEY and not change.key.startswith(f"{CHECKPOINT_KEY}.")
        ),
    ]
    if configuration:
        yield source.event(event_payloads.ConfigurationChanged, changes=configuration)
    old, new = before.model["LLM"]["checkpoint"], after.model["LLM"]["checkpoint"]
    if old != new:
        yield source.event(event_payloads.CheckpointChanged, before=old, after=new)
    if after.pending_pause and not before.pending_pause:
        yield source.event(event_payloads.PauseRequested)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str) -> list[ChangedValue]:
    return [
        ChangedValue(key=one.key, before=one.before, after=one.after)
        for one in differences(before, after, prefix)
        if repr(one.before) != repr(one.after)  # NaN differs from itself
    ]


def _joins(source: EventSource) -> Iterator[RunEvent]:
    known = {client.id.signer: client for client in source.before.clients}
    for client in source.after.clients:
        old = known.get(client.id.signer)
        if old is None or (old.id, old.active) != (client.id, client.active):
            yield source.event(
                event_payloads.Joined,
                wallet=str(client.id.wallet),
                first=old is None,
                takes_part=client.active == source.after.next_active,
            )


def _rewards(source: EventSource) -> Iterator[RunEvent]:
    known = {client.id.signer: client for client in source.before.clients}
    for client in source.after.clients:
        old = known.get(client.id.signer)
        earned, slashed = (old.earned, old.slashed) if old else (0, 0)
        for kind, amount, total in (
            (event_payloads.Rewarded, client.earned - earned, client.earned),
            (event_payloads.Slashed, client.slashed - slashed, client.slashed),
        ):
            if amount > 0:
                yield source.event(
                    kind, wallet=str(client.id.wallet), amount=_amount(source, amount), total=_amount(source, total)
                )


def _rates(source: EventSource) -> Iterator[RunEvent]:
    before, after = source.before, source.after
    pairs: Iterable[tuple[str, EpochRates, EpochRates]] = (
        ("future", before.future_epoch_rates, after.future_epoch_rates),
        ("current", before.current_epoch_rates, after.current_epoch_rates),
    )
    for epochs, old, new in pairs:
        if old != new:
            yield source.event(
                event_payloads.RatesChanged,
                epochs=epochs,
                earning_before=_amount(source, old.earning_rate_total_shared),
                earning=_amount(source, new.earning_rate_total_shared),
                slashing_before=_amount(source, old.slashing_rate_per_client),
                slashing=_amount(source, new.slashing_rate_per_client),
            )


def _vault_events(source: EventSource) -> Iterator[RunEvent]:
    """Transfers to the vault, then claims; their order in reality is unknown."""
    old, new = source.observed_before.run.treasury, source.observed.run.treasury
    if old is None or new is None:
        return
    paid = new.run.total_claimed_collateral_amount - old.run.total_claimed_collateral_amount
    points = new.run.total_claimed_earned_points - old.run.total_claimed_earned_points
    transferred = new.vault_amount - old.vault_amount + paid
    if transferred != 0:
        yield source.event(
            event_payloads.Funded if transferred > 0 else event_payloads.Withdrawn,
            amount=_amount(source, abs(transferred)),
            vault_balance=_amount(source, old.vault_amount + transferred),
        )
    if (paid, points) != (0, 0):
        yield source.event(
            event_payloads.Claimed,
            amount=_amount(source, paid),
            points=points,
            total=_amount(source, new.run.total_claimed_collateral_amount),
            total_points=new.run.total_claimed_earned_points,
            vault_balance=_amount(source, new.vault_amount),
        )


def _amount(source: EventSource, base_units: int) -> CollateralAmount:
    return in_both_units(base_units, source.decimals)
