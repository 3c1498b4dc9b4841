"""What the rules of the diagnosis examine: a run, and as much as is known about it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from psyche_cli.amounts import format_amount
from psyche_cli.operations.status.membership import membership_of
from psyche_cli.operations.status.timing import timing_of
from psyche_cli.protocol.layouts.known import WRITTEN
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_config.rules import check_run, is_unset
from psyche_cli.suggestions import NOTHING_GIVEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psyche_cli.model.states import CoordinatorState
    from psyche_cli.operations.rewards.collateral import Obligations
    from psyche_cli.operations.runs.find import Run
    from psyche_cli.operations.status.diagnosis.finding import Need
    from psyche_cli.operations.status.membership import Member, Membership
    from psyche_cli.operations.status.timing import Timing
    from psyche_cli.protocol.accounts.small_accounts import Authorization
    from psyche_cli.run_config.problems import Problem
    from psyche_cli.suggestions import GivenOptions

_MOST_WALLETS: Final = 5
"""Wallets that a finding names. ``members`` lists all."""


class Subject:
    """A run.

    ``run`` is None if only its coordinator account is known, ``now`` (Unix seconds) if the time of the cluster is not,
    and ``authorizations`` if the authorizations of its join authority were not read. ``layout`` is that of the account
    if ``run`` is None. ``given`` are the options that suggested commands repeat.
    """

    def __init__(
        self,
        state: CoordinatorState,
        *,
        run: Run | None = None,
        now: int | None = None,
        authorizations: Sequence[Authorization] | None = None,
        layout: str = WRITTEN,
        given: GivenOptions = NOTHING_GIVEN,
    ) -> None:
        self.state = state
        self.run = run
        self.now = now
        self.authorizations = authorizations
        self.layout = layout if run is None else run.layout
        self._given = given

    @property
    def config(self) -> dict[str, int]:
        """The values of the table ``config``."""
        return dict(self.state.config)

    @property
    def epoch(self) -> int:
        """The number of the epoch in progress or, between epochs, of the next one."""
        return self.state.progress["epoch"]

    @property
    def is_waiting(self) -> bool:
        """Whether the run waits for members."""
        return self.state.run_state == RunState.WAITING_FOR_MEMBERS

    @property
    def misses_members(self) -> bool:
        """Whether fewer members than init_min_clients have joined the next epoch."""
        return self.membership.joined < self.config["init_min_clients"]

    @property
    def seconds_in_state(self) -> int | None:
        """For how long the run has been in its state; None if the time is not known."""
        return None if self.now is None else max(self.now - self.state.run_state_start_timestamp, 0)

    @property
    def in_epoch(self) -> bool:
        """Whether an epoch is in progress."""
        return self.state.run_state == RunState.WARMUP or self.state.run_state.is_active

    @property
    def is_configured(self) -> bool:
        """Whether the run has a configuration."""
        return not is_unset(self.state.config)

    @cached_property
    def problems(self) -> Sequence[Problem]:
        """The rules of the program that the configuration violates; empty for a run without one."""
        return check_run(self.state.config, self.state.model) if self.is_configured else ()

    @cached_property
    def membership(self) -> Membership:
        """The members of the run."""
        return membership_of(self.state)

    @cached_property
    def healthy(self) -> int:
        """The number of healthy members in the epoch in progress."""
        return sum(member.is_healthy for member in self.membership.members)

    @cached_property
    def timing(self) -> Timing | None:
        """When the state of the run ends; None if the time is not known."""
        return None if self.now is None else timing_of(self.state, self.now)

    @cached_property
    def obligations(self) -> Obligations | None:
        """What the vault holds and has to pay; None without a treasurer, or if it is not known."""
        # Not at the top: it imports the payloads of the reward verbs.
        from psyche_cli.operations.rewards.collateral import obligations_of

        return None if self.run is None else obligations_of(self.run)

    def has(self, need: Need | None) -> bool:
        """Whether what a rule needs is known. A run without a treasurer has no treasury."""
        return {
            None: True,
            "time": self.now is not None,
            "instance": self.run is not None,
            "treasury": self.run is not None,
            "authorizations": self.authorizations is not None,
        }[need]

    def tokens(self, base_units: int) -> str:
        """An amount of the collateral in whole tokens. The run must have a treasurer."""
        assert self.obligations is not None
        return format_amount(base_units, self.obligations.decimals)

    def counted_tokens(self, base_units: int) -> str:
        """An amount of the collateral with its unit, such as ``1 token``. The run must have a treasurer."""
        amount = self.tokens(base_units)
        return f"{amount} {'token' if amount == '1' else 'tokens'}"

    def config_commands(self, *words: str) -> tuple[str, ...]:
        """The commands that change the configuration with these options of ``update-config``, by default from a file.

        They begin with a pause, for which an epoch in progress must end, unless the run is halted.
        """
        state = self.state.run_state
        pause = () if state.is_halted else (self.command("set-paused"),)
        wait = (self.command("wait", "--for", RunState.PAUSED.variant),) if state.is_active else ()
        if words:
            return (*pause, *wait, self.command("update-config", *words))
        dump = self.command("config dump", "-o", "run.toml")
        return (*pause, *wait, dump, self.command("update-config", "--config-path", "run.toml"))

    def command(self, verb: str, *words: str, of_run: bool = True) -> str:
        """A command with the options given for this one, and with the run id if it is ``of_run``."""
        run_id = self.state.run_id if self.run is None else self.run.run_id
        return self._given.command(verb, *words, run_id=run_id if of_run else None)


def wallet_rows(members: Iterable[Member]) -> tuple[tuple[str, str], ...]:
    """The wallets of members as evidence, at most five of them."""
    wallets = [str(member.client.id.wallet) for member in members]
    shown = [("member", wallet) for wallet in wallets[:_MOST_WALLETS]]
    left = len(wallets) - len(shown)
    return (*shown, *([("members not shown", str(left))] if left > 0 else []))
