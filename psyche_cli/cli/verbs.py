"""The verbs of the command line: a table that says where in ``cli.commands`` each one is.

A module is imported when one of its verbs is called. What it declares with ``sessions.plain``, ``reads`` or ``writes``
reads the verb's options and calls one function of ``operations``.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Verb(NamedTuple):
    """A verb of the command line, or a group of verbs.

    ``summary`` is its line in the list of commands: the first line of its help, without the full stop. ``module`` of
    ``cli.commands`` holds its declaration by the name ``declaration``. ``prints_document``: on success stdout is a JSON
    document of the verb's own, whatever ``--output`` says. ``verbs`` are those of a group.
    """

    name: str
    summary: str
    module: str
    declaration: str = "command"
    prints_document: bool = False
    verbs: tuple[Verb, ...] = ()


class Section(NamedTuple):
    """Verbs that are listed together in ``psyche-cli --help``, under what they are about."""

    title: str
    verbs: tuple[Verb, ...]


_LOCALNET: Final = (
    Verb("new-wallet", "Create a keypair file, and print its public key", "localnet", "new_wallet"),
    Verb("airdrop", "Ask the faucet for SOL, and wait until it is there", "localnet", "airdrop"),
    Verb("new-mint", "Create an SPL token: collateral to rehearse with", "localnet", "new_mint"),
    Verb("wait", "Wait until a local validator that was just started answers", "localnet", "wait"),
    Verb("warp", "Let time pass at once", "localnet", "warp"),
    Verb("reset", "Go back to genesis", "localnet", "reset"),
    Verb("snapshot", "Remember the state, and print the number to restore it by", "localnet", "snapshot"),
    Verb("restore", "Go back to a snapshot", "localnet", "restore"),
    Verb("set-account", "Write an account, past all rules", "localnet", "set_account"),
    Verb("programs", "Write the Psyche programs as .so files", "localnet", "programs"),
)

SECTIONS: Final = (
    Section(
        "Runs",
        (
            Verb("create-run", "Create a run", "create_run"),
            Verb("update-config", "Configure a run, from a file and by options", "update_config"),
            Verb("set-paused", "Pause a run, or with --resume start it", "set_paused"),
        ),
    ),
    Section(
        "Look",
        (
            Verb("json-dump-run", "Print everything about a run, as JSON", "json_dump_run", prints_document=True),
            Verb(
                "json-dump-user",
                "Print everything about one member, as JSON",
                "json_dump_user",
                prints_document=True,
            ),
        ),
    ),
    Section(
        "Rewards",
        (
            Verb("set-future-epoch-rates", "Set the rewards of the epochs to come", "set_future_epoch_rates"),
            Verb("treasurer-top-up-rewards", "Transfer collateral to a run's treasury", "treasurer_top_up_rewards"),
        ),
    ),
    Section(
        "Who may join",
        (
            Verb(
                "join-authorization-create",
                "Let somebody, or everybody, join your runs",
                "join_authorization_create",
            ),
            Verb("run-authorizer", "The same, by the name of the older recipe", "run_authorizer"),
        ),
    ),
    Section(
        "Configuration",
        (Verb("config-example", "Print an example run configuration", "config_example"),),
    ),
    Section(
        "Local validator",
        (Verb("localnet", "Run a local validator, or control one", "localnet", "serve", verbs=_LOCALNET),),
    ),
    Section(
        "Shell and scripts",
        (
            Verb("completion", "Print a script that completes commands and options", "completion"),
            Verb("schema", "Print the JSON Schema of what a command prints", "schema"),
        ),
    ),
)
"""Every verb, by what it is about, in the order of a run's life."""
