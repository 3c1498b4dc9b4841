"""What an instruction comes to: a new state, a refusal with an error code, or an abort.

``Refusal`` and ``Abort`` are how the rules end an instruction early, like the program's own ``return`` and panic; both
are caught in ``coordinator_model.apply`` and never reach its callers, so they are no part of ``psyche_cli.errors``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from psyche_cli.model.states import CoordinatorState


class ErrorCode(IntEnum):
    """The errors that the state machine returns. Those of account conditions (such as 2003) come before it."""

    ACCOUNT_NOT_INITIALIZED = 3012
    UPDATE_CONFIG_FINISHED = 6000
    UPDATE_CONFIG_NOT_HALTED = 6001
    CLIENTS_FULL = 6003
    CONFIG_SANITY_CHECK_FAILED = 6004
    MODEL_SANITY_CHECK_FAILED = 6005
    PROGRESS_SANITY_CHECK_FAILED = 6006
    SIGNER_NOT_A_CLIENT = 6007
    SIGNER_MISMATCH = 6008
    CLOSE_COORDINATOR_NOT_HALTED = 6009
    COORDINATOR_ERROR_INVALID_WITNESS = 6011
    COORDINATOR_ERROR_INVALID_RUN_STATE = 6012
    COORDINATOR_ERROR_DUPLICATE_WITNESS = 6013
    COORDINATOR_ERROR_INVALID_HEALTH_CHECK = 6014
    COORDINATOR_ERROR_HALTED = 6015
    COORDINATOR_ERROR_WITNESSES_FULL = 6017
    COORDINATOR_ERROR_CANNOT_RESUME = 6018
    COORDINATOR_ERROR_INVALID_COMMITTEE_SELECTION = 6020
    COORDINATOR_ERROR_INVALID_COMMITTEE_PROOF = 6021
    MORE_CLIENTS_THAN_BATCHES = 6022

    @property
    def program_name(self) -> str:
        """Its name in the program: ``ClientsFull``."""
        return "".join(word.capitalize() for word in self.name.split("_"))


class Refusal(Exception):
    """The program returns an error code."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code.program_name)
        self.code = code


class Abort(Exception):
    """The program panics: the transaction fails without an error code. The text says why."""


@dataclass(frozen=True)
class Outcome:
    """What ``apply`` made of an instruction.

    ``state`` is the state afterwards; after a failure it is the very state that was given, for a failed transaction
    changes nothing, not even the nonce. ``log`` holds the program's log lines up to its end, without the runtime's
    prefix and without those that the framework writes about an error.
    """

    state: CoordinatorState
    log: tuple[str, ...]
    error: ErrorCode | None = None
    abort: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the instruction took effect."""
        return self.error is None and self.abort is None
