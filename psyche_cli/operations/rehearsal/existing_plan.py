"""The plan of a rehearsal of an existing run: who joins, what is predicted, what it costs, whether it is possible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.amounts import format_amount
from psyche_cli.errors import LocalnetError, WrongRunState
from psyche_cli.members.actions import authorizations_for
from psyche_cli.members.local_validator import clock_of_local_validator
from psyche_cli.members.treasury import Treasury, treasury_of
from psyche_cli.model.simulation.behavior import Behavior, Start
from psyche_cli.model.simulation.engine import End, Simulation, simulate
from psyche_cli.model.simulation.world import World
from psyche_cli.operations.rehearsal.member_wallets import costs_of, load_wallets, plan_of, require_funded
from psyche_cli.operations.rehearsal.request import Request, check_files
from psyche_cli.operations.rewards.collateral import obligations_of
from psyche_cli.operations.runs.find import require_written_layout
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.simulation.reasons import sentence
from psyche_cli.operations.simulation.simulate import members_of
from psyche_cli.operations.status.observation import Observation
from psyche_cli.protocol.accounts.coordinator_parts import Identity
from psyche_cli.protocol.run_states import RunState
from psyche_cli.rehearsal.backend import Goal
from psyche_cli.run_config.rules import is_unset
from psyche_cli.solana.public_clusters import public_cluster
from psyche_cli.solana.wallet import Wallet
from psyche_cli.suggestions import GivenOptions

if TYPE_CHECKING:
    from psyche_cli.confirmation import Confirm
    from psyche_cli.environment import Environment


class Plan(NamedTuple):
    """A rehearsal that is possible. ``account`` is the coordinator account of the run.

    ``decimals`` are those of the run's token; None, like ``treasury``, for a run without a treasurer. ``is_local`` is
    whether the cluster is a local validator, whose faucet funds the members.
    """

    request: Request
    account: Pubkey
    wallets: list[Wallet]
    treasury: Treasury | None
    decimals: int | None
    goal: Goal
    prediction: Simulation
    is_local: bool


def plan_existing(
    environment: Environment, session: Session, request: Request, seen: Observation, confirm: Confirm
) -> Plan:
    """Plan the rehearsal of the run that was ``seen``. Nothing is sent.

    Prints warnings about what will go wrong. On another cluster than a local validator, which the request must permit,
    ``confirm`` asks whether the members may pay. Raises UsageError, LocalnetError, WrongRunState, WalletError,
    MayNotJoin, InsufficientFunds, NotConfirmed, and the errors of the endpoint.
    """
    rpc, run = session.rpc, seen.run
    is_local = _is_local(session, environment)
    if not is_local and not request.may_be_public:
        raise LocalnetError(
            f"{rpc.label} is not a psyche-cli local validator: on another cluster, every member pays fees in SOL.",
            hint="Start one with: psyche-cli localnet. To rehearse on this cluster all the same, use "
            "--allow-public-cluster, with a funded --member-wallet for each member.",
        )
    require_written_layout(run.layout, run.account.address, run.run_id)
    _require_possible(session, seen)
    request = request.checked()
    check_files(request)
    wallets = load_wallets(environment, request)
    addresses = [wallet.address for wallet in wallets]
    authorizations_for(rpc, run.instance, addresses, request.authorizer, session.programs)
    treasury = treasury_of(rpc, run.instance, session.programs)
    goal = _goal(request, seen)
    prediction = predict(request, seen, [bytes(address) for address in addresses], goal)
    for problem in _expected_problems(seen, prediction, session.given):
        environment.diagnostics.line(f"Warning: {problem}")
    if not is_local:
        costs = costs_of(rpc, prediction, pays_tokens=treasury is not None)
        require_funded(rpc, wallets, costs)
        confirm(plan_of(rpc.label, run.run_id, len(wallets), costs))
    decimals = None if run.treasury is None else run.treasury.mint.decimals
    account = run.instance.coordinator_account
    return Plan(request, account, wallets, treasury, decimals, goal, prediction, is_local)


def predict(request: Request, seen: Observation, keys: list[bytes], goal: Goal) -> Simulation:
    """What ``simulate --from-run`` predicts for the run with these members, and those that it has."""
    state = seen.state
    present = [identity for identity in members_of(state) if identity.signer not in keys]
    world = World(
        state,
        Start(seen.now, seen.clock.slot),
        [*present, *map(Identity, keys)],
        behavior=Behavior(request.train_seconds, request.warmup_seconds),
    )
    return simulate(world, epochs=None if goal.epoch is None else goal.epoch - state.progress["epoch"])


def _goal(request: Request, seen: Observation) -> Goal:
    epoch = None if request.epochs is None else seen.run.account.epoch + request.epochs
    return Goal(epoch, None if request.steps is None else seen.run.account.step + request.steps)


def _is_local(session: Session, environment: Environment) -> bool:
    """Whether the cluster is a local validator of psyche-cli, and not a public cluster by its genesis hash."""
    try:
        clock_of_local_validator(session.rpc, environment.clock)
    except LocalnetError:
        return False
    return public_cluster(str(session.rpc.genesis_hash()), session.rpc.label) is None


def _require_possible(session: Session, seen: Observation) -> None:
    run, state = seen.run, seen.state
    resume = session.given.command("set-paused", "--resume", run_id=run.run_id)
    why, hint = "", f"Its owner resumes it with: {resume}"
    if is_unset(state.config):
        configure = session.given.command("update-config", "--config-path", "FILE", run_id=run.run_id)
        why, hint = "has no configuration yet", f"Its owner configures it with: {configure}"
    elif state.run_state == RunState.FINISHED:
        why, hint = "is Finished, so it cannot be joined anymore", ""
    elif state.run_state == RunState.UNINITIALIZED:
        why, hint = "was never started, so its members have nothing to do", f"Its owner starts it with: {resume}"
    elif state.run_state == RunState.PAUSED:
        why = "is Paused, so its members have nothing to do"
    if why:
        raise WrongRunState(
            f"Run {run.run_id!r} {why}.", hint=hint, run_id=run.run_id, state=state.run_state.variant, step=state.step
        )


def _expected_problems(seen: Observation, prediction: Simulation, given: GivenOptions) -> Iterator[str]:
    """What goes wrong as the run is predicted with the members of the rehearsal, as sentences."""
    if prediction.end == End.STUCK:
        yield sentence(prediction) + " Unless other members join, this rehearsal ends without having trained."
    owed = obligations_of(seen.run)
    paid = sum(one.paid for one in prediction.epochs)
    if owed is not None and owed.held < owed.owed + paid:
        held, old, new, short = (
            format_amount(amount, owed.decimals)
            for amount in (owed.held, owed.owed, paid, owed.owed + paid - owed.held)
        )
        plain = short.replace(",", "")
        command = given.command("treasurer-top-up-rewards", "--collateral-amount", plain, run_id=seen.run.run_id)
        yield (
            f"The vault holds {held}, but {old} is owed already and this rehearsal earns up to {new}, so that not all "
            f"of it can be claimed. Its owner can top it up with: {command}"
        )
