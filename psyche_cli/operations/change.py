"""The one place that knows how a run's owner reaches it: directly, or through its treasurer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.operations.runs.find import Run
from psyche_cli.protocol.instructions.builder import Instructions


@dataclass(frozen=True)
class Change:
    """What an owner wants changed in a run. None: left as it is.

    Tables replace what is on-chain as a whole. Rates are points per epoch. The programs apply the parts in this order:
    tables, rates, pause, client version.
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
        """The given ones of metadata, config, model and progress."""
        tables = {"metadata": self.metadata, "config": self.config, "model": self.model, "progress": self.progress}
        return {name: table for name, table in tables.items() if table is not None}

    @property
    def needs_halted_run(self) -> bool:
        """Whether any part is refused while the run is in training: all but the metadata, the rates and a pause."""
        return bool(self.tables.keys() - {"metadata"}) or self.client_version is not None


def instructions_for(change: Change, run: Run, authority: Pubkey, instructions: Instructions) -> list[Instruction]:
    """The instructions, for one transaction, that bring the change about: one to the treasurer, or one per part."""
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
