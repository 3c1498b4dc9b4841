"""What each wallet that ever joined a run is in it now: joined for the next epoch, in this one, or neither."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from psyche_cli.protocol.run_states import ClientState, RunState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psyche_cli.model.states import CoordinatorState
    from psyche_cli.protocol.accounts.coordinator_parts import EpochClient, PendingClient
    from psyche_cli.protocol.accounts.coordinator_rounds import Round


class Member(NamedTuple):
    """A wallet that joined the run at some time.

    ``joined`` is whether it takes part in the next epoch that begins. ``in_epoch`` is whether it is a client of the
    epoch in progress. ``is_late`` is whether it joined the epoch in progress after its members were determined, which
    has no effect. ``health`` is that in the latest epoch, None for a wallet that was not in it; ``left_in_round`` is
    the round of that epoch, from 0, at whose end it left, or None. ``rounds_witnessed`` counts the stored rounds for
    which it sent a witness record.
    """

    client: PendingClient
    joined: bool
    in_epoch: bool
    is_late: bool
    health: ClientState | None
    left_in_round: int | None
    rounds_witnessed: int

    @property
    def is_pending(self) -> bool:
        """Whether it waits for an epoch to begin and is not in another one."""
        return self.joined and not self.in_epoch

    @property
    def is_healthy(self) -> bool:
        """Whether it is in the epoch and would be paid if the epoch ended now."""
        return self.in_epoch and self.health == ClientState.HEALTHY


class Membership:
    """All members of a run, in the order of first joining.

    ``next_epoch`` is the number of the next epoch that begins, from 0. ``stored_rounds`` is the number of rounds of the
    latest epoch, at most 4, whose witness records the account still has. ``is_last`` is whether no epoch begins after
    the latest one.
    """

    def __init__(
        self, members: tuple[Member, ...], next_epoch: int, stored_rounds: int, *, is_last: bool = False
    ) -> None:
        self.members = members
        self.next_epoch = next_epoch
        self.stored_rounds = stored_rounds
        self.is_last = is_last

    @cached_property
    def joined(self) -> int:
        """The number of members that take part in the next epoch."""
        return sum(member.joined for member in self.members)

    @cached_property
    def in_epoch(self) -> int:
        """The number of clients of the epoch in progress, including those that leave it at the end of the round."""
        return sum(member.in_epoch for member in self.members)

    @cached_property
    def pending(self) -> int:
        """The number of members that wait for an epoch to begin and are not in another one."""
        return sum(member.is_pending for member in self.members)

    @cached_property
    def late(self) -> int:
        """The number of members that joined the epoch in progress too late."""
        return sum(member.is_late for member in self.members)

    @cached_property
    def must_join_again(self) -> int:
        """The number of members that do not take part in the next epoch, if there is one, unless they join again."""
        return 0 if self.is_last else len(self.members) - self.joined

    @cached_property
    def by_health(self) -> Counter[ClientState]:
        """The number of members in the latest epoch, including those that left it, by health."""
        return Counter(member.health for member in self.members if member.health is not None)


def membership_of(state: CoordinatorState) -> Membership:
    """The members of a run.

    A join counts if it was recorded with the present ``next_active``, which increases when a run starts or resumes and
    when the first round of an epoch begins: a join during the warmup, and any before a pause, is lost.
    """
    in_progress = state.run_state == RunState.WARMUP or state.run_state.is_active
    present = {client.id.signer: client for client in state.epoch.clients}
    exited = {client.id.signer: client for client in state.epoch.exited_clients}
    rounds = _rounds_with_records(state)
    witnessed = _witnessed(state, rounds)
    is_last = _was_last_epoch(state)
    takes_joins = _takes_joins(state) and not is_last
    members = []
    for client in state.clients:
        wallet = client.id.signer
        current, left = present.get(wallet), exited.get(wallet)
        found = current or left
        members.append(
            Member(
                client=client,
                joined=takes_joins and client.active == state.next_active,
                in_epoch=in_progress and current is not None,
                is_late=in_progress and found is None and client.active == _active_in_epoch(state),
                health=None if found is None else found.state,
                left_in_round=None if left is None else left.exited_height,
                rounds_witnessed=witnessed[wallet],
            )
        )
    return Membership(tuple(members), state.progress["epoch"] + in_progress, len(rounds), is_last=is_last)


def _was_last_epoch(state: CoordinatorState) -> bool:
    """Whether no epoch begins anymore. A run whose epoch ends with a pause can be given more steps."""
    if state.run_state == RunState.FINISHED:
        return True
    ends = state.run_state == RunState.COOLDOWN and not state.pending_pause
    return ends and state.step >= state.config["total_steps"]


def _takes_joins(state: CoordinatorState) -> bool:
    """Whether a join that is recorded now counts for the next epoch."""
    is_open = state.run_state == RunState.WAITING_FOR_MEMBERS or state.run_state.is_active
    return is_open and not state.pending_pause  # resuming discards the joins


def _active_in_epoch(state: CoordinatorState) -> int:
    """The value of ``active`` with which a client joined the epoch in progress."""
    return state.next_active if state.run_state == RunState.WARMUP else state.next_active - 1


def _rounds_with_records(state: CoordinatorState) -> tuple[Round, ...]:
    """The rounds of the latest epoch whose witness records are stored.

    A round that has begun has clients. Those of the current round are deleted when Cooldown begins; in Warmup they are
    reports of the warmup.
    """
    rounds = tuple(one for one in state.epoch.rounds if one.clients_len > 0)
    if state.run_state in (RunState.ROUND_TRAIN, RunState.ROUND_WITNESS):
        return rounds
    return tuple(one for one in rounds if one is not state.current_round)


def _witnessed(state: CoordinatorState, rounds: Iterable[Round]) -> Counter[bytes]:
    """The number of ``rounds`` that each wallet witnessed.

    A record contains the index of the client in the round. The clients of a round are in the order of joining, and one
    that left at the end of a round was still in it.
    """
    places = {client.id.signer: place for place, client in enumerate(state.clients)}
    clients: list[EpochClient] = sorted(
        (*state.epoch.clients, *state.epoch.exited_clients), key=lambda one: places.get(one.id.signer, len(places))
    )
    left = {client.id.signer: client.exited_height for client in state.epoch.exited_clients}
    counts: Counter[bytes] = Counter()
    for one in rounds:
        wallets = [
            wallet for wallet in (client.id.signer for client in clients) if left.get(wallet, one.height) >= one.height
        ]
        counts.update({wallets[record.index] for record in one.witnesses if record.index < len(wallets)})
    return counts
