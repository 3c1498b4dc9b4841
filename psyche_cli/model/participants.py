"""The instructions of a run's clients: join, witness, health check, checkpoint, tick."""

from __future__ import annotations

from dataclasses import replace

from psyche_cli.limits import MAX_CLIENTS, MAX_WITNESSES
from psyche_cli.model import checkpoints, nonce, older
from psyche_cli.model.bloom import contains, wallet_item
from psyche_cli.model.committee import CommitteeSelection, expected_witnesses, quorum
from psyche_cli.model.execution import Execution
from psyche_cli.model.instructions import Checkpoint, Committee, HealthCheck, JoinRun, WarmupWitness, Witness
from psyche_cli.model.machine import tick
from psyche_cli.model.outcomes import Abort, ErrorCode, Refusal
from psyche_cli.model.states import CoordinatorState, OlderState
from psyche_cli.model.transitions import change_state, start_round
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient, PendingClient
from psyche_cli.protocol.accounts.coordinator_rounds import Round, WitnessRecord
from psyche_cli.protocol.run_states import ClientState, RunState

_HEALTH_CHECK_FROM_HEIGHT = 2


def join_run(state: CoordinatorState, instruction: JoinRun, execution: Execution) -> CoordinatorState:
    """Take part in the next epoch; for a known client, only its identity and ``active`` are updated.

    The number of wallets that ever join is limited to the largest batch size (6022) and to 256 (6003). That the
    authorization is valid is an account constraint, which is not checked here.
    """
    identity = instruction.client_id
    if identity.signer != execution.signer:
        raise Refusal(ErrorCode.SIGNER_MISMATCH)
    state = nonce.count(state, execution)
    clients = list(state.clients)
    index = _pending_index(state, execution.signer)
    if index is not None:
        clients[index] = clients[index]._replace(id=identity, active=state.next_active)
        execution.log(f"Existing client {identity.display_id} re-joined")
    elif len(clients) == state.config["global_batch_size_end"]:
        # The program tests for equality: a limit lowered below the current number has no effect.
        raise Refusal(ErrorCode.MORE_CLIENTS_THAN_BATCHES)
    elif len(clients) == MAX_CLIENTS:
        raise Refusal(ErrorCode.CLIENTS_FULL)
    else:
        clients.append(PendingClient(identity, active=state.next_active))
        execution.log(f"New client {identity.display_id} joined, {len(clients)} total clients")
    state = replace(state, clients=tuple(clients))
    return state if state.run_state.is_halted else tick(state, execution)


def tick_run(state: CoordinatorState, execution: Execution) -> CoordinatorState:
    """A tick as a separate instruction, which any signer may send."""
    return tick(nonce.count(state, execution), execution)


def witness(state: CoordinatorState, instruction: Witness, execution: Execution) -> CoordinatorState:
    """Store a witness record; the last expected one ends training. Late ones count towards the quorum."""
    record = instruction.record
    state = _counted_for_client(state, execution)
    _require_not_halted(state)
    if state.run_state not in (RunState.ROUND_TRAIN, RunState.ROUND_WITNESS):
        raise Refusal(ErrorCode.COORDINATOR_ERROR_INVALID_RUN_STATE)
    selection = CommitteeSelection.of(state.current_round, state.config)
    if not selection.proves_witness(record, state.epoch.clients, execution.signer):
        raise Refusal(ErrorCode.COORDINATOR_ERROR_INVALID_WITNESS)
    state = _store_witness(state, record, execution.signer)
    if _all_witnesses_in(state) and state.run_state != RunState.ROUND_WITNESS:
        state = change_state(state, RunState.ROUND_WITNESS, execution.now)
    return tick(state, execution)


def warmup_witness(state: CoordinatorState, instruction: WarmupWitness, execution: Execution) -> CoordinatorState:
    """Record that a client has loaded the model; the last expected record starts the first round.

    The proof is not verified: its index need not be the signer's, nor even exist.
    """
    state = _counted_for_client(state, execution)
    _require_not_halted(state)
    if state.run_state == RunState.ROUND_TRAIN:
        return tick(state, execution)  # The round has already started; this is not an error.
    if state.run_state != RunState.WARMUP:
        raise Refusal(ErrorCode.COORDINATOR_ERROR_INVALID_RUN_STATE)
    state = _store_witness(state, instruction.record, execution.signer)
    if _all_witnesses_in(state):
        state = start_round(state, execution)
    return tick(state, execution)


def health_check(state: CoordinatorState, instruction: HealthCheck, execution: Execution) -> CoordinatorState:
    """Report a trainer that too few witnesses of the previous round saw; it is dropped at the end of this round."""
    state = _counted_for_client(state, execution)
    _require_not_halted(state)
    previous = state.previous_round
    if previous is None or state.current_round.height < _HEALTH_CHECK_FROM_HEIGHT:
        raise Refusal(ErrorCode.COORDINATOR_ERROR_INVALID_HEALTH_CHECK)
    _check_committee_proof(state, instruction, previous)
    if instruction.committee != Committee.TRAINER:
        raise Abort("health checks of tie breakers and verifiers are not implemented")
    item = wallet_item(instruction.accused.signer)
    score = sum(contains(record.participant_bloom, item) for record in previous.witnesses)
    if score >= quorum(len(previous.witnesses), state.config):
        raise Refusal(ErrorCode.COORDINATOR_ERROR_INVALID_HEALTH_CHECK)
    clients = list(state.epoch.clients)
    if clients[instruction.index].state == ClientState.HEALTHY:
        clients[instruction.index] = clients[instruction.index]._replace(state=ClientState.DROPPED)
    return tick(replace(state, epoch=replace(state.epoch, clients=tuple(clients))), execution)


def checkpoint(state: CoordinatorState, instruction: Checkpoint, execution: Execution) -> CoordinatorState:
    """Record a checkpoint uploaded by a client of the epoch. Allowed while halted: an upload may outlast the epoch."""
    state = _counted_for_client(state, execution)
    if not any(client.id.signer == execution.signer for client in state.epoch.clients):
        raise Refusal(ErrorCode.SIGNER_NOT_A_CLIENT)
    if isinstance(state, OlderState):
        return older.checkpoint(state, instruction.checkpoint)
    state = checkpoints.submit(state, instruction.checkpoint)
    if state.run_state.is_halted:
        execution.log(f"Checkpoint recorded while halted (state: {state.run_state.text}), skipping tick")
        return state
    return tick(state, execution)


def _pending_index(state: CoordinatorState, wallet: bytes) -> int | None:
    return next((i for i, client in enumerate(state.clients) if client.id.signer == wallet), None)


def _counted_for_client(state: CoordinatorState, execution: Execution) -> CoordinatorState:
    """Increment the nonce. Refuses (6007) a signer that never joined the run; it need not be in the current epoch."""
    state = nonce.count(state, execution)
    if _pending_index(state, execution.signer) is None:
        raise Refusal(ErrorCode.SIGNER_NOT_A_CLIENT)
    return state


def _require_not_halted(state: CoordinatorState) -> None:
    if state.run_state.is_halted:
        raise Refusal(ErrorCode.COORDINATOR_ERROR_HALTED)


def _store_witness(state: CoordinatorState, record: WitnessRecord, signer: bytes) -> CoordinatorState:
    """Add a record to the current round's witnesses: one for each signer (6013), 32 in all (6017).

    The signer of a stored record follows from the index in its proof. In Warmup that index is not verified: if one is
    out of range, every later witness aborts here.
    """
    current = state.current_round
    for stored in current.witnesses:
        if stored.index >= len(state.epoch.clients):
            raise Abort("the index of a stored witness is out of range")
        if state.epoch.clients[stored.index].id.signer == signer:
            raise Refusal(ErrorCode.COORDINATOR_ERROR_DUPLICATE_WITNESS)
    if len(current.witnesses) >= MAX_WITNESSES:
        raise Refusal(ErrorCode.COORDINATOR_ERROR_WITNESSES_FULL)
    return state.with_current_round(replace(current, witnesses=(*current.witnesses, record)))


def _all_witnesses_in(state: CoordinatorState) -> bool:
    return len(state.current_round.witnesses) == expected_witnesses(state.config, len(state.epoch.clients))


def _check_committee_proof(state: CoordinatorState, instruction: HealthCheck, previous: Round) -> None:
    """Refuses (6021) unless the accused had that index and position in ``previous`` and still has that index."""
    invalid = Refusal(ErrorCode.COORDINATOR_ERROR_INVALID_COMMITTEE_PROOF)
    historical = _historical_client(state, instruction.index, previous)
    if historical is None:
        raise invalid
    selection = CommitteeSelection.of(previous, state.config)
    if historical.id.signer != instruction.accused.signer or instruction.index >= len(state.epoch.clients):
        raise invalid
    position = selection.committee_position(instruction.index)
    if (instruction.position, instruction.committee) != (position, selection.committee(position)):
        raise invalid


def _historical_client(state: CoordinatorState, index: int, round_: Round) -> EpochClient | None:
    """The client that the program assumes at ``index`` in a past round.

    That is the epoch's client at this index or, past the end of the list, an exited one, counted from the last.
    """
    if index >= round_.clients_len:
        return None
    if index < len(state.epoch.clients):
        return state.epoch.clients[index]
    exited = state.epoch.exited_clients
    exited_index = len(exited) - 1 - (round_.clients_len - index - 1)
    return exited[exited_index] if 0 <= exited_index < len(exited) else None
