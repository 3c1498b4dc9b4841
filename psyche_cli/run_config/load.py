"""Reading a run configuration file. TOML's and the file system's errors become ConfigurationError here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psyche_cli.errors import ConfigurationError
from psyche_cli.printable import printable
from psyche_cli.run_config.advice import run_advice
from psyche_cli.run_config.problems import Problem, configuration_error
from psyche_cli.run_config.reader import BAD, Reader, did_you_mean, key_name
from psyche_cli.run_config.rules import check_config, check_model, check_run
from psyche_cli.run_config.schema import ROOTS, SERVER_KEYS, leaves
from psyche_cli.run_config.types import Boolean, Float, Integer
from psyche_cli.secret_files import kind_of_secret_file
from psyche_cli.suggestions import write_example
from psyche_cli.texts import decoded

FILE_SIZE_MAX = 1 << 20
"""Bytes. A configuration has some 2 kB; what is much larger is another file."""

_HINT = "See docs/run-config.md for all keys; `psyche-cli config example` prints a complete file."
_PATH_HINT = "Pass --config-path a TOML file with the tables [config] and [model]."
_DECLARED_TWICE = "A key or table is declared twice"
# A header of one of the two tables, or a key of one: whoever has written that meant a run configuration.
_OUR_TABLE = re.compile(r"^[ \t]*(?:\[[ \t]*)?(?:config|model)[ \t]*(?:[].]|=[ \t]*\{)", re.MULTILINE)
# A key and a few characters. Where those cannot be a text, the line may be shown.
_SETTING = re.compile(r"\s*(\w+)\s*(?:=.{0,24})?", re.ASCII)
_PLAIN_KEYS = frozenset(
    path.rpartition(".")[2]
    for name, root in ROOTS.items()
    for path, kind in leaves(root, name)
    if isinstance(kind, Integer | Float | Boolean)
)


@dataclass(frozen=True)
class RunConfig:
    """The content of a configuration file, complete and of the right types.

    ``config`` maps every key of ``[config]`` to its integer. ``model`` is ``{"LLM": {...}}``: a variant without payload
    is its name (``"HfLlama"``), one with payload ``{"Hub": {"repo_id": ..., "revision": None}}``; absent options are
    None; numbers for f32 fields are the file's own, not yet rounded. ``warnings`` says what is allowed but should be
    known.
    """

    config: dict[str, int]
    model: dict[str, Any]
    source: Path
    warnings: tuple[Problem, ...] = ()


def load_run_config(path: Path, *, check_rules: bool = True) -> RunConfig:
    """Read and check a configuration file.

    With ``check_rules`` also what the coordinator program would refuse is a problem, and advice is among the warnings.

    Raises ConfigurationError, whose ``problems`` name everything that is wrong with the file at once.
    """
    return parse_run_config(_read(path), path, check_rules=check_rules)


def parse_run_config(text: str, path: Path, *, check_rules: bool = True) -> RunConfig:
    """The same for the text of a file. ``path`` names it in messages and is not opened."""
    document = _parse(text, path)
    reader = Reader()
    sound: dict[str, Any] = {}
    for name, kind in ROOTS.items():
        if name in document:
            sound[name] = _without_bad(reader.read(kind, document[name], name))
        else:
            reader.note(name, "MissingTable", f"the table [{name}] is missing")
    _check_other_keys(document, reader)
    problems = list(reader.problems)
    config, model = sound.get("config"), sound.get("model")
    if check_rules:
        if problems:
            problems += check_config(config) if isinstance(config, dict) else []
            problems += check_model(model) if isinstance(model, dict) else []
        else:
            problems += check_run(sound["config"], sound["model"])
    if problems:
        raise configuration_error(problems, subject=str(path), hint=_HINT, source=path)
    advice = run_advice(sound["config"], sound["model"]) if check_rules else []
    return RunConfig(sound["config"], sound["model"], path, (*reader.warnings, *advice))


def _read(path: Path) -> str:
    """The file as text. Reads at most ``FILE_SIZE_MAX`` bytes, so a pipe or a device does no harm."""
    try:
        with path.open("rb") as stream:
            content = stream.read(FILE_SIZE_MAX + 1)
    except IsADirectoryError as error:
        raise _unreadable(path, "is a directory, not a file") from error
    except FileNotFoundError as error:
        message = f"The configuration file {path} does not exist."
        hint = f"To start from an example: {write_example(str(path))}"
        raise _one_problem(path, "Unreadable", message, hint=hint) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "is not a valid path"
        raise _unreadable(path, f"cannot be read ({reason})") from error
    if len(content) > FILE_SIZE_MAX:
        raise _unreadable(path, f"is larger than {FILE_SIZE_MAX} bytes, too large for a run configuration")
    try:
        return decoded(content)
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"is not {error.encoding.upper()} (byte {error.start})", rule="NotUtf8") from error


def _unreadable(path: Path, what: str, *, rule: str = "Unreadable") -> ConfigurationError:
    message = f"The configuration file {path} {what}."
    return _one_problem(path, rule, message, hint=_PATH_HINT)


def _one_problem(path: Path, rule: str, message: str, *, hint: str) -> ConfigurationError:
    return ConfigurationError(
        message, hint=hint, problems=(Problem("", rule, message).as_broken_rule(),), path=str(path)
    )


def _parse(text: str, path: Path) -> dict[str, Any]:
    """The tables of the file. Of a file that is not plainly a run configuration, no error shows anything."""
    import tomli

    ours = _OUR_TABLE.search(text) is not None
    kind = "" if ours else kind_of_secret_file(text)
    if kind:
        message = f"{path} is {kind}, not a run configuration."
        raise _one_problem(path, "OtherFile", message, hint=_PATH_HINT)
    line = column = None
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        reason, line, column = error.msg, error.lineno, error.colno
    except (ValueError, RecursionError):
        reason = "it contains too large a number or too deep a nesting"
    # Outside the except block: the exception of tomli carries the file, and would be the cause of ours.
    if reason.startswith(("Cannot ", "Duplicate ")):
        reason = _DECLARED_TWICE  # tomli quotes it
    where = "" if line is None else f" (at line {line}, column {column})"
    message = f"The configuration file {path} is not valid TOML{f': {printable(reason)}' if ours else ''}{where}."
    raise _one_problem(path, "Syntax", message, hint=_line_hint(text, line) if ours else _PATH_HINT)


def _line_hint(text: str, number: int | None) -> str:
    """The offending line, if the parser says which one it is and the line cannot be more than a number's."""
    lines = text.split("\n")
    line = lines[number - 1].rstrip("\r") if number is not None and number <= len(lines) else ""
    setting = _SETTING.fullmatch(line)
    if setting is None or setting[1] not in _PLAIN_KEYS:
        return _HINT
    return f'Line {number} is "{printable(line)}".'


def _check_other_keys(document: Mapping[str, Any], reader: Reader) -> None:
    for name in document:
        if name in ROOTS:
            continue
        if name in SERVER_KEYS:
            message = f"{name} is ignored: it belongs to a server's state file, not to a run configuration"
            reader.warnings.append(Problem(name, "IgnoredKey", message))
        else:
            near = did_you_mean(name, [root for root in ROOTS if root not in document] or ROOTS)
            message = f"{key_name(name)} is not a known key{near}: a file has the tables [config] and [model]"
            reader.note(key_name(name), "UnknownKey", message)


def _without_bad(value: Any) -> Any:
    """The value without the parts that a problem was noted about; None when nothing is left."""
    if value is BAD:
        return None
    if isinstance(value, dict):
        return {name: _without_bad(item) for name, item in value.items() if item is not BAD}
    return value
