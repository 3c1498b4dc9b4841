"""The command line: reads one, runs the verb, renders its result, and ends in an exit code.

Nothing heavy is imported here, so that ``--help`` answers at once: every verb imports what it needs when it runs.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import TYPE_CHECKING

from psyche_cli.command_line import CommandLine
from psyche_cli.commands.options import COMPLETION_VARIABLE, VARIABLES
from psyche_cli.errors import ExitCode, Interrupted, PsycheError
from psyche_cli.render import Renderer, print_line

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.results import Result

_OUTPUT_FAULTS = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def run() -> None:
    """Where console scripts that were installed before ``__main__.run`` existed still point."""
    from psyche_cli.__main__ import run

    run()


def main(argv: Sequence[str], environment: Environment) -> ExitCode:
    """Run one command line and return its exit code. Never raises."""
    environment.redactor.learn_words(argv)
    environment.redactor.learn_words(
        f"{flag}={environment.variables[name]}" for flag, name in VARIABLES.items() if name in environment.variables
    )
    line = CommandLine(argv, environment)
    try:
        with environment.diagnostics.in_place_of_stderr():
            outcome = _outcome(line, argv, environment)
            as_json = line.wants_json or (line.prints_document and isinstance(outcome, PsycheError))
            renderer = Renderer(environment, command=line.command, as_json=as_json)
            if isinstance(outcome, PsycheError):
                renderer.error(outcome)
                return outcome.exit_code
            if outcome is not None:
                renderer.result(outcome)
            return ExitCode.OK
    except OSError as error:
        if error.errno != errno.EPIPE:  # the reader (`| head`) has gone, as readers do
            environment.diagnostics.line(f"Error: The output could not be written: {error.strerror}.")
            environment.diagnostics.line(
                "Hint: Only the report is lost: if the lines above say that something was sent, it was."
            )
        return ExitCode.INTERNAL


def _print_completions(words: Sequence[str], environment: Environment) -> None:
    """Answer a shell that asks what the last word may become."""
    from psyche_cli.completion import completions

    for word, help in completions(words, environment):
        print_line(environment, f"{word} {help}")


def _outcome(line: CommandLine, argv: Sequence[str], environment: Environment) -> Result | PsycheError | None:
    """What the verb returned or raised. Raises the OSError of an output that cannot be written."""
    outcome: Result | PsycheError | None = None
    try:
        with environment.stop_signals:
            if COMPLETION_VARIABLE in environment.variables:
                _print_completions(argv, environment)
            else:
                line.read()
                outcome = line.run()
    except PsycheError as error:
        return error
    except KeyboardInterrupt as stop:
        # A signal in the moment after the verb returned does not undo what it did.
        return outcome or _interrupted(stop, environment)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _OUTPUT_FAULTS and error.filename is None:
            raise
        if "PSYCHE_CLI_TRACEBACK" in environment.variables:
            import traceback

            environment.diagnostics.lines(traceback.format_exc())
        return _bug(error)
    return outcome


def _interrupted(stop: KeyboardInterrupt, environment: Environment) -> PsycheError:
    """What an interruption means that came while no transaction was under way."""
    writes = environment.requests.writes
    if not writes:
        return Interrupted.by(stop, "Interrupted.", hint="Nothing was sent.", sent=False)
    signatures = [write.signature for write in writes if write.signature]
    if not signatures:
        method = writes[-1].method
        return Interrupted.by(
            stop,
            f"Interrupted after the request {method} was made.",
            hint="It may have been carried out.",
            method=method,
        )
    return Interrupted.by(
        stop,
        f"Interrupted after transaction {signatures[-1]} was sent.",
        hint="Look the signature up in an explorer or with `solana confirm` before repeating.",
        sent=True,
        signature=signatures[-1],
    )


def _bug(error: Exception) -> PsycheError:
    return PsycheError(
        f"psyche-cli itself failed ({type(error).__name__}). This is a bug.",
        hint="Set PSYCHE_CLI_TRACEBACK=1 and run it again to see where, then report it.",
        exception=type(error).__name__,
    )
