"""``psyche-cli apply``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from psyche_cli.cli.options import Argument, option
from psyche_cli.cli.sessions import Call, ForRun, given_options, writes

if TYPE_CHECKING:
    from psyche_cli.operations.signing import SigningSession
    from psyche_cli.results import OperationResult


@writes(example="psyche-cli apply run.toml --yes", here=True, dry_run=True, confirms=True)
def command(
    call: Call,
    *,
    file: Annotated[Path, Argument(metavar="FILE", help="Run file (TOML), or a plan that was written with plan -o.")],
    wait: Annotated[
        str,
        option(
            "--wait",
            metavar="DURATION",
            help="How long to wait for a pause to take effect: seconds, or a duration such as 90m or 2h.",
        ),
    ] = "1h",
    on_timeout: Annotated[
        Literal["leave", "resume"],
        option(
            "--on-timeout",
            help="What to do if the pause does not take effect in time: leave the run pausing, or wait as long again "
            "and resume it without the change.",
        ),
    ] = "leave",
    jsonl: Annotated[
        bool,
        option(
            "--jsonl",
            help="Print a JSON document on one line for each event, and one with the result at the end. The default "
            "unless stdout is a terminal or --output is given.",
        ),
    ] = False,
) -> ForRun:
    """Make a run match its run file, or carry out a plan.

    Creates and changes what differs, step by step: the run, authorizations, funding, rates, configuration and state. A
    change that needs a pause is one operation: pause, wait until it takes effect, update, resume. After an
    interruption at any moment, the same command continues, and repeats nothing. Asks for confirmation, unless --yes is
    given. A plan is refused if the run has changed since it was made.

    In a pipe or a file, prints one JSON document per line, as with --jsonl: what happens, and at the end the result.
    """
    from psyche_cli.cli.render import one_line_json, print_line
    from psyche_cli.durations import parse_duration
    from psyche_cli.operations.migrations.unfinished import target_of
    from psyche_cli.operations.run_files.apply import apply_run
    from psyche_cli.operations.run_files.dry_apply import dry_apply
    from psyche_cli.operations.run_files.given import read_given
    from psyche_cli.operations.run_files.lock import applying
    from psyche_cli.operations.run_files.pause_wait import LONGEST, PauseWait
    from psyche_cli.operations.run_files.target import Target
    from psyche_cli.operations.run_files.work import Applying
    from psyche_cli.solana.sending.recording import intent_text

    environment = call.environment
    output = environment.output
    lines = jsonl or not (environment.stdout_is_terminal or output.is_format_given)
    output.as_lines = lines
    seconds = parse_duration(wait, "--wait", maximum=LONGEST)
    wanted, reviewed = read_given(file)
    run_id = wanted.run_id
    folder = call.values["state_dir"] or environment.state_folder
    again = given_options(call).command("apply", str(file))

    def show(result: OperationResult[Any]) -> None:
        if lines:
            print_line(environment, one_line_json("apply", result))

    def printed(result: OperationResult[Any]) -> OperationResult[Any] | None:
        if not lines:
            return result
        show(result)
        return None

    target, ids = Target(wanted) if reviewed is not None else target_of(wanted), [run_id]
    if reviewed is not None and reviewed.migration is not None:
        from psyche_cli.operations.migrations.migration import Migration
        from psyche_cli.operations.migrations.target import MigrationTarget

        migration = Migration.of(reviewed.migration)
        target, ids = MigrationTarget(wanted, migration), sorted({run_id, migration.run_id})
    request = Applying(target, reviewed, PauseWait(seconds, on_timeout), again, show, is_plan_shown=not output.quiet)

    def write(session: SigningSession) -> Any:
        if call.values["dry_run"]:
            return printed(dry_apply(session, request, logs=environment.output.verbose))
        with ExitStack() as held:
            locks = [held.enter_context(applying(folder, one)) for one in ids]

            @contextmanager
            def unlocked() -> Iterator[None]:
                with ExitStack() as released:
                    for lock in reversed(locks):  # taken again in the order in which they were taken
                        released.enter_context(lock.released(environment.clock))
                    yield

            try:
                result = apply_run(session, request._replace(unlocked=unlocked))
            except BaseException:
                # A transfer that it has made stays unsettled in the journal, so that the next attempt counts it.
                environment.after_output.clear()
                raise
        return printed(result)

    # The intent does not depend on the file, so that a later version of it settles what this one leaves unsettled.
    return ForRun(run_id, intent_text("apply", {"run_id": run_id}), write)
