"""What is to be rehearsed, as given on the command line."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from solders.pubkey import Pubkey

from psyche_cli.environment import Environment
from psyche_cli.errors import UsageError
from psyche_cli.input_files import input_bytes
from psyche_cli.limits import MAX_CLIENTS
from psyche_cli.new_files import require_new_file
from psyche_cli.operations.config.durations import check_assumed_seconds
from psyche_cli.printable import printable
from psyche_cli.rehearsal.faults import HINT, Fault, parse_faults
from psyche_cli.run_config.load import RunConfig
from psyche_cli.run_config.source import FILE_SIZE_MAX, one_problem
from psyche_cli.texts import decoded
from psyche_cli.training.text import load_text
from psyche_cli.training.trainer import check_installed
from psyche_cli.workers.engines.names import is_address

TrainerName: TypeAlias = Literal["numpy", "torch", "fake"]
EngineName: TypeAlias = Literal["local", "ray"]

_ROUNDS_IN_TRAINING_TIME: Final = 5
_WARMUP_SECONDS: Final = 2
DEFAULT_EPOCHS: Final = 2
DEFAULT_MEMBERS: Final = 4
REPORT: Final = "--report"
"""The name of the HTML file in messages."""
_OF_NEW_RUNS: Final = {"earning_rate": "--earning-rate-total-shared"}
_OF_EXISTING_RUNS: Final = {
    "rpc": "--rpc",
    "member_wallet": "--member-wallet",
    "authorizer": "--authorizer",
    "allow_public_cluster": "--allow-public-cluster",
    "yes": "--yes",
}
"""Options that apply only to one kind of run, by parameter."""


class Request(NamedTuple):
    """The options of a rehearsal. Those that are None have the defaults that the options describe.

    With ``run_id``, an existing run is rehearsed, and ``config`` is its configuration. Its members have
    ``member_wallets`` (keypair files), if any, and join with the authorization of ``authorizer``. ``may_be_public`` is
    whether its cluster may be another one than a local validator.
    """

    config: RunConfig
    members: int
    epochs: int | None = None
    steps: int | None = None
    trainer: TrainerName = "numpy"
    text: Path | None = None
    faults: tuple[Fault, ...] = ()
    engine: EngineName = "local"
    ray_address: str | None = None
    seed: int = 1
    train_seconds: int | None = None
    warmup_seconds: int | None = None
    check_percent: float = 25.0
    earning_rate: str = "100"
    report: Path | None = None
    state_folder: Path | None = None
    run_id: str | None = None
    member_wallets: tuple[Path, ...] = ()
    authorizer: Pubkey | None = None
    may_be_public: bool = False

    @property
    def title(self) -> str:
        """What is rehearsed: the name of the file, or the run."""
        return self.config.source.name if self.run_id is None else f"run {self.run_id}"

    @property
    def engine_name(self) -> str:
        """The name of the engine for the daemon."""
        return self.engine if self.ray_address is None else f"{self.engine}:{self.ray_address}"

    def checked(self) -> Request:
        """The request with all defaults. Raises UsageError."""
        config = self.config.config
        if not 1 <= self.members <= MAX_CLIENTS:
            raise UsageError(f"--members {self.members} is out of range.", hint=f"Use 1 to {MAX_CLIENTS}.")
        limit = config["global_batch_size_end"]
        if self.members > limit:
            raise UsageError(
                f"{self.members} members are more than can ever join this run: its global_batch_size_end is {limit}.",
                hint="Rehearse with fewer --members, or increase global_batch_size_end in the configuration.",
            )
        if self.epochs is not None and self.steps is not None:
            raise UsageError("--epochs and --steps exclude each other.", hint="Specify one of them.")
        if not 0 <= self.check_percent <= 100:
            raise UsageError(f"--check-share {self.check_percent:g} is out of range.", hint="Use 0 to 100 percent.")
        if (self.engine == "ray") != (self.ray_address is not None):
            raise UsageError(
                "--engine ray and --ray-address belong together.",
                hint="Specify the address of the cluster, such as --engine ray --ray-address 127.0.0.1:6379.",
            )
        if self.ray_address is not None and not is_address(self.ray_address):
            raise UsageError(
                f"--ray-address {printable(self.ray_address)} is not HOST:PORT.",
                hint="`ray start --head` prints the address; its port is 6379 by default.",
            )
        for option, seconds, key, least in (
            ("--train-seconds", self.train_seconds, "max_round_train_time", 1),
            ("--warmup-seconds", self.warmup_seconds, "warmup_time", 0),
        ):
            check_assumed_seconds(option, seconds, config, key, least)
        return self._replace(
            epochs=DEFAULT_EPOCHS if self.epochs is None and self.steps is None else self.epochs,
            train_seconds=max(config["max_round_train_time"] // _ROUNDS_IN_TRAINING_TIME, 1)
            if self.train_seconds is None
            else self.train_seconds,
            warmup_seconds=min(_WARMUP_SECONDS, config["warmup_time"])
            if self.warmup_seconds is None
            else self.warmup_seconds,
        )


def check_source(config: Path | None, run_id: str | None, typed: Collection[str]) -> None:
    """Raise UsageError unless exactly one of --config and --run-id is given, with options that belong to it.

    ``typed`` are the parameters given on the command line.
    """
    if (config is None) == (run_id is None):
        raise UsageError(
            "Specify either --config or --run-id.",
            hint="--config FILE rehearses a new run; --run-id RUN_ID one that exists on a local validator.",
        )
    wrong = _OF_NEW_RUNS if config is None else _OF_EXISTING_RUNS
    for parameter, name in wrong.items():
        if parameter in typed:
            other = "--run-id" if config is None else "--config"
            raise UsageError(f"Cannot use {name} together with {other}.")


def check_files(request: Request) -> None:
    """Raise UsageError if the trainer is not installed, the text cannot be used, or the report cannot be written."""
    if request.trainer != "fake":
        check_installed(request.trainer)
    if request.text is not None:
        load_text(request.text)
    if request.report is not None:
        require_new_file(request.report, what=REPORT)


def number_of_members(members: int | None, wallets: Collection[Path], *, may_be_public: bool) -> int:
    """The number of members, from ``--members`` or the number of ``--member-wallet``. Raises UsageError."""
    if may_be_public and not wallets:
        raise UsageError(
            "--allow-public-cluster needs the wallets of the members.",
            hint="Specify a funded keypair file for each member: --member-wallet FILE --member-wallet FILE ...",
        )
    if members is not None and wallets and members != len(wallets):
        raise UsageError(
            f"--members {members} does not fit the number of --member-wallet, which is {len(wallets)}.",
            hint="Omit --members: there are as many members as wallets.",
        )
    if members is not None:
        return members
    return len(wallets) if wallets else DEFAULT_MEMBERS


def load_faults(environment: Environment, path: Path, *, members: int, seed: int) -> tuple[Fault, ...]:
    """The faults of a file; ``-`` is standard input. Raises UsageError, ConfigurationError."""
    content = input_bytes(environment, path, FILE_SIZE_MAX + 1)
    try:
        return parse_faults(decoded(content), path, members=members, seed=seed)
    except UnicodeDecodeError as error:
        raise one_problem(str(path), "NotUtf8", f"The faults file {path} is not UTF-8.", hint=HINT) from error
