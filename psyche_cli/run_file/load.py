"""Reads and validates run files."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from psyche_cli.errors import ConfigurationError
from psyche_cli.run_config.advice import run_advice
from psyche_cli.run_config.load import examine
from psyche_cli.run_config.problems import Problem, configuration_error
from psyche_cli.run_config.reader import BAD, Reader, did_you_mean, key_name
from psyche_cli.run_config.rules import check_config, check_model, check_run
from psyche_cli.run_config.schema import ROOTS
from psyche_cli.run_config.source import parsed_tables, read_source
from psyche_cli.run_config.toml_places import Places
from psyche_cli.run_file.schema import AUTHORIZATION, LIST_KEY, TABLES, TOP, Key, table_keys
from psyche_cli.run_file.wanted import (
    WantedAuthorization,
    WantedFunding,
    WantedJoin,
    WantedRun,
    WantedTreasurer,
)

FILE_PROBLEM_NAMES: Final = ("UnknownVersion", "InvalidRunId", "InvalidPublicKey", "InvalidAmount", "Conflict")
"""The rule names of problems that only run files have."""

_HINT: Final = (
    "See docs/declarative.md for all keys; `psyche-cli config dump --full` writes the file of an existing run."
)
_ROOT: Final = ""
_OUR_KEY: Final = re.compile(r"^[ \t]*run_id[ \t]*=", re.MULTILINE)
"""A key that identifies the text as a run file."""


def load_run_file(path: Path) -> WantedRun:
    """Read and validate a run file, and the run configuration that it names.

    Raises ConfigurationError, whose ``problems`` list everything that is wrong with both.
    """
    return parse_run_file(read_run_text(path), path)


def read_run_text(path: Path) -> str:
    """The text of a run file, for ``parse_run_file``. Raises ConfigurationError."""
    return read_source(path, "run file", hint=_HINT, missing_hint=_HINT)


def parse_run_file(text: str, path: Path) -> WantedRun:
    """Like ``load_run_file``, for the text of a file. ``path`` is used in messages, and to find the configuration."""
    ours = _OUR_KEY.search(text) is not None
    document = parsed_tables(text, path, "run file", hint=_HINT, ours=ours)
    reader = _FileReader(document, path)
    wanted = reader.wanted()
    places = Places(text)

    def placed(problems: Sequence[Problem]) -> list[Problem]:
        return [
            one
            if one.file is not None
            else dataclasses.replace(one, file=str(path), place=places.find(one.key, one.rule))
            for one in problems
        ]

    if reader.problems:
        raise configuration_error(placed(reader.problems), subject=str(path), hint=_HINT, source=path)
    return dataclasses.replace(wanted, warnings=tuple(placed(reader.warnings)))


class _FileReader(Reader):
    """Reads the tables of a document."""

    def __init__(self, document: Mapping[str, Any], path: Path) -> None:
        super().__init__()
        self._document = document
        self._path = path

    def wanted(self) -> WantedRun:
        """The run, with gaps if there are problems."""
        top = self._keys(TOP, self._document, _ROOT, (*TABLES, *ROOTS))
        tables = {name: self._section(name) for name in TABLES}
        config, model = self._configuration(top.get("configuration"))
        join, funding = tables["join"], tables["funding"]
        treasurer = tables["treasurer"] if "mint" in tables["treasurer"] else None
        return WantedRun(
            run_id=top.get("run_id", ""),
            source=self._path,
            state=top.get("state"),
            client_version=top.get("client_version"),
            metadata=tables["metadata"],
            config=config,
            model=model,
            resets_checkpoint=top.get("reset_checkpoint", False),
            start_step=top.get("start_step"),
            join=WantedJoin(
                authority=join.get("authority"),
                everyone=join.get("everyone"),
                authorizations=self._authorizations(),
                deactivates_unlisted=join.get("unlisted") == "deactivate",
            ),
            treasurer=None if treasurer is None else WantedTreasurer(treasurer["mint"], treasurer.get("index")),
            earning_rate=tables["rewards"].get("earning_rate"),
            slashing_rate=tables["rewards"].get("slashing_rate"),
            funding=self._funding(funding) if isinstance(self._document.get("funding"), Mapping) else None,
        )

    def _section(self, name: str) -> dict[str, Any]:
        """The valid values of a table; empty if it is absent."""
        if name not in self._document:
            return {}
        others = (LIST_KEY,) if name == "join" else ()
        return self._keys(TABLES[name], self._document[name], name, others)

    def _keys(self, keys: Sequence[Key], table: Any, path: str, others: Sequence[str] = ()) -> dict[str, Any]:
        """The valid values of a table by key. ``others`` are known keys that are read elsewhere."""
        if not isinstance(table, Mapping):
            self._wrong_type(path, "a table", table)
            return {}
        known = (*(key.name for key in keys), *others)
        for name in table:
            if name not in known:
                near = did_you_mean(name, [one for one in known if one not in table] or known)
                shown = _dotted(path, key_name(name))
                self.note(shown, "UnknownKey", f"{shown} is not a known key{near}{self._elsewhere(name)}")
        valid = {}
        for key in keys:
            dotted = _dotted(path, key.name)
            if key.name in table:
                value = key.read(self, table[key.name], dotted)
                if value is not BAD:
                    valid[key.name] = value
            elif key.required:
                self.note(dotted, "MissingKey", f"{dotted} is missing: {key.meaning} ({key.type})")
        return valid

    @staticmethod
    def _elsewhere(name: str) -> str:
        """The tables that have a key of this name, for a key in the wrong table."""
        tables = [f"[{table}]" for table in TABLES if name in table_keys(table)]
        return f"; it is a key of {' and '.join(tables)}" if tables else ""

    def _authorizations(self) -> tuple[WantedAuthorization, ...]:
        join = self._document.get("join")
        listed = join.get(LIST_KEY, []) if isinstance(join, Mapping) else []
        path = f"join.{LIST_KEY}"
        if not isinstance(listed, list):
            self._wrong_type(path, f"an array of tables: [[{path}]]", listed)
            return ()
        found: dict[Any, WantedAuthorization] = {}
        for number, table in enumerate(listed):
            values = self._keys(AUTHORIZATION, table, f"{path}[{number}]")
            grantee = values.get("grantee")
            if grantee in found:
                self.note(f"{path}[{number}].grantee", "Conflict", f"{path}[{number}].grantee is listed twice")
            elif grantee is not None:
                found[grantee] = WantedAuthorization(grantee, values.get("delegates"))
        return tuple(found.values())

    def _funding(self, values: Mapping[str, Any]) -> WantedFunding:
        given = [key for key in ("keep_epochs", "keep_amount") if key in self._document["funding"]]
        if len(given) != 1:
            self.note("funding", "Conflict", "funding must have exactly one of keep_epochs and keep_amount")
        if "treasurer" not in self._document:
            message = "funding needs a treasurer: add [treasurer] with the mint of the run's collateral"
            self.note("funding", "Conflict", message)
        return WantedFunding(**values)

    def _configuration(self, path: str | None) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """The tables of the run configuration, in this file or in the one that it names; None if there is none."""
        inline = [name for name in ROOTS if name in self._document]
        if path is None and not inline:
            return None, None
        if path is None:
            return self._inline_configuration()
        if inline:
            message = f"the configuration is given twice: as a file, and as the table [{inline[0]}]"
            self.note("configuration", "Conflict", message)
            return None, None
        file = self._path.parent / path
        try:
            found = examine(read_source(file), file)
        except ConfigurationError as error:
            self.note("configuration", "Unreadable", error.message.rstrip("."))
            return None, None
        self.problems += [one if one.file else dataclasses.replace(one, file=str(file)) for one in found.problems]
        if found.content is None:
            return None, None
        self.warnings += found.content.warnings
        return found.content.config, found.content.model

    def _inline_configuration(self) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        before = len(self.problems)
        valid: dict[str, Any] = {}
        for name, kind in ROOTS.items():
            if name in self._document:
                valid[name] = self.read(kind, self._document[name], name)
            else:
                self.note(name, "MissingTable", f"the table [{name}] is missing: both are required, or neither")
        config, model = valid.get("config"), valid.get("model")
        if len(self.problems) > before:
            self.problems += check_config(_valid(config)) if isinstance(config, dict) else []
            self.problems += check_model(_valid(model)) if isinstance(model, dict) else []
            return None, None
        self.problems += check_run(valid["config"], valid["model"])
        self.warnings += run_advice(valid["config"], valid["model"])
        return config, model


def _valid(value: Any) -> Any:
    """The value without its invalid parts."""
    if isinstance(value, dict):
        return {name: _valid(item) for name, item in value.items() if item is not BAD}
    return value


def _dotted(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
