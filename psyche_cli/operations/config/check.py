"""Validate configuration files offline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from psyche_cli.environment import Environment
from psyche_cli.errors import BrokenRule, ConfigurationError
from psyche_cli.operations.config.files import load_config
from psyche_cli.operations.config.payloads import CheckData, CheckedFile
from psyche_cli.private_keys import refuse_key_as_path
from psyche_cli.results import OperationResult
from psyche_cli.run_config.load import RunConfig
from psyche_cli.run_config.problems import configuration_error


def check_files(environment: Environment, paths: Sequence[Path], *, strict: bool = False) -> OperationResult[CheckData]:
    """Validate all files. With ``strict``, warnings count as problems.

    Raises ConfigurationError with the problems of all files, and UsageError if a key was given instead of paths.
    """
    refuse_key_as_path("FILE", *paths)
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
    found = load_config(environment, path)
    if strict and found.warnings:
        name = found.source
        raise configuration_error(found.warnings, subject=str(name), hint="Omit --strict to accept this.", source=name)
    return found


def _of_several(errors: Sequence[ConfigurationError], count: int) -> ConfigurationError:
    problems: list[BrokenRule] = [problem for error in errors for problem in error.problems]
    named = ", ".join(f"{error.path} ({len(error.problems)})" for error in errors)
    return ConfigurationError(
        f"{len(errors)} of {count} files have problems: {named}.", hint=errors[0].hint, problems=tuple(problems)
    )
