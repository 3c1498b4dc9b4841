"""The events of training: transitions, steps, rounds, epochs and what their clients do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from psyche_cli.lifecycle.psyche_run import PSYCHE_RUN
from psyche_cli.limits import STORED_ROUNDS
from psyche_cli.model.committee import expected_witnesses, quorum
from psyche_cli.model.states import CoordinatorState
from psyche_cli.operations.status import event_payloads
from psyche_cli.operations.status.event_payloads import Progress, RunEvent
from psyche_cli.operations.status.event_source import EventSource, in_epoch
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient
from psyche_cli.protocol.accounts.coordinator_rounds import Round
from psyche_cli.protocol.run_states import ClientState, RunState

_INSTRUCTIONS_PER_STEP = 2
_INSTRUCTIONS_PER_EPOCH = 5
"""The smallest number of instructions that a step and an epoch take."""


def events_of_training(source: EventSource) -> Iterator[RunEvent]:
    """What the clients of the run did, and the states that it passed."""
    before, after = source.before, source.after
    start, advanced = _progress(source)
    if start != _as_progress(before):
        yield source.event(event_payloads.ProgressSet, before=_as_progress(before), after=start)
    if source.is_same_epoch:
        yield from _client_events(source, before.epoch.clients)
    yield from _ended_epochs(source, advanced.epochs)
    if before.pending_pause and not after.pending_pause:
        yield source.event(event_payloads.PauseBegan)
    if not advanced.by_training:
        yield source.event(event_payloads.ProgressSet, before=start, after=_as_progress(after))
    for step in range(start.step + 1, start.step + 1 + advanced.steps):
        yield source.event(event_payloads.Step, step=step)
    yield from _transition(source, advanced)
    if in_epoch(after) and not (in_epoch(before) and source.is_same_epoch):
        yield source.event(event_payloads.EpochBegan, epoch=_epoch(after), members=_members(after))
        yield from _client_events(source, ())
    number = _epoch(before) if source.is_same_epoch and in_epoch(before) else _latest_epoch(after)
    if after.epoch.last_step > 0 and not (source.is_same_epoch and before.epoch.last_step == after.epoch.last_step):
        yield source.event(event_payloads.EpochLastStep, epoch=number, last_step=after.epoch.last_step)
    yield from _round_events(source, number) if _has_rounds(after) else _warmup_events(source, number)


class _Advance(NamedTuple):
    """The steps and epochs that were completed. If the progress changed in another way, they are unknown."""

    by_training: bool
    steps: int = 0
    epochs: int = 0


def _progress(source: EventSource) -> tuple[Progress, _Advance]:
    """The progress from which training advanced, and by how much."""
    before, after = source.before, source.after
    start, end = _as_progress(before), _as_progress(after)
    if before.run_state == RunState.UNINITIALIZED and after.run_state != RunState.UNINITIALIZED:
        start = Progress(start.epoch, 1, start.epoch_start_data_index)
    steps, epochs = end.step - start.step, end.epoch - start.epoch
    # Only a completed epoch gives way to another one once its rounds have begun.
    least_epochs = int(before.run_state.is_active and not source.is_same_epoch)
    if (steps, epochs, least_epochs) == (0, 0, 0):
        return start, _Advance(start == end)
    trained = in_epoch(before) or not source.is_same_epoch
    most_steps = (source.instructions + 1) // _INSTRUCTIONS_PER_STEP
    most_epochs = (source.instructions + _INSTRUCTIONS_PER_EPOCH - 1) // _INSTRUCTIONS_PER_EPOCH
    possible = trained and 0 <= steps <= most_steps and least_epochs <= epochs <= most_epochs
    if not possible or (epochs == 0 and start.epoch_start_data_index != end.epoch_start_data_index):
        return start, _Advance(by_training=False)
    return start, _Advance(True, steps, epochs)


def _as_progress(state: CoordinatorState) -> Progress:
    return Progress(**state.progress)


def _transition(source: EventSource, advanced: _Advance) -> Iterator[RunEvent]:
    before, after = source.before, source.after
    if (before.run_state, before.run_state_start_timestamp) == (after.run_state, after.run_state_start_timestamp):
        return
    expected = (int(before.run_state == RunState.ROUND_WITNESS), int(before.run_state == RunState.COOLDOWN))
    yield source.event(
        event_payloads.Transition,
        before=before.run_state.text,
        after=after.run_state.text,
        since=after.run_state_start_timestamp,
        direct=before.run_state != after.run_state
        and PSYCHE_RUN.allows(before.run_state.variant, after.run_state.variant)
        and advanced == _Advance(True, *expected),
    )


def _ended_epochs(source: EventSource, completed: int) -> Iterator[RunEvent]:
    """The ends of epochs, and the beginnings of those that began and ended between the observations."""
    before, after = source.before, source.after
    first, unseen_from = _epoch(before), _epoch(before)
    if in_epoch(before):
        if not source.is_same_epoch:
            # An epoch whose warmup was interrupted by a pause begins again with the same number.
            later = int(not in_epoch(after) and _has_rounds(after))
            is_complete = before.run_state.is_active or completed > later
            yield _end(source, first, completed=is_complete, observed=False)
            unseen_from += is_complete
        else:
            unseen_from += 1
            if not in_epoch(after):
                yield _end(source, first, completed=_has_rounds(after), observed=True)
    unseen = [*range(unseen_from, first + completed)]
    latest = None if source.is_same_epoch or in_epoch(after) else _latest_epoch(after)
    if latest is not None and latest not in unseen:
        unseen.append(latest)
    for number in unseen:
        observed = number == latest
        yield source.event(event_payloads.EpochBegan, epoch=number, members=_members(after) if observed else None)
        if observed:
            yield from _client_events(source, ())
        yield _end(source, number, completed=not observed or _has_rounds(after), observed=observed)


def _end(source: EventSource, epoch: int, *, completed: bool, observed: bool) -> RunEvent:
    clients = source.after.epoch.clients
    healthy = [client for client in clients if client.state == ClientState.HEALTHY]
    others = [client for client in clients if client.state != ClientState.HEALTHY]
    return source.event(
        event_payloads.EpochEnded,
        epoch=epoch,
        completed=completed,
        finished=_wallets(healthy) if observed else None,
        left=_wallets([*source.after.epoch.exited_clients, *others]) if observed else None,
    )


def _wallets(clients: list[EpochClient]) -> list[str]:
    return [str(client.id.wallet) for client in clients]


def _members(state: CoordinatorState) -> list[str]:
    """The wallets with which the epoch began."""
    return _wallets([*state.epoch.clients, *state.epoch.exited_clients])


def _epoch(state: CoordinatorState) -> int:
    return state.progress["epoch"]


def _client_events(source: EventSource, known: tuple[EpochClient, ...]) -> Iterator[RunEvent]:
    """Clients of the epoch that were dropped, and clients that left it. Unknown ones were healthy before."""
    epoch = source.after.epoch
    old = {client.id.signer: client.state for client in known}
    gone = {client.id.signer for client in source.before.epoch.exited_clients} if source.is_same_epoch else set()
    height = source.after.current_round.height
    leaving = [(client, client.exited_height) for client in epoch.exited_clients if client.id.signer not in gone]
    for client, round_ in [*leaving, *((client, height) for client in epoch.clients)]:
        if client.state not in (ClientState.HEALTHY, old.get(client.id.signer, ClientState.HEALTHY)):
            yield _leaving(source, event_payloads.Dropped, client, round_)
    for client, round_ in leaving:
        yield _leaving(source, event_payloads.Exited, client, round_)


def _leaving(
    source: EventSource,
    kind: type[event_payloads.Dropped] | type[event_payloads.Exited],
    client: EpochClient,
    round_: int,
) -> RunEvent:
    return source.event(kind, wallet=str(client.id.wallet), kind=client.state.text, round=round_)


def _has_rounds(state: CoordinatorState) -> bool:
    """Whether the account contains rounds of its latest epoch, rather than the reports of its warmup."""
    return state.run_state.is_active or not state.epoch.first_round


def _latest_epoch(state: CoordinatorState) -> int:
    """The number of the epoch whose rounds the account contains, unless the owner changed the progress since."""
    return _epoch(state) if in_epoch(state) or not _has_rounds(state) else max(_epoch(state) - 1, 0)


def _warmup_events(source: EventSource, epoch: int) -> Iterator[RunEvent]:
    after = source.after
    known = len(source.before.current_round.witnesses) if source.is_same_epoch else 0
    reported = len(after.current_round.witnesses)
    if reported > known:
        expected = expected_witnesses(after.config, len(_members(after)))
        yield source.event(event_payloads.WarmupReports, epoch=epoch, reported=reported, expected=expected)


def _round_events(source: EventSource, epoch: int) -> Iterator[RunEvent]:
    """The rounds that began, each followed by its witnesses."""
    after = source.after
    known = _stored(source.before) if source.is_same_epoch and _has_rounds(source.before) else {}
    stored = _stored(after)
    last, latest_known = max(stored), max(known, default=-1)
    for height in range(max(latest_known, last - source.instructions, 0), last + 1):
        found = stored.get(height)
        if height > latest_known:
            yield source.event(
                event_payloads.RoundBegan,
                epoch=epoch,
                round=height,
                data_index=found.data_index if found else None,
                clients=found.clients_len if found else None,
            )
        witnesses = len(found.witnesses) if found else 0
        if found and witnesses > (len(known[height].witnesses) if height in known else 0):
            yield source.event(
                event_payloads.Witnesses,
                epoch=epoch,
                round=height,
                witnesses=witnesses,
                expected=expected_witnesses(after.config, found.clients_len),
                quorum=quorum(witnesses, after.config),
            )


def _stored(state: CoordinatorState) -> dict[int, Round]:
    """The rounds of the latest epoch that the account contains, by number in the epoch."""
    last = state.current_round.height
    heights = range(max(last + 1 - STORED_ROUNDS, 0), last + 1)
    return {height: state.epoch.rounds[(state.epoch.rounds_head + height - last) % STORED_ROUNDS] for height in heights}
