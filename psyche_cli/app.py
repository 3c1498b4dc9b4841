"""The command line: assembles the verbs, runs one, renders its result, and ends in an exit code.

Nothing heavy is imported here, so that ``--help`` answers at once: every verb imports what it needs when it runs.
"""

from __future__ import annotations

import errno
import functools
import importlib
import inspect
import itertools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from psyche_cli import __version__
from psyche_cli.commands import VERBS
from psyche_cli.commands.options import EXPECTED_VARIABLES, VARIABLES, came_from_variable
from psyche_cli.errors import ExitCode, Interrupted, PsycheError, UsageError
from psyche_cli.render import Renderer, in_place_of_stdout
from psyche_cli.results import Document, OperationResult, PlainText

if TYPE_CHECKING:
    from psyche_cli.environment import Environment

PROGRAM = "psyche-cli"

_OUTPUT_FAULTS = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})

Output = Annotated[
    Literal["human", "json"],
    typer.Option("--output", help="What stdout holds: text for people, or one JSON document.", case_sensitive=False),
]


def run() -> None:
    """The console script: this process's arguments and environment."""
    from psyche_cli.environment import Environment

    try:
        environment = Environment.of_this_process()
        sys.stderr = environment.diagnostics.as_stream()  # for threads that outlive main, too
        code = main(sys.argv[1:], environment)
    except KeyboardInterrupt:  # so early that there is no output format yet, or for the second time
        code = ExitCode.INTERRUPTED
    _forget_unwritten_output()
    sys.exit(code)


def _forget_unwritten_output() -> None:
    """After a write that failed (and was told) Python would try once more at exit, and complain."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(argv: Sequence[str], environment: Environment) -> ExitCode:
    """Run one command line and return its exit code. Never raises."""
    argv = argv or ("--help",)
    tree = typer.main.get_command(build())
    verb = _verb(argv, tree)
    environment.redactor.learn_words(argv)
    environment.redactor.learn_words(
        f"{flag}={environment.variables.get(name, '')}" for flag, name in VARIABLES.items()
    )
    renderer = Renderer(environment, command=verb, as_json=_wants_json(argv, verb))
    try:
        with environment.diagnostics.in_place_of_stderr():
            return _run(tree, argv, environment, renderer)
    except OSError as error:
        if error.errno != errno.EPIPE:  # the reader (`| head`) has gone, as readers do
            environment.diagnostics.line(f"Error: The output could not be written: {error.strerror}.")
            environment.diagnostics.line(
                "Hint: Only the report is lost: if the lines above say that something was sent, it was."
            )
        return ExitCode.INTERNAL


def _run(tree: Any, argv: Sequence[str], environment: Environment, renderer: Renderer) -> ExitCode:
    """The same, but raises the OSError of an output that cannot be written."""
    try:
        result = _invoke(tree, argv, environment)
        if isinstance(result, OperationResult | Document | PlainText):
            renderer.result(result)
        return ExitCode(result) if isinstance(result, int) else ExitCode.OK
    except PsycheError as error:
        renderer.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        renderer.error(Interrupted("Interrupted."))
        return ExitCode.INTERRUPTED
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _OUTPUT_FAULTS and error.filename is None:
            raise
        renderer.error(_bug(error))
        if "PSYCHE_CLI_TRACEBACK" in environment.variables:
            import traceback

            environment.diagnostics.lines(traceback.format_exc())
        return ExitCode.INTERNAL


def _bug(error: Exception) -> PsycheError:
    return PsycheError(
        f"psyche-cli itself failed ({type(error).__name__}). This is a bug.",
        hint="Set PSYCHE_CLI_TRACEBACK=1 and run it again to see where, then report it.",
        exception=type(error).__name__,
    )


def _invoke(command: Any, argv: Sequence[str], environment: Environment) -> Any:
    """Run the verb and return its result, or the exit code with which typer ended (help, version)."""
    try:
        with in_place_of_stdout(environment):
            result = command.main(
                args=list(argv),
                prog_name=PROGRAM,
                standalone_mode=False,
                obj=environment,
                default_map=_defaults(command, environment.variables),
            )
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else PROGRAM
        raise UsageError(_sentence(error), hint=f"See: {path} --help") from error
    if result == ExitCode.INTERRUPTED:  # typer's answer to Ctrl-C
        raise Interrupted("Interrupted.")
    return result


def _sentence(error: typer.TyperException) -> str:
    text = error.format_message().strip() or "This command needs a subcommand."
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _verb(argv: Sequence[str], tree: Any) -> str:
    """The command that the raw words call, such as ``localnet new-mint``; the first word if it is no command."""
    names: list[str] = []
    for word in argv:
        child = getattr(tree, "commands", {}).get(word)
        if child is not None:
            names.append(word)
            tree = child
    return " ".join(names) or ("" if argv[0].startswith("-") else argv[0])


def _wants_json(argv: Sequence[str], verb: str) -> bool:
    """Whether stdout must be JSON, from the raw words: a usage error is reported before they are parsed."""
    words = [word.lower() for word in argv]
    asked = "--output=json" in words or ("--output", "json") in itertools.pairwise(words)
    return asked or verb.startswith("json-dump-")


def build() -> typer.Typer:
    """The Typer application with all verbs."""
    app = typer.Typer(
        name=PROGRAM,
        help="Administer Psyche training runs on Solana, on any cluster or on the embedded local validator.",
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"max_content_width": 110},
    )
    app.callback()(_root)
    for verb in VERBS:
        module = importlib.import_module(f"psyche_cli.commands.{verb.replace('-', '_')}")
        if isinstance(getattr(module, "app", None), typer.Typer):
            app.add_typer(module.app, name=verb)
        else:
            app.command(verb, epilog=f"Example: {module.EXAMPLE}")(with_output(module.command))
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    del version  # its callback has done the work


def with_output(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with an ``--output`` option added, and with a word on stderr about values from the environment.

    The value of the option is read by ``main`` from the raw words; here it is only declared and checked.
    """

    @functools.wraps(command)
    def wrapper(ctx: typer.Context, *args: Any, output: str, **kwargs: Any) -> Any:
        del output
        _tell_variables(ctx)
        return command(ctx, *args, **kwargs)

    signature = inspect.signature(command, eval_str=True)
    added = inspect.Parameter("output", inspect.Parameter.KEYWORD_ONLY, default="human", annotation=Output)
    parameters = [*signature.parameters.values(), added]
    wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # inspect reads it
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapper


def _tell_variables(ctx: typer.Context) -> None:
    """Say which options took their value from an environment variable whose name is very general."""
    names = [
        f"{flag} ({VARIABLES[flag]})"
        for parameter in ctx.command.params
        for flag in parameter.opts
        if flag in VARIABLES.keys() - EXPECTED_VARIABLES and came_from_variable(ctx, parameter.name)
    ]
    if names:
        ctx.obj.diagnostics.line(f"From the environment: {', '.join(names)}.")


def _defaults(command: Any, variables: Mapping[str, str]) -> dict[str, Any]:
    """What the environment variables say, in the form of click's default map: verb to parameter to value."""
    found: dict[str, Any] = {}
    for parameter in command.params:
        for flag in parameter.opts:
            value = variables.get(VARIABLES.get(flag, ""), "")
            if value:
                found[parameter.name] = value
    for name, child in getattr(command, "commands", {}).items():
        found[name] = _defaults(child, variables)
    return found
