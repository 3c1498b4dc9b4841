"""What an on-chain program, or psyche-cli before it, refuses to execute."""

from __future__ import annotations

from typing import TypedDict

from psyche_cli.errors.base import ExitCode, Json, PsycheError


class Refused(PsycheError):
    """An on-chain program refused the request, or was certain to refuse it, in which case nothing was sent."""

    exit_code = ExitCode.REFUSED

    run_id: str | None = None


class NotAuthority(Refused):
    """The wallet is not the main authority of the run."""

    wallet: str | None = None
    main_authority: str | None = None


class MayNotJoin(Refused):
    """No authorization of the run's join authority permits the wallet to join."""

    wallet: str | None = None
    join_authority: str | None = None


class NotInEpoch(Refused):
    """The wallet is not a client of the run's epoch, or not a witness of the round, so it has nothing to report."""

    wallet: str | None = None
    state: str | None = None
    epoch: int | None = None


class WrongRunState(Refused):
    """The program does not allow the operation in the current state of the run."""

    state: str | None = None
    step: int | None = None
    total_steps: int | None = None


class InsufficientFunds(Refused):
    """Not enough lamports or tokens.

    ``balance`` and ``needed`` are lamports of ``wallet``; with a ``token_account``, ``balance`` and ``amount`` are base
    units of its mint. ``account`` is an account whose balance would drop below its rent-exempt minimum.
    """

    wallet: str | None = None
    balance: int | None = None
    needed: int | None = None
    token_account: str | None = None
    amount: int | None = None
    account: str | None = None


class AlreadyExists(Refused):
    """The run, treasurer run, vault or authorization to create already exists.

    ``as_requested`` is whether the existing run belongs to the wallet and matches the requested options.
    """

    address: str | None = None
    instance: str | None = None
    treasurer_run: str | None = None
    vault: str | None = None
    as_requested: bool | None = None


class FeeAboveMaximum(Refused):
    """The priority ``fee`` of a transaction in lamports exceeds the ``maximum``.

    It is ``units``, the compute unit limit, times ``price`` in micro-lamports.
    """

    fee: int | None = None
    maximum: int | None = None
    units: int | None = None
    price: int | None = None


class TransactionTooLarge(Refused):
    """A transaction that cannot be split and has too many ``accounts`` or a ``size`` in bytes above ``limit``."""

    size: int | None = None
    limit: int | None = None
    accounts: int | None = None


class BlockhashNotValid(Refused):
    """A transaction whose blockhash, or the value of whose durable nonce, is not valid, so that it cannot land.

    ``nonce_account`` is the account of the nonce, if it uses one.
    """

    blockhash: str | None = None
    nonce_account: str | None = None


class AlreadySent(Refused):
    """The same transaction, down to the blockhash, was already sent. Its signature is ``signature``."""


class EffectDifference(TypedDict, total=False):
    """A value of an account that differs between the simulation of a transaction and its plan.

    ``address`` is the account, and ``account`` its type in words. ``path`` names the value: ``lamports``, ``owner``,
    ``size`` (bytes of data), ``executable``, or a value of the content, such as ``config.total_steps``. ``before``,
    ``planned`` and ``after`` are its values: now, according to the plan, and according to the simulation; null if
    absent. ``message`` is one sentence. Without a ``path``, the effects could not be compared.
    """

    address: str
    account: str
    path: str
    before: str | int | float | bool | None
    planned: str | int | float | bool | None
    after: str | int | float | bool | None
    message: str


class UnplannedEffects(Refused):
    """The simulation of a transaction changes something that is not planned, or does not make a planned change.

    It was not signed. ``differences`` lists the values.
    """

    differences: tuple[EffectDifference, ...]


class MissingSignatures(Refused):
    """A transaction that not all of its signers have signed. Nothing was sent."""

    always_shown = ("missing",)

    missing: tuple[str, ...] = ()


class MovedValue(TypedDict):
    """A value that is neither as it was when a plan was made, nor as the plan makes it.

    ``key`` is its key in the run file, or ``state``; ``planned`` is the value at the time of the plan, and ``now`` the
    present one.
    """

    key: str
    planned: object
    now: object


class StalePlan(Refused):
    """The run is no longer as it was when the plan was made. ``moved`` lists the values that have changed since."""

    always_shown = ("moved",)

    moved: tuple[MovedValue, ...] = ()


class ApplyRunning(Refused):
    """Another ``apply`` of the same run is running on this computer."""

    run_id: str | None = None


class ScheduleRunning(Refused):
    """Another ``schedule --follow`` of the same verb and run is running on this computer."""

    run_id: str | None = None


class ProgramRefused(Refused):
    """A program returned an error, in simulation (nothing was paid) or on-chain (the fee was paid).

    ``program`` is the program's name, or its address if unknown; empty if the runtime rejected the transaction.
    ``program_code`` is the program's error number, or None if it has none, and ``program_error`` the name of the error.
    ``instruction_index`` is the index of the failed instruction, from 0; None if the entire transaction was rejected.
    ``account`` is the IDL name of the account that caused the error, and ``details`` are the program's log lines about
    it. ``transaction_error`` is the error as returned by the RPC endpoint, if it could not be attributed to a program.
    """

    always_shown = ("program", "program_code", "instruction_index")
    shown_as_json_text = ("transaction_error",)

    program: str = ""
    program_id: str | None = None
    program_code: int | None = None
    program_error: str | None = None
    instruction_index: int | None = None
    account: str | None = None
    details: tuple[str, ...] | None = None
    transaction_error: Json = None
