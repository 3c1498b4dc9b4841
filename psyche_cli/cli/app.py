"""Entry point of the command line: parses arguments, runs the verb, renders its result, and returns an exit code.

To keep ``--help`` fast, nothing heavy is imported here; each verb imports what it needs when it runs.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import TYPE_CHECKING

from psyche_cli.cli.options import COMPLETION_VARIABLE, VARIABLES
from psyche_cli.cli.plain_line import plain_line
from psyche_cli.cli.render import Renderer, print_line
from psyche_cli.errors import LOOK_UP, ExitCode, Interrupted, PsycheError
from psyche_cli.results import OperationResult

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from psyche_cli.cli.command_line import CommandLine
    from psyche_cli.cli.plain_line import PlainLine
    from psyche_cli.environment import Environment
    from psyche_cli.results import Result
    from psyche_cli.transport import Transport, WebSocket

_OUTPUT_FAULTS = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def environment_of_this_process(
    stop_signals: AbstractContextManager[None] | None = None, *, started: float | None = None
) -> Environment:
    """The environment of this process, which connects to endpoints over HTTP.

    ``started`` is the start time of the process in seconds of ``time.monotonic``, by default the current time.
    """
    from psyche_cli.environment import Environment

    def open_http_transport(url: str) -> Transport:
        from psyche_cli.solana.rpc.http import HttpTransport

        return HttpTransport(url, wait=environment.waits.wait)

    def open_client_websocket(url: str, timeout: float) -> WebSocket:
        from psyche_cli.solana.rpc.websocket import open_websocket

        return open_websocket(url, environment.variables, timeout=timeout)

    environment = Environment.of_this_process(open_http_transport, stop_signals, started=started)
    environment.open_websocket = open_client_websocket
    return environment


def main(argv: Sequence[str], environment: Environment) -> ExitCode:
    """Run one command line and return its exit code. Never raises."""
    environment.redactor.learn_words(argv)
    environment.redactor.learn_words(
        f"{flag}={environment.variables[name]}" for flag, name in VARIABLES.items() if name in environment.variables
    )
    line = plain_line(argv, environment) or _line_for_typer(argv, environment)
    outcome: Result | PsycheError | None = None
    try:
        with environment.diagnostics.capture_stderr():
            outcome = _outcome(line, argv, environment)
            try:
                return _show(outcome, line, environment)
            finally:
                _after_output(environment)
    except (OSError, ValueError) as error:  # ValueError: the stream is closed
        _report_lost_output(error, outcome, environment)
        return ExitCode.INTERNAL


def _after_output(environment: Environment) -> None:
    """Call the callbacks that wait for the output. The result is already printed, so a failure changes nothing."""
    from contextlib import suppress

    for callback in environment.after_output:
        with suppress(PsycheError, KeyboardInterrupt):
            callback()


def _line_for_typer(argv: Sequence[str], environment: Environment) -> CommandLine:
    from psyche_cli.cli.command_line import CommandLine

    return CommandLine(argv, environment)


def _show(outcome: Result | PsycheError | None, line: CommandLine | PlainLine, environment: Environment) -> ExitCode:
    """Render an outcome; a failure to render it is rendered as an error.

    Raises OSError or ValueError if stdout cannot be written.
    """
    selected = line.output_format
    as_lines = environment.output.as_lines
    prints_document = line.verb is not None and line.verb.prints_document
    as_json = selected != "human" or ((prints_document or as_lines) and isinstance(outcome, PsycheError))
    compact = selected == "json-compact" or as_lines
    renderer = Renderer(environment, command=line.command, as_json=as_json, compact=compact)
    if outcome is not None and not isinstance(outcome, PsycheError):
        try:
            renderer.result(outcome)
        except OSError:
            raise
        except Exception as error:
            outcome = _bug(error, environment)
    if isinstance(outcome, PsycheError):
        exit_code = _exit_code(outcome, line)
        renderer.error(outcome, exit_code)
        return exit_code
    return outcome.exit_code if isinstance(outcome, OperationResult) else ExitCode.OK


def _exit_code(error: PsycheError, line: CommandLine | PlainLine) -> ExitCode:
    """The exit code of an error. A usage error must not look like the answer of a verb that compares."""
    compares = line.verb is not None and line.verb.compares
    return ExitCode.INTERNAL if compares and error.exit_code is ExitCode.USAGE else error.exit_code


def _report_lost_output(
    error: OSError | ValueError, outcome: Result | PsycheError | None, environment: Environment
) -> None:
    """Report on stderr that stdout could not be written, and which transactions landed.

    Errors need no repetition: the renderer has already written them to stderr.
    """
    landed = outcome.transactions if isinstance(outcome, OperationResult) else ()
    if isinstance(error, OSError) and error.errno == errno.EPIPE and not landed:
        return  # the reader (such as `| head`) closed the pipe, which is not an error
    closed = isinstance(error, OSError) and error.errno == errno.EBADF
    reason = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
    environment.diagnostics.line(f"Error: Cannot write the output: {'stdout is closed' if closed else reason}.")
    for transaction in landed:
        environment.diagnostics.line(f"Transaction landed: ({transaction.label}) {transaction.signature}")
    if closed:
        environment.diagnostics.line("Hint: To discard the output, redirect it to /dev/null.")
    elif not landed:
        environment.diagnostics.line("Hint: The command itself was not affected: only its output was lost.")


def _print_completions(words: Sequence[str], environment: Environment) -> None:
    """Print the completions of the last word, one per line, for the shell's completion script."""
    from psyche_cli.cli.completion import completions

    for word, help in completions(words, environment):
        print_line(environment, word, help)


def _outcome(
    line: CommandLine | PlainLine, argv: Sequence[str], environment: Environment
) -> Result | PsycheError | None:
    """The result or error of the verb. Raises OSError if the verb could not write to stdout."""
    outcome: Result | PsycheError | None = None
    try:
        with environment.stop_signals:
            if COMPLETION_VARIABLE in environment.variables:
                _print_completions(argv, environment)
            else:
                line.read()
                environment.command = line.command
                outcome = line.run()
    except PsycheError as error:
        return error
    except KeyboardInterrupt as stop:
        # A signal that arrives after the verb has returned does not discard its result.
        return outcome or _interrupted(stop, environment)
    except BaseException as error:  # a panic in a Rust extension is not a subclass of Exception
        if isinstance(error, OSError) and error.errno in _OUTPUT_FAULTS and error.filename is None:
            raise
        return _bug(error, environment)
    return outcome


def _interrupted(stop: KeyboardInterrupt, environment: Environment) -> PsycheError:
    """The error for an interruption outside of ``Sender``, which handles those during a transaction itself."""
    requests = environment.requests
    if not requests.writes:
        return Interrupted.by(stop, "Interrupted.", hint="Nothing was sent.", sent=False)
    if not requests.signature:
        method = requests.writes[-1].method
        return Interrupted.by(
            stop,
            f"Interrupted after sending the request {method}.",
            hint="The request may have been executed.",
            sent=requests.sent,
            method=method,
        )
    return Interrupted.by(
        stop,
        f"Interrupted after transaction {requests.signature} was sent.",
        hint=LOOK_UP,
        sent=True,
        signature=requests.signature,
    )


def _bug(error: BaseException, environment: Environment) -> PsycheError:
    """The error for an unexpected exception, including what may have been sent before it."""
    if "PSYCHE_CLI_TRACEBACK" in environment.variables:
        import traceback

        environment.diagnostics.lines("".join(traceback.format_exception(error)))
    requests, name = environment.requests, type(error).__name__
    after, advice = "", ""
    if requests.signature:
        after, advice = f" after transaction {requests.signature} was sent", f"{LOOK_UP} "
    elif requests.writes:
        after = f" after sending the request {requests.writes[-1].method}"
    return PsycheError(
        f"Internal error in psyche-cli ({name}){after}. This is a bug.",
        hint=f"{advice}To report it, run the command again with PSYCHE_CLI_TRACEBACK=1 and include the traceback.",
        sent=requests.sent,
        signature=requests.signature,
        exception=name,
    )
