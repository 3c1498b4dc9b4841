"""``psyche-cli rehearse``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from psyche_cli.cli.options import Authorizer, LocalRpc, StateDir, Yes, option, run_ids
from psyche_cli.cli.sessions import Call, given_options, plain
from psyche_cli.limits import LOCAL_RPC_URL, MAX_CLIENTS, U16_MAX, U32_MAX
from psyche_cli.results import Result


@plain(example="psyche-cli rehearse --config run.toml --members 4 --faults faults.toml --report rehearsal.html")
def command(
    call: Call,
    *,
    config: Annotated[
        Path | None,
        option(
            "--config",
            metavar="FILE",
            help="Rehearse a new run with this configuration file (TOML); - is standard input.",
        ),
    ] = None,
    run_id: Annotated[
        str | None,
        option(
            "--run-id",
            "-r",
            metavar="RUN_ID",
            help="Rehearse this run of a running local validator instead.",
            values=run_ids,
        ),
    ] = None,
    rpc: LocalRpc = LOCAL_RPC_URL,
    members: Annotated[
        int | None,
        option(
            "--members",
            metavar="N",
            help="Members, each with a worker process. Defaults to 4, or to the number of --member-wallet.",
            min=1,
            max=MAX_CLIENTS,
        ),
    ] = None,
    member_wallet: Annotated[
        list[Path] | None,
        option(
            "--member-wallet",
            metavar="FILE",
            help="With --run-id: keypair file of a member. Repeat it for each member. By default, the wallets follow "
            "from --seed.",
        ),
    ] = None,
    authorizer: Authorizer = None,
    allow_public_cluster: Annotated[
        bool,
        option(
            "--allow-public-cluster",
            help="With --run-id: also rehearse on a cluster that is not a local validator, where the members pay fees "
            "and rent in SOL. Prints the costs and asks first.",
        ),
    ] = False,
    yes: Yes = False,
    epochs: Annotated[
        int | None,
        option("--epochs", metavar="N", help="End after N epochs. Defaults to 2.", min=1, max=U16_MAX),
    ] = None,
    steps: Annotated[
        int | None,
        option(
            "--steps",
            metavar="N",
            help="Train N steps instead, after which the owner pauses the new run, or the members leave the existing "
            "one.",
            min=2,
            max=U32_MAX,
        ),
    ] = None,
    trainer: Annotated[
        Literal["numpy", "torch", "fake"],
        option("--trainer", help="What trains the small model; fake trains nothing, to rehearse only the rest."),
    ] = "numpy",
    data: Annotated[
        Path | None,
        option("--data", metavar="FILE", help="Text to train on. By default, one that is part of psyche-cli."),
    ] = None,
    faults: Annotated[
        Path | None, option("--faults", metavar="FILE", help="What goes wrong, with which member and when (TOML).")
    ] = None,
    check_share: Annotated[
        int,
        option(
            "--check-share",
            metavar="PERCENT",
            help="Share of the results that two other members compute too, to find members that lie.",
            min=0,
            max=100,
        ),
    ] = 25,
    train_seconds: Annotated[
        int | None,
        option(
            "--train-seconds",
            metavar="N",
            help="Seconds of the cluster after which members report a round, as in simulate. Defaults to a fifth of "
            "max_round_train_time.",
            min=1,
            max=U32_MAX,
        ),
    ] = None,
    warmup_seconds: Annotated[
        int | None,
        option(
            "--warmup-seconds",
            metavar="N",
            help="Seconds of the cluster after which members have loaded the model. Defaults to 2.",
            min=0,
            max=U32_MAX,
        ),
    ] = None,
    earning_rate: Annotated[
        str,
        option(
            "--earning-rate-total-shared",
            "--earning-rate",
            variable=False,
            metavar="AMOUNT",
            help="Total reward per epoch, in a token of the local validator.",
        ),
    ] = "100",
    engine: Annotated[
        Literal["local", "ray"], option("--engine", help="Where the workers run: here, or on a Ray cluster.")
    ] = "local",
    ray_address: Annotated[
        str | None, option("--ray-address", metavar="HOST:PORT", help="Address of the Ray cluster, with --engine ray.")
    ] = None,
    seed: Annotated[
        int, option("--seed", metavar="N", help="Seed of everything that is random.", min=0, max=U32_MAX)
    ] = 1,
    report: Annotated[
        Path | None, option("--report", metavar="FILE", help="Also write the report into this new HTML file.")
    ] = None,
    state_dir: StateDir = None,
) -> Result:
    """Rehearse a run: workers that train, on a local validator in virtual time.

    Starts a local validator, creates and funds the run, and starts a worker process for each member. They join, train a
    small model together, report their rounds, and claim their rewards. Ends with a report: what happened, beside what
    `simulate` predicts. Nothing is left running, and nothing leaves this machine. Needs the extra `rehearse`.

    With --run-id, the members join a run that exists on a local validator, at the speed of its clock, and leave it in
    the end. The faucet funds them. The owner must have started the run and permitted them to join. Other clusters are
    refused without --allow-public-cluster.
    """
    from psyche_cli.cli.rehearsing import shown_rehearsal
    from psyche_cli.confirmation import asking
    from psyche_cli.operations.config.files import load_config
    from psyche_cli.operations.rehearsal.existing import rehearse_existing
    from psyche_cli.operations.rehearsal.existing_plan import plan_existing
    from psyche_cli.operations.rehearsal.rehearse import rehearse
    from psyche_cli.operations.rehearsal.request import Request, check_source, load_faults, number_of_members
    from psyche_cli.operations.sessions import reading_session
    from psyche_cli.operations.status.observation import observe
    from psyche_cli.private_keys import refuse_key_as_path
    from psyche_cli.protocol.addresses import parse_pubkey
    from psyche_cli.run_config.load import RunConfig
    from psyche_cli.solana.endpoints import check_rpc_url

    environment = call.environment
    if state_dir is not None:
        refuse_key_as_path("--state-dir", state_dir)
    if config is not None and "run_id" not in call.typed:
        run_id = None  # the environment variable is for other commands
    check_source(config, run_id, call.typed)
    wallets = tuple(member_wallet or ())
    count = number_of_members(members, wallets, may_be_public=allow_public_cluster)
    for wallet in wallets:
        refuse_key_as_path("--member-wallet", wallet)

    def request_for(content: RunConfig) -> Request:
        return Request(
            config=content,
            members=count,
            epochs=epochs,
            steps=steps,
            trainer=trainer,
            text=data,
            faults=() if faults is None else load_faults(environment, faults, members=count, seed=seed),
            engine=engine,
            ray_address=ray_address,
            seed=seed,
            train_seconds=train_seconds,
            warmup_seconds=warmup_seconds,
            check_percent=check_share,
            earning_rate=earning_rate,
            report=report,
            state_folder=state_dir,
            run_id=run_id,
            member_wallets=wallets,
            authorizer=None if authorizer is None else parse_pubkey(authorizer, "--authorizer"),
            may_be_public=allow_public_cluster,
        )

    given = given_options(call)
    if config is not None:
        request = request_for(load_config(environment, config))
        with shown_rehearsal(environment, given) as show:
            return rehearse(environment, request, show)
    with reading_session(environment, rpc=rpc, given=given) as session:
        seen = observe(session, run_id or "")
        content = RunConfig(dict(seen.run.account.config), dict(seen.state.model), Path(seen.run.run_id))
        plan = plan_existing(environment, session, request_for(content), seen, asking(environment, agreed=yes))
        with shown_rehearsal(environment, given) as show:
            return rehearse_existing(environment, session, check_rpc_url(rpc), plan, show)
