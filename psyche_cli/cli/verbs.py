"""The table of verbs and their modules in ``cli.commands``.

A module is imported when its verb is called. It declares the verb with ``sessions.plain``, ``reads`` or ``writes``; the
declared function converts the options and calls one function of ``operations``.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Verb(NamedTuple):
    """A verb of the command line, or a group of verbs.

    ``summary`` is its line in the list of commands: the first line of its help without the period. ``module`` is the
    module in ``cli.commands`` whose ``command`` is its declaration. With ``prints_document``, stdout of a successful
    command is a JSON document without the envelope, regardless of ``--output``. A verb that ``compares`` exits with
    DIFFERS if there is something to change, and with INTERNAL after a usage error. ``verbs`` are the members of a
    group; ``runs`` is False for a group that cannot be called without one of them.
    """

    name: str
    summary: str
    module: str
    prints_document: bool = False
    compares: bool = False
    verbs: tuple[Verb, ...] = ()
    runs: bool = True


class Section(NamedTuple):
    """Verbs that are listed under a common title in ``psyche-cli --help``."""

    title: str
    verbs: tuple[Verb, ...]


_LOCALNET: Final = (
    Verb("new-wallet", "Create a keypair file and print its public key", "localnet.new_wallet"),
    Verb("airdrop", "Request SOL from the faucet and wait for it to arrive", "localnet.airdrop"),
    Verb("new-mint", "Create an SPL token to use as test collateral", "localnet.new_mint"),
    Verb("wait", "Wait for a local validator to become ready", "localnet.wait"),
    Verb("status", "Show the state of a running local validator", "localnet.status"),
    Verb("stop", "Stop a running local validator and wait until its ports are free", "localnet.stop"),
    Verb("warp", "Advance the clock or the slot", "localnet.warp"),
    Verb("play", "Play a run with simulated members, which do not train", "localnet.play"),
    Verb("reset", "Reset the chain to genesis", "localnet.reset"),
    Verb("snapshot", "Take a snapshot and print its number", "localnet.snapshot"),
    Verb("restore", "Restore a snapshot", "localnet.restore"),
    Verb("set-account", "Overwrite an account, bypassing all program rules", "localnet.set_account"),
    Verb("programs", "Export the Psyche programs as .so files", "localnet.programs"),
)

_DASHBOARD: Final = (Verb("export", "Write the page of a run to one HTML file", "dashboard.export"),)

_CONFIG: Final = (
    Verb("example", "Print an example run configuration, or write it to a new file", "config.example"),
    Verb("check", "Check run configuration files offline", "config.check"),
    Verb("preview", "Preview a configuration: epochs, tokens, learning rate and cost", "config.preview"),
    Verb("dump", "Print the configuration of a run as TOML, or write it to a new file", "config.dump"),
    Verb("diff", "Compare the configuration of a run with a file", "config.diff"),
)

_JOIN_AUTHORIZATION: Final = (
    Verb("list", "List all join authorizations of a join authority", "join_authorization.list"),
)

_TX: Final = (
    Verb("list", "List the transactions in the journal whose outcome is not known", "tx.list"),
    Verb("status", "Show what the cluster and the journal know about a transaction", "tx.status"),
    Verb("explain", "Explain any transaction or message, before or after it was sent", "tx.explain"),
    Verb("resume", "Determine the outcome of unsettled transactions", "tx.resume"),
    Verb("sign", "Sign an exported transaction, offline", "tx.sign"),
    Verb("send", "Send a transaction that was signed elsewhere", "tx.send"),
    Verb("forget", "Stop waiting for the outcome of a transaction", "tx.forget"),
)

_NONCE: Final = (
    Verb("create", "Create a nonce account", "nonce.create"),
    Verb("show", "Print the authority and the current value of a nonce account", "nonce.show"),
    Verb("close", "Close a nonce account of the wallet and recover its rent", "nonce.close"),
)

_REWARDS: Final = (Verb("list", "List what each member has earned, lost, claimed and may claim", "rewards.list"),)

_HISTORY: Final = (
    Verb("state", "Show a run as it was at some time, slot or transaction", "history.state"),
    Verb("export", "Export a run and its history to one file", "history.export"),
)

_AUTHORITY: Final = (Verb("check", "Show who controls a run, and whether the wallet does", "authority.check"),)

_KEYGEN: Final = (
    Verb("new", "Create a keypair file and print its public key", "keygen.new"),
    Verb("pubkey", "Print the public key of a keypair", "keygen.pubkey"),
)

_LIFECYCLE: Final = (
    Verb("list", "List the state machines", "lifecycle.list"),
    Verb("show", "Show the states and transitions of a state machine", "lifecycle.show"),
    Verb("explain", "Explain a state: what it means, how it is reached and what ends it", "lifecycle.explain"),
    Verb("next", "List what can happen next in a state, under given conditions", "lifecycle.next"),
    Verb("crynux-group", "Show how the Crynux network validates a group of three tasks", "lifecycle.crynux_group"),
)

_WORKERS: Final = (
    Verb("list", "List the runs of workers", "workers.list"),
    Verb("show", "Show a run of workers: states, reasons, history and disk use", "workers.show"),
    Verb("logs", "Show the output of a worker, or follow it", "workers.logs"),
    Verb("cancel", "Cancel a run of workers, and wait until its processes have ended", "workers.cancel"),
    Verb("gc", "Remove runs of workers that have ended", "workers.gc"),
    Verb("daemon", "Run the daemon that supervises workers", "workers.daemon"),
)

_SCHEDULE: Final = (
    Verb("pause", "Pause a run once it has reached a step, an epoch or a time", "schedule.pause"),
    Verb("top-up", "Keep a run's vault funded for a number of epochs, within limits", "schedule.top_up"),
    Verb("tick", "Tick a run if a tick is due and no member has sent it", "schedule.tick"),
)

SECTIONS: Final = (
    Section(
        "Runs",
        (
            Verb("plan", "Show what would make a run match its run file", "plan", compares=True),
            Verb("apply", "Make a run match its run file, or carry out a plan", "apply"),
            Verb("migrate", "Plan the replacement of a run by a new one", "migrate", compares=True),
            Verb("drift", "Check whether runs match their run files", "drift", compares=True),
            Verb("create-run", "Create a run", "create_run"),
            Verb("update-config", "Configure a run from a file or with options", "update_config"),
            Verb("set-paused", "Pause a run, or start or resume it with --resume", "set_paused"),
            Verb("tick", "Tick a run whenever a tick is due", "tick"),
            Verb(
                "schedule",
                "Scheduled operations on a run, for cron and systemd",
                "schedule.group",
                verbs=_SCHEDULE,
                runs=False,
            ),
            Verb("checkpoint", "Record the repository where a member saved the model", "checkpoint"),
            Verb("close-run", "Close a run and recover its rent", "close_run"),
        ),
    ),
    Section(
        "Inspect",
        (
            Verb("watch", "Watch a run: a live screen, or one JSON document per change", "watch"),
            Verb("wait", "Wait until a run reaches a state, a step, an epoch or a number of members", "wait"),
            Verb("list-runs", "List the runs on the cluster", "list_runs"),
            Verb("show", "Show a run on one screen: state, progress, members and rewards", "show"),
            Verb("explain", "Explain what a run is doing, what is wrong with it, and what to do", "explain"),
            Verb("members", "List the members of a run and what each has earned", "members"),
            Verb(
                "history",
                "Show the history of a run: who did what, when, and with what effect",
                "history.group",
                verbs=_HISTORY,
            ),
            Verb("dashboard", "Serve a web page about runs, with live updates", "dashboard.serve", verbs=_DASHBOARD),
            Verb("metrics", "Serve metrics of runs to Prometheus, or write them to a file", "metrics"),
            Verb("monitor", "Check rules about runs, and send notifications of alarms", "monitor"),
            Verb("curves", "Plot the curves of a run: loss, members, rewards and more", "curves"),
            Verb("can-join", "Check whether a key can join a run now", "can_join"),
            Verb("authority", "Inspect who controls a run", "authority.group", verbs=_AUTHORITY, runs=False),
            Verb("cost", "Show what a run has cost so far", "cost"),
            Verb("rehearse", "Rehearse a run: workers that train, on a local validator in virtual time", "rehearse"),
            Verb("advise", "Advise on the settings of a run, from its history or a simulation", "advise"),
            Verb("simulate", "Predict the course of a run: states, steps, rewards and its end", "simulate"),
            Verb(
                "lifecycle",
                "Explain the states of runs, of Crynux tasks and of workers",
                "lifecycle.group",
                verbs=_LIFECYCLE,
                runs=False,
            ),
            Verb("json-dump-run", "Print the full state of a run as JSON", "json_dump_run", prints_document=True),
            Verb(
                "json-dump-user",
                "Print the full state of one member as JSON",
                "json_dump_user",
                prints_document=True,
            ),
            Verb("decode", "Decode account bytes from a file as JSON", "decode", prints_document=True),
        ),
    ),
    Section(
        "Files",
        (
            Verb("download-results", "Download the files of a run", "download_results"),
            Verb("upload-data", "Upload files for a run", "upload_data"),
        ),
    ),
    Section(
        "Rewards",
        (
            Verb(
                "set-future-epoch-rates",
                "Set the earning and slashing rates for future epochs",
                "set_future_epoch_rates",
            ),
            Verb("treasurer-top-up-rewards", "Transfer collateral to a run's vault", "treasurer_top_up_rewards"),
            Verb("treasurer-claim-rewards", "Claim a member's rewards from a run's vault", "treasurer_claim_rewards"),
            Verb("rewards", "Inspect the rewards of a run", "rewards.group", verbs=_REWARDS, runs=False),
        ),
    ),
    Section(
        "Join authorizations",
        (
            Verb(
                "join-authorization-create",
                "Authorize one key, or everyone, to join your runs",
                "join_authorization_create",
            ),
            Verb(
                "join-authorization-read",
                "Print a join authorization: whether it is active, and its delegates",
                "join_authorization_read",
            ),
            Verb(
                "join-authorization-delegate",
                "Change the delegates of an authorization granted to the wallet",
                "join_authorization_delegate",
            ),
            Verb(
                "join-authorization-delete",
                "Deactivate a join authorization of the wallet",
                "join_authorization_delete",
            ),
            Verb(
                "join-authorization-close",
                "Close an inactive join authorization and recover its rent",
                "join_authorization_close",
            ),
            Verb(
                "join-authorization",
                "List join authorizations",
                "join_authorization.group",
                verbs=_JOIN_AUTHORIZATION,
                runs=False,
            ),
            Verb(
                "run-authorizer", "Alias of join-authorization-create that takes key=value arguments", "run_authorizer"
            ),
        ),
    ),
    Section(
        "Configuration",
        (Verb("config", "Work with run configurations", "config.group", verbs=_CONFIG, runs=False),),
    ),
    Section(
        "Wallet",
        (
            Verb(
                "keygen", "Create a keypair, or show the public key of one", "keygen.group", verbs=_KEYGEN, runs=False
            ),
            Verb("balance", "Print the SOL balance of a wallet or of any address", "balance"),
            Verb("airdrop", "Request SOL from the faucet of a test cluster and wait for it to arrive", "airdrop"),
        ),
    ),
    Section(
        "Transactions",
        (
            Verb("tx", "Inspect and settle transactions that were sent", "tx.group", verbs=_TX, runs=False),
            Verb("nonce", "Create, show and close nonce accounts", "nonce.group", verbs=_NONCE, runs=False),
        ),
    ),
    Section(
        "Local validator",
        (Verb("localnet", "Run a local validator or control a running one", "localnet.serve", verbs=_LOCALNET),),
    ),
    Section(
        "Workers",
        (
            Verb(
                "workers",
                "Supervise workers, and inspect, cancel and remove their runs",
                "workers.group",
                verbs=_WORKERS,
                runs=False,
            ),
        ),
    ),
    Section(
        "Shell and scripts",
        (
            Verb("completion", "Print a shell completion script, or install it", "completion"),
            Verb("schema", "Print the JSON Schema of a command's output", "schema"),
        ),
    ),
)
"""All verbs by topic, in the order in which they are used during the life of a run."""

ALIASES: Final = {"config-example": ("config", "example")}
"""Former names of verbs, which still work but are not listed, with their replacements."""
