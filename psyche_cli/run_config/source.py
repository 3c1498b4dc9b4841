"""Reads the text of a configuration file. File system errors are raised as ConfigurationError."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from psyche_cli.errors import ConfigurationError
from psyche_cli.run_config.problems import Problem
from psyche_cli.secret_files import kind_of_secret_file
from psyche_cli.suggestions import write_example
from psyche_cli.texts import decoded

FILE_SIZE_MAX: Final = 1 << 20
"""Maximum file size in bytes. A configuration has about 2 kB; a much larger file was given by mistake."""

_WHAT: Final = "configuration file"
PATH_HINT: Final = "A run configuration is a TOML file with the tables [config] and [model]."


def read_source(path: Path, what: str = _WHAT, *, hint: str = PATH_HINT, missing_hint: str = "") -> str:
    """Read the file as text. Reads at most ``FILE_SIZE_MAX`` + 1 bytes, even from an endless device.

    ``what`` names the kind of the file in messages, and ``hint`` describes it; ``missing_hint`` is the hint for a file
    that does not exist, by default how to write an example configuration. Raises ConfigurationError.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(FILE_SIZE_MAX + 1)
    except IsADirectoryError as error:
        raise _unreadable(str(path), what, "is a directory, not a file", hint) from error
    except FileNotFoundError as error:
        message = f"The {what} {path} does not exist."
        missing_hint = missing_hint or f"To start from an example: {write_example(str(path))}"
        raise one_problem(str(path), "Unreadable", message, hint=missing_hint) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "is not a valid path"
        raise _unreadable(str(path), what, f"cannot be read ({reason})", hint) from error
    return text_of(content, str(path), what, hint=hint)


def text_of(content: bytes, name: str, what: str = _WHAT, *, hint: str = PATH_HINT) -> str:
    """Decode the content of a file, which messages call ``name``; ``what`` and ``hint`` are those of ``read_source``.

    Raises ConfigurationError.
    """
    if len(content) > FILE_SIZE_MAX:
        raise _unreadable(name, what, f"is larger than {FILE_SIZE_MAX} bytes", hint)
    try:
        return decoded(content)
    except UnicodeDecodeError as error:
        problem = f"is not {error.encoding.upper()} (byte {error.start})"
        raise _unreadable(name, what, problem, hint, rule="NotUtf8") from error


def one_problem(name: str, rule: str, message: str, *, hint: str) -> ConfigurationError:
    """The error for a problem that concerns the file as a whole."""
    problem = Problem("", rule, message, file=name)
    return ConfigurationError(message, hint=hint, problems=(problem.as_broken_rule(),), path=name)


def parsed_tables(text: str, path: Path, what: str, *, hint: str, ours: bool = False) -> dict[str, Any]:
    """The tables of a TOML file, which ``what`` names, such as "faults file". Raises ConfigurationError.

    Messages contain nothing of the text, which may be that of a key given by mistake. With ``ours``, it clearly is not.
    """
    import tomli

    secret = "" if ours else kind_of_secret_file(text)
    if secret:
        raise one_problem(str(path), "OtherFile", f"{path} is {secret}, not a {what}.", hint=hint)
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
    except (ValueError, RecursionError):
        where = "it contains too large a number or is nested too deeply"
    raise one_problem(str(path), "Syntax", f"The {what} {path} is not valid TOML ({where}).", hint=hint)


def _unreadable(name: str, what: str, problem: str, hint: str, *, rule: str = "Unreadable") -> ConfigurationError:
    return one_problem(name, rule, f"The {what} {name} {problem}.", hint=hint)
