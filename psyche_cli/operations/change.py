"""Instructions for changing a run, directly or through its treasurer, and their effects.

No other module distinguishes the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.model.instructions import Instruction as ModelInstruction
from psyche_cli.model.instructions import SetFutureEpochRates, SetPaused, Update, UpdateClientVersion
from psyche_cli.operations.effects.ledger import Effects
from psyche_cli.operations.runs.find import Run
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.run_config.differences import as_stored


@dataclass(frozen=True)
class Change:
    """A change that the owner of a run requests. None leaves a part unchanged.

    Each table replaces the entire table on-chain. Rates are points per epoch. The programs apply the parts in this
    order: tables, rates, pause, client version.
    """

    metadata: Mapping[str, Any] | None = None
    config: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None
    progress: Mapping[str, Any] | None = None
    earning_rate: int | None = None
    slashing_rate: int | None = None
    paused: bool | None = None
    client_version: str | None = None

    @property
    def tables(self) -> dict[str, Mapping[str, Any]]:
        """The tables to change: any of metadata, config, model and progress."""
        tables = {"metadata": self.metadata, "config": self.config, "model": self.model, "progress": self.progress}
        return {name: table for name, table in tables.items() if table is not None}

    @property
    def needs_halted_run(self) -> bool:
        """Whether any part requires a halted run, as all do except the metadata, the rates and a pause."""
        return bool(self.tables.keys() - {"metadata"}) or self.client_version is not None


def instructions_for(change: Change, run: Run, authority: Pubkey, instructions: Instructions) -> list[Instruction]:
    """The instructions that make the change, for one transaction.

    With a treasurer, this is a single instruction of the treasurer; without one, one coordinator instruction for the
    tables and one for each other part.
    """
    instance, account = run.instance.address, run.instance.coordinator_account
    if run.treasury is not None:
        return [
            instructions.run_update(
                authority=authority,
                run=run.treasury.run.address,
                instance=instance,
                account=account,
                metadata=change.metadata,
                config=change.config,
                model=change.model,
                progress=change.progress,
                earning_rate=change.earning_rate,
                slashing_rate=change.slashing_rate,
                paused=change.paused,
                client_version=change.client_version,
            )
        ]
    owner: dict[str, Any] = {"authority": authority, "instance": instance, "account": account}
    parts = []
    if change.tables:
        tables: dict[str, Any] = change.tables
        parts.append(instructions.update(**owner, **tables))
    if change.earning_rate is not None or change.slashing_rate is not None:
        parts.append(
            instructions.set_future_epoch_rates(
                **owner, earning_rate=change.earning_rate, slashing_rate=change.slashing_rate
            )
        )
    if change.paused is not None:
        parts.append(instructions.set_paused(**owner, paused=change.paused))
    if change.client_version is not None:
        parts.append(instructions.update_client_version(**owner, new_version=change.client_version))
    return parts


def effects_of(change: Change, run: Run, authority: Pubkey) -> Effects:
    """The effects of the change, which are the same with and without a treasurer."""
    parts: list[ModelInstruction] = []
    if change.tables:
        parts.append(Update(**{name: as_stored(table, name) for name, table in change.tables.items()}))
    if change.earning_rate is not None or change.slashing_rate is not None:
        parts.append(SetFutureEpochRates(change.earning_rate, change.slashing_rate))
    if change.paused is not None:
        parts.append(SetPaused(change.paused))
    if change.client_version is not None:
        parts.append(UpdateClientVersion(change.client_version))
    return lambda ledger: ledger.run(run.account.address, *parts, signer=authority)
