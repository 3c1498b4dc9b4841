"""Validate configuration files offline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from psyche_cli.environment import Environment
from psyche_cli.errors import BrokenRule, ConfigurationError
from psyche_cli.operations.config.payloads import CheckData, CheckedFile
from psyche_cli.results import OperationResult
from psyche_cli.run_config.load import RunConfig, load_run_config, parse_run_config
from psyche_cli.run_config.problems import configuration_error
from psyche_cli.run_config.source import FILE_SIZE_MAX, text_of

STDIN: Final = Path("-")
"""The path that means standard input."""

_STDIN_NAME: Final = Path("<stdin>")


def check_files(environment: Environment, paths: Sequence[Path], *, strict: bool = False) -> OperationResult[CheckData]:
    """Validate all files. With ``strict``, warnings count as problems.

    Raises ConfigurationError with the problems of all files.
    """
    checked: list[RunConfig] = []
    errors: list[ConfigurationError] = []
    for path in paths:
        try:
            checked.append(_checked(environment, path, strict=strict))
        except ConfigurationError as error:
            errors.append(error)
    if len(errors) == 1 and len(paths) == 1:
        raise errors[0]
    if errors:
        raise _of_several(errors, len(paths))
    warnings = [warning for file in checked for warning in file.warnings]
    files = tuple(
        CheckedFile(path=str(file.source), warnings=tuple(warning.as_broken_rule() for warning in file.warnings))
        for file in checked
    )
    return OperationResult(
        summary=f"{files[0].path} is valid." if len(files) == 1 else f"All {len(files)} files are valid.",
        data=CheckData(files=files),
        warnings=tuple(f"{warning.where}: {warning.message} (warning {warning.rule})" for warning in warnings),
    )


def _checked(environment: Environment, path: Path, *, strict: bool) -> RunConfig:
    found = parse_run_config(_stdin_text(environment), _STDIN_NAME) if path == STDIN else load_run_config(path)
    if strict and found.warnings:
        name = found.source
        raise configuration_error(found.warnings, subject=str(name), hint="Omit --strict to accept this.", source=name)
    return found


def _stdin_text(environment: Environment) -> str:
    """The content of standard input, decoded like a file regardless of the locale."""
    stream = environment.stdin
    content = stream.buffer.read(FILE_SIZE_MAX + 1) if hasattr(stream, "buffer") else stream.read().encode()
    return text_of(content, str(_STDIN_NAME))


def _of_several(errors: Sequence[ConfigurationError], count: int) -> ConfigurationError:
    problems: list[BrokenRule] = [problem for error in errors for problem in error.problems]
    named = ", ".join(f"{error.path} ({len(error.problems)})" for error in errors)
    return ConfigurationError(
        f"{len(errors)} of {count} files have problems: {named}.", hint=errors[0].hint, problems=tuple(problems)
    )
