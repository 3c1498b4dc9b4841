"""The text that a diff changes: a file, or what ``config dump`` writes."""

from __future__ import annotations

import codecs
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from psyche_cli.errors import ConfigurationError, UsageError
from psyche_cli.operations.advise.diff import unified_diff
from psyche_cli.operations.advise.verdict import Verdict
from psyche_cli.private_keys import holds_key
from psyche_cli.run_config.edit import with_numbers
from psyche_cli.run_config.load import parse_run_config
from psyche_cli.run_config.rules import check_run
from psyche_cli.run_config.source import one_problem, read_source
from psyche_cli.run_file.load import parse_run_file, read_run_text
from psyche_cli.suggestions import shell_word


class Target(NamedTuple):
    """A text with a configuration, whose values are ``config`` and ``model``.

    ``path`` is the file with the text, None for one that does not exist; ``name`` is its name in the diff. ``run_id``
    is that of a run file, None for a run configuration. ``given`` is the file that the user named.
    """

    text: str
    name: str
    config: Mapping[str, int]
    model: Mapping[str, Any]
    path: Path | None = None
    run_id: str | None = None
    given: Path | None = None

    def diff(self, verdicts: list[Verdict]) -> str:
        """The diff to the advised values; empty if the text has them all.

        Raises ConfigurationError if they are not valid together with other values of the text, and UsageError if the
        diff would contain what looks like a private key.
        """
        advised = {one.key: one.advised for one in verdicts if one.advised is not None}
        problems = check_run(dict(self.config) | advised, self.model)
        if problems:
            raise ConfigurationError(
                f"The advised values are not valid together with the others of {self.name}: {problems[0].message}.",
                hint="The file differs from the configuration that the advice is for. Apply it first, or omit --file.",
                problems=tuple(one.as_broken_rule() for one in problems),
            )
        changed = {key: value for key, value in advised.items() if self.config[key] != value}
        after = with_numbers(self.text, {f"config.{key}": value for key, value in changed.items()})
        found = unified_diff(self.text, after, self.name)
        if holds_key(found):
            raise UsageError(
                f"The lines of {self.name} around the advised values contain what looks like a private key.",
                hint="Remove it from the file.",
            )
        return found

    def patch_command(self, diff_file: str) -> str:
        """The command line that applies a diff file."""
        folder = "" if self.path is None or self.name != self.path.name else str(self.path.parent)
        inside = "" if folder in ("", ".") or Path(folder).absolute() == Path.cwd() else f" -d {shell_word(folder)}"
        return f"patch -p0{inside} < {shell_word(diff_file)}"


def target_of_run_file(path: Path) -> Target:
    """The configuration of a run file, in the file itself or in the one that it names.

    Raises ConfigurationError if a file is invalid, or the run file has no configuration.
    """
    import tomli

    read_run_text(path)  # reports what is wrong with the file
    given, path = path, _followed(path)
    text = _exact_text(path)
    wanted = parse_run_file(_plain(text), given)
    if wanted.config is None or wanted.model is None:
        message = f"The run file {given} has no configuration."
        raise one_problem(str(given), "MissingTable", message, hint="Add the key configuration, with its file.")
    named = tomli.loads(_plain(text)).get("configuration")
    if named is not None:
        inner = _followed(given.parent / named)
        return Target(
            _exact_text(inner), _name_of(inner), wanted.config, wanted.model, inner, wanted.run_id, given=given
        )
    return Target(text, _name_of(path), wanted.config, wanted.model, path, wanted.run_id, given=given)


def target_of_file(path: Path) -> Target:
    """The configuration of a run file or of a run configuration. Raises ConfigurationError."""
    import tomli

    read_source(path)
    text = _exact_text(path)
    try:
        is_run_file = not {"version", "run_id"}.isdisjoint(tomli.loads(_plain(text)))
    except (ValueError, RecursionError):
        is_run_file = False
    if is_run_file:
        return target_of_run_file(path)
    found, real = parse_run_config(_plain(text), path), _followed(path)
    return Target(text, _name_of(real), found.config, found.model, real, given=path)


def _exact_text(path: Path) -> str:
    """The text of a readable UTF-8 file with its line endings and its byte order mark. Raises ConfigurationError."""
    content = path.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        message = f"{path} is UTF-16, which patch cannot change."
        raise one_problem(str(path), "NotUtf8", message, hint="Save it as UTF-8.")
    return content.decode()


def _plain(text: str) -> str:
    return text.removeprefix("\ufeff")


def _followed(path: Path) -> Path:
    """The file to which a symbolic link leads, because patch changes no link; other files as they are given."""
    return path.resolve() if path.is_symlink() else path


def _name_of(path: Path) -> str:
    """The name of a file for patch: below the working folder if it is there, otherwise below its own."""
    relative = os.path.relpath(path)
    return path.name if Path(relative).parts[0] == os.pardir else relative
