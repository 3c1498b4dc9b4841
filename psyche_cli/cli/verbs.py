"""The verbs of the command line: a table that says where in ``cli.commands`` each one is.

A module is imported when one of its verbs is called. What it declares with ``sessions.plain``, ``reads`` or ``writes``
reads the verb's options and calls one function of ``operations``.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Verb(NamedTuple):
    """A verb of the command line, or a group of verbs.

    ``summary`` is its line in the list of commands: the first line of its help, without the full stop. ``module`` of
    ``cli.commands`` holds its declaration by the name ``command``. ``prints_document``: on success stdout is a JSON
    document of the verb's own, whatever ``--output`` says. ``verbs`` are those of a group, which does something by
    itself if it ``runs``.
    """

    name: str
    summary: str
    module: str
    prints_document: bool = False
    verbs: tuple[Verb, ...] = ()
    runs: bool = True


class Section(NamedTuple):
    """Verbs that are listed together in ``psyche-cli --help``, under what they are about."""

    title: str
    verbs: tuple[Verb, ...]


_LOCALNET: Final = (
    Verb("new-wallet", "Create a keypair file and print its public key", "localnet.new_wallet"),
    Verb("airdrop", "Request SOL from the faucet and wait for it to arrive", "localnet.airdrop"),
    Verb("new-mint", "Create an SPL token to use as test collateral", "localnet.new_mint"),
    Verb("wait", "Wait for a local validator to become ready", "localnet.wait"),
    Verb("warp", "Advance the clock or the slot", "localnet.warp"),
    Verb("reset", "Reset the chain to genesis", "localnet.reset"),
    Verb("snapshot", "Take a snapshot and print its number", "localnet.snapshot"),
    Verb("restore", "Restore a snapshot", "localnet.restore"),
    Verb("set-account", "Overwrite an account, bypassing all program rules", "localnet.set_account"),
    Verb("programs", "Export the Psyche programs as .so files", "localnet.programs"),
)

_CONFIG: Final = (Verb("example", "Print an example run configuration, or write it to a new file", "config.example"),)

SECTIONS: Final = (
    Section(
        "Runs",
        (
            Verb("create-run", "Create a run", "create_run"),
            Verb("update-config", "Configure a run from a file or with options", "update_config"),
            Verb("set-paused", "Pause a run, or start or resume it with --resume", "set_paused"),
        ),
    ),
    Section(
        "Inspect",
        (
            Verb("json-dump-run", "Print the full state of a run as JSON", "json_dump_run", prints_document=True),
            Verb(
                "json-dump-user",
                "Print the full state of one member as JSON",
                "json_dump_user",
                prints_document=True,
            ),
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
                "run-authorizer", "Alias of join-authorization-create that takes key=value arguments", "run_authorizer"
            ),
        ),
    ),
    Section(
        "Configuration",
        (Verb("config", "Work with run configurations", "config.group", verbs=_CONFIG, runs=False),),
    ),
    Section(
        "Local validator",
        (Verb("localnet", "Run a local validator or control a running one", "localnet.serve", verbs=_LOCALNET),),
    ),
    Section(
        "Shell and scripts",
        (
            Verb("completion", "Print a shell completion script", "completion"),
            Verb("schema", "Print the JSON Schema of a command's output", "schema"),
        ),
    ),
)
"""Every verb, by what it is about, in the order of a run's life."""

ALIASES: Final = {"config-example": ("config", "example")}
"""Former names of verbs, which still work and are not listed, and the words that they stand for."""
