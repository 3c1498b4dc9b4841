"""The option ``--env-file``: a file that sets the environment variables for the cluster and the wallet.

The published client exports every line of such a file into its process. Here it can only set the variables in
``SETTABLE``, so that a file written for another program has no other effect.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from psyche_cli.cli.options import VARIABLES
from psyche_cli.environment import RAW_KEY_VARIABLE
from psyche_cli.errors import UsageError
from psyche_cli.private_keys import refuse_key_as_path
from psyche_cli.texts import decoded

if TYPE_CHECKING:
    from psyche_cli.cli.sessions import Call

SETTABLE: Final = ("RPC", "WALLET_PRIVATE_KEY_PATH", RAW_KEY_VARIABLE)
"""The variables that a file can set. All others are ignored."""

_PARAMETERS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "rpc": ("--rpc", lambda url: [url]),
    "wallet": ("--wallet-private-key-path", Path),
}
"""The parameters that these variables supply: their options, and what makes a value of the text."""

_LARGEST: Final = 64 * 1024
_LINE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", re.DOTALL)


def with_env_file(call: Call) -> Call:
    """The call with the variables of the file given as ``--env-file``, if any.

    They take precedence over the environment, and options on the command line over both. Raises UsageError, which
    quotes nothing from the file.
    """
    path: Path | None = call.values.get("env_file")
    if path is None:
        return call
    refuse_key_as_path("--env-file", path)
    environment = call.environment
    text, mode = _content(path)
    found = {name: value for name, value in _assignments(path, text).items() if name in SETTABLE}
    environment.add_variables(found)
    if RAW_KEY_VARIABLE in found and mode & 0o077 != 0:
        environment.diagnostics.line(f"Other users can read {path}. Make it private with chmod 600.")
    values, from_variables = dict(call.values), set(call.from_variables)
    for parameter, (flag, kind) in _PARAMETERS.items():
        value = found.get(VARIABLES[flag])
        if value and parameter not in call.typed:
            environment.redactor.learn_words([f"{flag}={value}"])
            values[parameter] = kind(value)
            from_variables.add(parameter)
    return call._replace(values=values, from_variables=frozenset(from_variables))


def _content(path: Path) -> tuple[str, int]:
    """The text and the permissions of the file."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
            mode = stat.S_IMODE(path.stat().st_mode)
        if len(content) > _LARGEST:
            raise UsageError(f"The file {path} is larger than {_LARGEST} bytes.", path=str(path))
        return decoded(content), mode
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.", path=str(path)) from error
    except UnicodeDecodeError:
        raise UsageError(f"The file {path} is not a text file.", path=str(path)) from None


def _assignments(path: Path, text: str) -> Mapping[str, str]:
    """The variables of the file. A later line replaces an earlier one."""
    return dict(_assignment(path, number, line) for number, line in _meaningful(text.splitlines()))


def _meaningful(lines: Iterable[str]) -> Iterable[tuple[int, str]]:
    """The lines other than empty ones and comments, with their numbers."""
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield number, text


def _assignment(path: Path, number: int, line: str) -> tuple[str, str]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise UsageError(
            f"Line {number} of {path} is not an assignment.", hint="Every line must be KEY=VALUE.", path=str(path)
        )
    name, value = match.groups()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return name, value
