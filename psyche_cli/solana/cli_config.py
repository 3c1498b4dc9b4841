"""The configuration file of the Solana CLI, which ``solana config set`` writes.

It is YAML: a mapping with one value per line, optionally followed by nested tables such as ``address_labels``. Only
scalar values at the top level are read, so no YAML library is imported.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from psyche_cli.errors import UsageError
from psyche_cli.solana.rpc.types import COMMITMENTS
from psyche_cli.texts import decoded

_LARGEST_FILE: Final = 64 * 1024
_LINE: Final = re.compile(r"""(["']?)(?P<key>\w+)\1\s*:(?:\s+(?P<value>.*))?""")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_QUOTED: Final = re.compile(r"""("(?:[^"\\]|\\["\\/])*"|'(?:[^']|'')*')\s*(?:#.*)?""")
_NULLS: Final = ("", "~", "null", "Null", "NULL")
_NOT_PLAIN: Final = tuple("[]{}&*!|>%@`?,\"'")
"""First characters of YAML values that are not plain text."""


class SolanaCliConfig(NamedTuple):
    """The settings of the file at ``path``; None for each that is absent or empty."""

    path: Path
    json_rpc_url: str | None = None
    websocket_url: str | None = None
    keypair_path: str | None = None
    commitment: str | None = None


def read_solana_cli_config(path: Path) -> SolanaCliConfig:
    """Read the configuration file at ``path``; without any settings if it does not exist.

    Raises UsageError if the file cannot be read, one of the settings is not a single line of text, or the commitment
    is unknown. The message contains no value, since RPC URLs may contain an access key.
    """
    if not os.path.lexists(path):  # also if its folder may not be searched
        return SolanaCliConfig(path)
    try:
        with path.open("rb") as file:
            text = decoded(file.read(_LARGEST_FILE))
    except OSError as error:
        raise _unreadable(path, error.strerror or "unknown error") from error
    except UnicodeDecodeError:
        raise _unreadable(path, "it is not a text file") from None
    config = SolanaCliConfig(path, **_settings(path, text))
    if config.commitment is not None and config.commitment not in COMMITMENTS:
        raise _unreadable(path, f"commitment must be one of {', '.join(COMMITMENTS)}")
    return config


def _settings(path: Path, text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.fullmatch(line.rstrip())
        if match is None or match["key"] not in SolanaCliConfig._fields[1:]:
            continue
        name = match["key"]
        value = _scalar(match["value"] or "")
        if value is None:
            raise _unreadable(path, f"the value of {name} in line {number} is not plain or quoted text")
        if name in found:
            raise _unreadable(path, f"{name} occurs twice")
        found[name] = value
    return {name: value for name, value in found.items() if value}


def _scalar(text: str) -> str | None:
    """The text of a YAML scalar, empty for null; None if it is something else."""
    text = text.strip()
    quoted = _QUOTED.fullmatch(text)
    if quoted is not None:
        inner = quoted[1][1:-1]
        return inner.replace("''", "'") if quoted[1][0] == "'" else re.sub(r"\\(.)", r"\1", inner)
    plain = _COMMENT.sub("", text).strip()
    if plain in _NULLS:
        return ""
    return None if plain.startswith(_NOT_PLAIN) or ": " in plain else plain


def _unreadable(path: Path, reason: str) -> UsageError:
    return UsageError(
        f"Cannot use the Solana CLI configuration {path}: {reason}.",
        hint="Fix the file with 'solana config set', or use --url and --keypair instead.",
        path=str(path),
    )
