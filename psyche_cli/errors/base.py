"""The root of the exceptions of this package, and the exit codes."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from psyche_cli.error_fields import ErrorWithFields, positional

if TYPE_CHECKING:
    from psyche_cli.results import JsonValue


Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class ExitCode(IntEnum):
    """Exit codes of ``psyche-cli``, documented in ``docs/output.md``.

    NO is the negative answer of a command that answers a question, as with ``diff`` and ``grep``. DIFFERS is that of
    a command that compares a run with its file, as with ``terraform plan -detailed-exitcode``; a usage error of such a
    command exits with INTERNAL instead of USAGE.
    """

    OK = 0
    INTERNAL = 1
    NO = 1
    USAGE = 2
    DIFFERS = 2
    CONFIGURATION = 3
    WALLET = 4
    NOT_FOUND = 5
    REFUSED = 6
    ACCOUNT = 7
    EXPIRED = 8
    UNKNOWN = 9
    NETWORK = 10
    LOCALNET = 11
    JOURNAL = 12
    FILES = 13
    NOT_REACHED = 14
    NEVER = 15
    WORKERS = 16
    HISTORY = 17
    MONITORING = 18
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class PsycheError(ErrorWithFields):
    """Base class of expected failures. ``message`` states what happened, and ``hint`` what the user can do about it.

    Callers should use the typed fields rather than parse the message. All errors have these:

    ``sent``       whether a transaction of the command may have reached the cluster. False guarantees that none has or
                   will, so retrying cannot execute anything twice. None if the error was raised by code that sends no
                   transactions.
    ``signature``  base58 signature of the transaction that failed, otherwise of the last one that may have been sent.
                   Always set if ``sent`` is True, except for an airdrop whose signature the faucet did not return.
    ``landed``     base58 signatures of the command's transactions that have landed without an error.
    ``logs``       logs of the transaction that failed in simulation or on-chain; None if no transaction failed.
    ``exception``  class name of the unexpected exception, for a bug in psyche-cli.

    In JSON output, all fields except ``message`` and ``hint`` form the ``context``. Addresses (``address``, ``wallet``,
    ``mint`` and similar fields) are base58; ``endpoint`` is the scheme, host and port of an RPC URL.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL
    shown_as_json_text: ClassVar[tuple[str, ...]] = ()

    message: str = positional(kw_only=False)
    hint: str = ""
    sent: bool | None = None
    signature: str | None = None
    landed: tuple[str, ...] = ()
    logs: tuple[str, ...] | None = None
    exception: str | None = None

    @property
    def context(self) -> dict[str, JsonValue]:
        """The fields of the error that are set, by name, as JSON values."""
        shown = self.shown_fields()
        for name in shown.keys() & set(self.shown_as_json_text):
            import json  # imported here to keep --help fast

            shown[name] = json.dumps(shown[name], separators=(",", ":"))
        return {name: [*value] if isinstance(value, tuple) else value for name, value in shown.items()}

    @property
    def code(self) -> str:
        """The stable error code: the class name in snake case."""
        return self.code_of_class()

    @classmethod
    def code_of_class(cls) -> str:
        """The error code of this class."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def error_classes(root: type[PsycheError] = PsycheError) -> list[type[PsycheError]]:
    """All classes in the tree, from the root down, by exit code and then in the order of their definition."""
    children = sorted(root.__subclasses__(), key=lambda child: child.exit_code)
    return [root, *(kind for child in children for kind in error_classes(child))]
