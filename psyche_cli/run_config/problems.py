"""What can be said against a run configuration, and how it becomes one error."""

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
"""The names of what can be wrong with a file before any rule of the program is looked at."""


@dataclass(frozen=True)
class Problem:
    """One broken rule, or one piece of advice.

    ``key`` is the dotted path in the file (``config.epoch_time``; empty when the whole file is meant). ``rule`` is
    a stable name: the program's own internal one for what the chain checks, ours for the rest. ``message`` says what
    was found and what is allowed, and names the key itself. ``file`` is where it was found (None: not in a file), and
    ``place`` where in there, as far as that is known.
    """

    key: str
    rule: str
    message: str
    file: str | None = None
    place: Place | None = None

    def as_broken_rule(self) -> BrokenRule:
        """The form in which an error and the JSON output carry it."""
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
        """File, line and column as far as they are known, such as ``run.toml:3:15``."""
        place = () if self.place is None else (str(self.place.line), str(self.place.column))
        return ":".join(part for part in (self.file, *place) if part)


def configuration_error(
    problems: Sequence[Problem], *, subject: str, hint: str = "", source: Path | None = None
) -> ConfigurationError:
    """The error that carries all of ``problems`` (at least one).

    ``subject`` is what they were found in (a file name, "The configuration of run X"). The message counts them and
    names the first three keys; its ``problems`` list all of them and its ``path`` is ``source``.
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
