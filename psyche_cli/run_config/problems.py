"""Problems of a run configuration, and the error that reports them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from psyche_cli.errors import BrokenRule, ConfigurationError
from psyche_cli.run_config.place import Place

_NAMED_IN_MESSAGE = 3

FILE_PROBLEM_NAMES = (
    "Unreadable",
    "NotUtf8",
    "OtherFile",
    "Syntax",
    "MissingTable",
    "MissingKey",
    "UnknownKey",
    "RetiredKey",
    "WrongType",
    "WrongLength",
    "OutOfRange",
    "NotFinite",
    "UnknownVariant",
    "TextTooLong",
    "TextHoldsNul",
    "TextNotTypable",
    "PrivateKey",
)
"""The rule names of problems with the file itself, which are checked before the rules of the program."""


@dataclass(frozen=True)
class Problem:
    """A violated rule or a warning.

    ``key`` is the dotted path in the file, such as ``config.epoch_time``; empty for the file as a whole. ``rule`` is a
    stable name: the program's internal name for its own rules, and a name chosen here for the others. ``message``
    contains the key, the value found and the allowed values. ``file`` is the file with the problem, or None for values
    that are not from a file; ``place`` is the location in it, if known.
    """

    key: str
    rule: str
    message: str
    file: str | None = None
    place: Place | None = None

    def as_broken_rule(self) -> BrokenRule:
        """The problem as it appears in errors and in JSON output."""
        rule: BrokenRule = {"key": self.key, "rule": self.rule, "message": self.message}
        if self.file is not None:
            rule["path"] = self.file
        if self.place is not None:
            rule |= {"line": self.place.line, "column": self.place.column}
            snippet = self.place.snippet()
            if snippet is not None:
                rule["snippet"] = snippet
        return rule

    @property
    def where(self) -> str:
        """The known parts of file, line and column, such as ``run.toml:3:15``."""
        place = () if self.place is None else (str(self.place.line), str(self.place.column))
        return ":".join(part for part in (self.file, *place) if part)


def configuration_error(
    problems: Sequence[Problem], *, subject: str, hint: str = "", source: Path | None = None
) -> ConfigurationError:
    """The error for ``problems``, of which there must be at least one.

    ``subject`` is the subject of the message: a file name, or for example "The configuration of run X". The message
    has the number of problems and the first three keys; the error's ``path`` is ``source``.
    """
    keys = list(dict.fromkeys(problem.key for problem in problems if problem.key))
    named = ", ".join(keys[:_NAMED_IN_MESSAGE])
    left = len(keys) - _NAMED_IN_MESSAGE
    where = f": {named}" + (f" and {left} more" if left > 0 else "") if named else ""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return ConfigurationError(
        f"{subject} has {count}{where}.",
        hint=hint,
        problems=tuple(problem.as_broken_rule() for problem in problems),
        path=str(source) if source is not None else None,
    )
