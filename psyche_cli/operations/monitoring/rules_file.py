"""Reads the rules file of ``monitor``: TOML with tables ``[[rule]]`` and ``[[destination]]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from psyche_cli.errors import ConfigurationError
from psyche_cli.operations.monitoring.rules import LONGEST_NAME, SEVERITIES, Destination, RulesFile, read_rule
from psyche_cli.run_config.problems import configuration_error
from psyche_cli.run_config.reader import BAD, Reader, did_you_mean, key_name, quoted
from psyche_cli.run_config.source import FILE_SIZE_MAX, one_problem, parsed_tables
from psyche_cli.run_config.toml_places import Places
from psyche_cli.run_config.types import Choice, Field, Table, Text, Variant
from psyche_cli.texts import decoded

if TYPE_CHECKING:
    from psyche_cli.redaction import Redactor

HINT: Final = "docs/monitoring.md describes all rules. To start from an example: psyche-cli monitor --print-example"

_DESTINATION: Final = Table(
    (
        Field("name", Text(LONGEST_NAME), "name of the destination, which messages show"),
        Field("kind", Choice((Variant("webhook"), Variant("apprise"))), "how notifications are sent"),
        Field("url", Text(4096), "URL; it is never shown", optional=True),
        Field("url_env", Text(128), "environment variable that contains the URL", optional=True),
        Field("url_file", Text(4096), "file that contains the URL", optional=True),
        Field("severity", Choice(tuple(map(Variant, SEVERITIES))), "the least severe alarm to send", optional=True),
    )
)


def read_rules(path: Path, variables: Mapping[str, str], redactor: Redactor) -> RulesFile:
    """Read a rules file. ``variables`` is the environment, from which URLs may be taken. ``redactor`` learns all URLs.

    Raises ConfigurationError, whose ``problems`` list everything that is wrong with the file.
    """
    text = _text(path)
    tables = parsed_tables(text, path, "rules file", hint=HINT)
    _learn(tables, redactor)
    reader = Reader()
    name = tables.pop("name", "default")
    if (
        not isinstance(name, str)
        or not 0 < len(name) <= LONGEST_NAME
        or not all(c.isalnum() or c in "-_" for c in name)
    ):
        reader.note("name", "WrongType", "name must be a string of at most 64 letters, digits, - and _")
    rules = _items(tables.pop("rule", []), "rule", reader, read_rule)
    destinations = _items(
        tables.pop("destination", []),
        "destination",
        reader,
        lambda table, key, reader: _destination(table, key, reader, path.parent, variables),
    )
    for key in tables:
        known = ("name", "rule", "destination")
        reader.note(key_name(key), "UnknownKey", f"{key_name(key)} is not a known key{did_you_mean(key, known)}")
    if not rules and not reader.problems:
        reader.note("rule", "MissingKey", "rule is missing: write at least one [[rule]]")
    for kind, items in (("rule", rules), ("destination", destinations)):
        names = [item.name for item in items]
        for index, item in enumerate(items):
            if item.name in names[:index]:
                message = (
                    f"{kind}[{index}].name = {quoted(item.name)} is used twice: give each {kind} a name of its own"
                )
                reader.note(f"{kind}[{index}].name", "Duplicate", message)
    for destination in destinations:
        _learn_url(destination.url, redactor)
    if reader.problems:
        places = Places(text)
        placed = [replace(one, file=str(path), place=places.find(one.key, one.rule)) for one in reader.problems]
        raise configuration_error(placed, subject=f"The rules file {path}", hint=HINT, source=path)
    return RulesFile(name, tuple(rules), tuple(destinations))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_SIZE_MAX + 1)
        if len(content) > FILE_SIZE_MAX:
            raise _unusable(path, f"is larger than {FILE_SIZE_MAX} bytes")
        return decoded(content)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not valid text"
        raise _unusable(path, f"cannot be read: {reason}") from error


def _unusable(path: Path, what: str) -> ConfigurationError:
    return one_problem(str(path), "Unreadable", f"The rules file {path} {what}.", hint=HINT)


def _items(found: object, name: str, reader: Reader, read: Any) -> list[Any]:
    """The items of an array of tables that are valid."""
    if not isinstance(found, list):
        reader.note(name, "WrongType", f"{name} must be an array of tables: write [[{name}]]")
        return []
    items = [read(table, f"{name}[{index}]", reader) for index, table in enumerate(found)]
    return [item for item in items if item is not None]


def _destination(
    table: object, key: str, reader: Reader, folder: Path, variables: Mapping[str, str]
) -> Destination | None:
    known = len(reader.problems)
    value = reader.read(_DESTINATION, table, key)
    if value is BAD or len(reader.problems) > known:
        return None
    given = [name for name in ("url", "url_env", "url_file") if value[name] is not None]
    if len(given) != 1:
        how = "none" if not given else "several"
        reader.note(key, "MissingKey", f"{key} needs exactly one of url, url_env and url_file, but has {how}")
        return None
    [source] = given
    url = _url(source, value[source], f"{key}.{source}", reader, folder, variables)
    if value["kind"] == "webhook" and url and not url.startswith(("https://", "http://")):
        reader.note(f"{key}.{source}", "WrongType", f"the URL in {key}.{source} must begin with https:// or http://")
    if len(reader.problems) > known:
        return None
    return Destination(value["name"], value["kind"], url, value["severity"] or "info")


def _url(source: str, value: str, key: str, reader: Reader, folder: Path, variables: Mapping[str, str]) -> str:
    if source == "url":
        return value.strip()
    if source == "url_env":
        found = variables.get(value, "").strip()
        if not found:
            reader.note(key, "MissingKey", f"{key}: the environment variable {quoted(value)} is not set")
        return found
    try:
        found = (folder / value).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not valid text"
        reader.note(key, "Unreadable", f"{key}: the file cannot be read: {reason}")
        return ""
    if not found:
        reader.note(key, "MissingKey", f"{key}: the file is empty")
    return found


def _learn(value: object, redactor: Redactor) -> None:
    """Register everything in a file that may be a URL, before a problem is reported with its line."""
    if isinstance(value, dict):
        for inner in value.values():
            _learn(inner, redactor)
    elif isinstance(value, list):
        for inner in value:
            _learn(inner, redactor)
    elif isinstance(value, str) and ":/" in value:
        _learn_url(value, redactor)


def _learn_url(url: str, redactor: Redactor) -> None:
    """Register a URL. In those of apprise, the host may be a token."""
    if url.startswith(("https://", "http://")):
        redactor.learn_url(url)
    else:
        redactor.learn_secret(url.partition("://")[2] or url)
