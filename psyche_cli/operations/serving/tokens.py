"""Tokens that requests to a local server must have."""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from psyche_cli.errors import PsycheError, UsageError

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.operations.listening import ListenAddress

_TOKEN_BYTES: Final = 32
_SHORTEST_TOKEN: Final = 16
_LONGEST_TOKEN: Final = 1024


def require_token(address: ListenAddress, token_file: Path | None) -> None:
    """Raise UsageError if other machines may reach an address, and there is no token."""
    if not address.ip.is_loopback and token_file is None:
        raise UsageError(
            f"Other machines may be able to reach {address.text}, so requests must have a token.",
            hint="Add --token-file FILE; it is created if it does not exist. Or use 127.0.0.1.",
        )


def read_token(environment: Environment, path: Path) -> str:
    """The token in a file, which is created with a random one if it does not exist. Raises UsageError."""
    with suppress(FileExistsError):
        _create_token(path)
    try:
        with path.open("rb") as file:
            token = file.read(_LONGEST_TOKEN + 1).decode("ascii", "replace").strip()
    except OSError as error:
        raise _bad_token(path, f"cannot be read: {error.strerror}") from error
    environment.redactor.learn_secret(token)
    if not _SHORTEST_TOKEN <= len(token) <= _LONGEST_TOKEN or not all("!" <= one <= "~" for one in token):
        raise _bad_token(path, "does not contain a token of 16 to 1,024 ASCII characters without spaces")
    return token


def new_token() -> str:
    """A random token."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def is_token(given: str, token: str) -> bool:
    """Whether a given text is the token, in a time that does not depend on it."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), token.encode())


def bears_token(authorization: str, token: str) -> bool:
    """Whether the header ``Authorization`` of a request has the token."""
    scheme, _, given = authorization.partition(" ")
    return scheme.lower() == "bearer" and is_token(given.strip(), token)


def _create_token(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise
    except OSError as error:
        raise _bad_token(path, f"cannot be created: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{new_token()}\n")


def _bad_token(path: Path, what: str) -> PsycheError:
    return UsageError(f"The token file {path} {what}.", hint="Choose another path with --token-file.", path=str(path))
