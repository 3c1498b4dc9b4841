"""The run that a run file describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from solders.pubkey import Pubkey

from psyche_cli.run_config.problems import Problem

WantedState: TypeAlias = Literal["running", "paused"]


@dataclass(frozen=True)
class WantedAuthorization:
    """An active join authorization. ``delegates`` are all of its delegates; None leaves them unchanged."""

    grantee: Pubkey
    delegates: tuple[Pubkey, ...] | None = None


@dataclass(frozen=True)
class WantedJoin:
    """Who may join the run.

    ``authority`` is the join authority; None stands for the wallet when the run is created. ``everyone`` is whether
    the authorization for everyone is active; None leaves it unchanged. ``deactivates_unlisted`` is whether all other
    authorizations of the join authority, which also are those of its other runs, are deactivated.
    """

    authority: Pubkey | None = None
    everyone: bool | None = None
    authorizations: tuple[WantedAuthorization, ...] = ()
    deactivates_unlisted: bool = False


@dataclass(frozen=True)
class WantedTreasurer:
    """The treasurer of the run: the mint of its collateral, and its index; None for the one derived from the run id."""

    mint: Pubkey
    index: int | None = None


@dataclass(frozen=True)
class WantedFunding:
    """What the vault holds at least, beyond what it owes: enough for a number of epochs, or an amount.

    Exactly one of ``keep_epochs`` and ``keep_amount`` is given. Amounts are exact decimals in whole tokens.
    ``max_per_top_up`` limits what one apply transfers, and ``max_in_all`` what the vault ever receives, from anyone.
    """

    keep_epochs: int | None = None
    keep_amount: str | None = None
    max_per_top_up: str | None = None
    max_in_all: str | None = None


@dataclass(frozen=True)
class WantedRun:
    """The content of a run file. None, or a missing key of ``metadata``, leaves a value of the run unchanged.

    ``config`` and ``model`` have the form used by ``run_config.load.RunConfig``; both are given or neither.
    ``resets_checkpoint`` is whether the checkpoint of a run that has started is set back to that of ``model``.
    ``start_step`` is the step at which a run that was never started begins; None for the first one. Rates are exact
    decimals in whole tokens or, without a treasurer, points.
    """

    run_id: str
    source: Path
    state: WantedState | None = None
    client_version: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, int] | None = None
    model: Mapping[str, Any] | None = None
    resets_checkpoint: bool = False
    start_step: int | None = None
    join: WantedJoin = WantedJoin()
    treasurer: WantedTreasurer | None = None
    earning_rate: str | None = None
    slashing_rate: str | None = None
    funding: WantedFunding | None = None
    warnings: tuple[Problem, ...] = ()
