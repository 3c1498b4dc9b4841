"""``psyche-cli workers daemon``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.cli.worker_options import WorkersStateDir


@plain(example="psyche-cli workers daemon --gpus 2")
def command(
    call: Call,
    *,
    listen: Annotated[
        str | None,
        option(
            "--listen",
            metavar="HOST:PORT",
            help="Listen at this TCP address instead of a Unix socket in the state folder. Port 0 selects a free one.",
        ),
    ] = None,
    remote: Annotated[
        bool,
        option("--remote", help="Allow an address that other machines can reach. Calls are not encrypted."),
    ] = False,
    gpus: Annotated[
        str | None,
        option(
            "--gpus",
            metavar="NUMBER|auto",
            help="GPUs of this machine to assign to workers, also by later daemons of this state folder. auto, the "
            "default: the NVIDIA GPUs that are found.",
        ),
    ] = None,
    state_dir: WorkersStateDir = None,
) -> None:
    """Run the daemon that supervises workers.

    It starts the workers of submitted runs, and follows them until Ctrl-C. Commands that need it start it themselves;
    it then ends after a minute without runs. There is one daemon per state folder. Workers continue without a daemon,
    and the next one adopts them.
    """
    from psyche_cli.cli.render import one_line_json, print_line
    from psyche_cli.operations.workers.daemon import run_daemon

    run_daemon(
        call.environment,
        state_dir=state_dir,
        listen=listen,
        remote=remote,
        gpus=gpus,
        announce=lambda ready: print_line(
            call.environment,
            one_line_json("workers daemon", ready) if call.environment.output.as_json else ready.summary,
        ),
    )
