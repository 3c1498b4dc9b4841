"""``psyche-cli localnet play``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.lifecycle_options import run_state_names
from psyche_cli.cli.options import RunId, option
from psyche_cli.cli.sessions import Call, Reading, reads
from psyche_cli.limits import MAX_CLIENTS, U16_MAX, U32_MAX


@reads(example="psyche-cli localnet play --run-id my-run --clients 8 --epochs 2", local=True)
def command(
    call: Call,
    *,
    run_id: RunId,
    clients: Annotated[
        int | None,
        option(
            "--clients",
            metavar="N",
            help="Number of simulated members. By default, as many as an epoch needs to begin.",
            min=1,
            max=MAX_CLIENTS,
        ),
    ] = None,
    until: Annotated[
        str | None,
        option(
            "--until",
            metavar="STATE[,STATE]",
            help="Play until the run is in this state, or in one of these: WaitingForMembers, Warmup, Training, "
            "Witness, Cooldown, Finished, Paused.",
            values=run_state_names,
        ),
    ] = None,
    step: Annotated[
        int | None,
        option("--step", metavar="N", help="Play until the run is at this step, or a later one.", min=0, max=U32_MAX),
    ] = None,
    epochs: Annotated[
        int | None, option("--epochs", metavar="N", help="Play this many epochs to their end.", min=1, max=U16_MAX)
    ] = None,
    speed: Annotated[
        float | None,
        option(
            "--speed",
            metavar="N",
            help="Seconds of the run per real second, such as 10. By default, as fast as possible.",
            min=0.001,
        ),
    ] = None,
    seed: Annotated[
        int,
        option(
            "--seed",
            metavar="N",
            help="Seed of the members' keys, of how long they train and of who ticks.",
            min=0,
            max=U32_MAX,
        ),
    ] = 0,
    train_seconds: Annotated[
        int | None,
        option(
            "--train-seconds",
            metavar="N",
            help="Time in which the members train a round. By default, a random time below max_round_train_time.",
            min=1,
            max=U32_MAX,
        ),
    ] = None,
    absent: Annotated[
        int,
        option(
            "--absent", metavar="N", help="Members that join but never train, until others report them.", min=0, max=256
        ),
    ] = 0,
) -> Reading:
    """Play a run with simulated members, which do not train.

    The members join, report, witness, record checkpoints and tick as training clients do. Whenever none of them has
    anything to do, the clock of the local validator is advanced, so a whole run takes seconds. Their wallets follow
    from the seed, and the faucet funds them. If the run has a treasurer, they claim their rewards at the end.

    Without --until, --step or --epochs, the run is played until it is Finished or Paused.
    """
    from psyche_cli.errors import UsageError
    from psyche_cli.members.crowd import Habits
    from psyche_cli.operations.localnet.play import PlayOptions, play_run
    from psyche_cli.operations.status.goals import Goal, parse_states

    if [until, step, epochs].count(None) < 2:
        raise UsageError(
            "Specify only one of --until, --step and --epochs.",
            hint="For example: psyche-cli localnet play --run-id my-run --epochs 2",
        )
    goal = None
    if until is not None or step is not None:
        goal = Goal(parse_states(until, "--until") if until is not None else (), step)
    options = PlayOptions(clients, goal, epochs, speed, seed, Habits(train_seconds, absent))
    return lambda session: play_run(session, call.environment.clock, run_id, options)
