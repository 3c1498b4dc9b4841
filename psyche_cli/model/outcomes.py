"""The outcome of an instruction: a new state, a refusal with an error code, or an abort.

The rules end an instruction early by raising ``Refusal`` or ``Abort``, the counterparts of the program's ``return`` of
an error and of a panic. ``coordinator_model.apply`` catches both, so they are not part of ``psyche_cli.errors``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.run_states import name_in_program


class ErrorCode(IntEnum):
    """The errors that the state machine returns. Account constraints (error 2003, for example) are checked earlier."""

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
        """The name in the program, for example ``ClientsFull``."""
        return name_in_program(self)


class Refusal(Exception):
    """The program returns an error code."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code.program_name)
        self.code = code


class Abort(Exception):
    """The program panics: the transaction fails without an error code. The text gives the reason."""


@dataclass(frozen=True)
class Outcome:
    """The result of ``apply``.

    ``state`` is the state afterwards; after a failure it is the object that was passed in, since a failed transaction
    changes nothing, not even the nonce. ``log`` holds the program's log lines, without the runtime's prefix and without
    the lines that the framework writes about an error.
    """

    state: CoordinatorState
    log: tuple[str, ...]
    error: ErrorCode | None = None
    abort: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the instruction took effect."""
        return self.error is None and self.abort is None
