"""Reads and validates run configuration files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psyche_cli.errors import ConfigurationError
from psyche_cli.run_config.advice import run_advice
from psyche_cli.run_config.problems import Problem, configuration_error
from psyche_cli.run_config.reader import BAD, Reader, did_you_mean, key_name
from psyche_cli.run_config.rules import check_config, check_model, check_run
from psyche_cli.run_config.schema import ROOTS, SERVER_KEYS
from psyche_cli.run_config.source import PATH_HINT, read_source
from psyche_cli.run_config.syntax import Document, parse
from psyche_cli.run_config.toml_places import Places

HINT = "See docs/run-config.md for all keys; `psyche-cli config example` prints a complete file."


@dataclass(frozen=True)
class RunConfig:
    """The content of a configuration file, complete and with valid types.

    ``config`` maps every key of ``[config]`` to an integer. ``model`` is ``{"LLM": {...}}``. A variant without a
    payload is its name, such as ``"HfLlama"``; one with a payload is a one-key mapping, such as
    ``{"Hub": {"repo_id": ..., "revision": None}}``. Absent optional keys are None. Numbers of f32 fields are those of
    the file, not rounded to 32 bits. ``warnings`` lists values that are valid but probably mistakes.
    """

    config: dict[str, int]
    model: dict[str, Any]
    source: Path
    warnings: tuple[Problem, ...] = ()


def load_run_config(path: Path, *, check_rules: bool = True) -> RunConfig:
    """Read and validate a configuration file.

    With ``check_rules``, the rules of the coordinator program are checked as well, and ``warnings`` includes advice.

    Raises ConfigurationError, whose ``problems`` list everything that is wrong with the file.
    """
    return parse_run_config(read_source(path), path, check_rules=check_rules)


def parse_run_config(text: str, path: Path, *, check_rules: bool = True) -> RunConfig:
    """Like ``load_run_config``, for the text of a file. ``path`` is only used in messages."""
    found = examine(text, path, check_rules=check_rules)
    if found.content is None:
        raise _refusal(found, path)
    return found.content


@dataclass(frozen=True)
class Examination:
    """The result of validating the text of a file: its ``content``, or else its ``problems``.

    ``ours`` is whether the file is clearly intended as a run configuration.
    """

    content: RunConfig | None
    problems: tuple[Problem, ...] = ()
    ours: bool = True


def examine(text: str, path: Path, *, check_rules: bool = True) -> Examination:
    """Validate the text of a file. ``path`` is only used in messages."""
    document = parse(text, str(path))
    reader, valid = Reader(), {}
    if document.tables is not None:
        valid = _read(document.tables, reader)
    problems = [problem for problem in reader.problems if not _is_lost(problem, document)]
    if check_rules and document.tables is not None:
        config, model = valid.get("config"), valid.get("model")
        if not problems and not document.problems:
            problems += check_run(valid["config"], valid["model"])
        else:
            problems += check_config(config) if isinstance(config, dict) else []
            problems += check_model(model) if isinstance(model, dict) else []
    if problems or document.problems:
        everything = (*document.problems, *_placed(problems, document, path))
        return Examination(None, everything, document.ours)
    advice = run_advice(valid["config"], valid["model"]) if check_rules else []
    warnings = _placed([*reader.warnings, *advice], document, path)
    return Examination(RunConfig(valid["config"], valid["model"], path, tuple(warnings)))


def _read(tables: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    """The valid values of both tables. Problems are recorded in ``reader``."""
    valid: dict[str, Any] = {}
    for name, kind in ROOTS.items():
        if name in tables:
            valid[name] = _without_bad(reader.read(kind, tables[name], name))
        else:
            reader.note(name, "MissingTable", f"the table [{name}] is missing")
    _check_other_keys(tables, reader)
    return valid


def _is_lost(problem: Problem, document: Document) -> bool:
    """Whether a key is missing only because its line could not be parsed."""
    return problem.rule == "MissingKey" and problem.key.rpartition(".")[2] in document.lost_keys


def _placed(problems: list[Problem], document: Document, path: Path) -> list[Problem]:
    """The problems with their places in the file."""
    if not problems:
        return []
    places = Places(document.text)
    return [
        dataclasses.replace(problem, file=str(path), place=places.find(problem.key, problem.rule))
        for problem in problems
    ]


def _refusal(found: Examination, path: Path) -> ConfigurationError:
    hint = HINT if found.ours else PATH_HINT
    if len(found.problems) == 1 and not found.problems[0].key:  # concerns the whole file, and names it in its message
        [problem] = found.problems
        return ConfigurationError(problem.message, hint=hint, problems=(problem.as_broken_rule(),), path=str(path))
    return configuration_error(found.problems, subject=str(path), hint=hint, source=path)


def _check_other_keys(document: Mapping[str, Any], reader: Reader) -> None:
    for name in document:
        if name in ROOTS:
            continue
        if name in SERVER_KEYS:
            message = f"{name} is ignored: it belongs in a server's state file, not in a run configuration"
            reader.warnings.append(Problem(name, "IgnoredKey", message))
        else:
            near = did_you_mean(name, [root for root in ROOTS if root not in document] or ROOTS)
            message = f"{key_name(name)} is not a known key{near}: a file has the tables [config] and [model]"
            reader.note(key_name(name), "UnknownKey", message)


def _without_bad(value: Any) -> Any:
    """The value without its invalid parts; None if nothing is left."""
    if value is BAD:
        return None
    if isinstance(value, dict):
        return {name: _without_bad(item) for name, item in value.items() if item is not BAD}
    return value
