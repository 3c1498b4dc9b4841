"""Priority fees: the compute unit price, and a compute unit limit taken from a simulation.

A priority fee is the limit times the price, rounded up, whether or not the units are used. So the limit is set to what
the simulation consumed plus a margin. The message with the final limit and price is then simulated again and signed as
simulated; see docs/decisions/simulate-then-sign.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from solders.compute_budget import ID as COMPUTE_BUDGET
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.amounts import SOL_DECIMALS, format_sol, parse_amount
from psyche_cli.errors import FeeAboveMaximum, Json, PsycheError, RpcError, UsageError
from psyche_cli.limits import MAX_COMPUTE_UNITS, U64_MAX
from psyche_cli.solana.programs import (
    FINAL_LOADERS,
    PRECOMPILES,
    SYSTEM_PROGRAM,
    UPGRADEABLE_LOADER,
    VOTE_PROGRAM,
)
from psyche_cli.solana.rpc.codes import METHOD_NOT_FOUND
from psyche_cli.solana.sending.transaction import LegacyTransaction, unsigned_transaction, writable_accounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from solders.message import Message, MessageV0

    from psyche_cli.solana.rpc.client import RpcClient
    from psyche_cli.solana.rpc.types import Simulation

DEFAULT_MAX_FEE: Final = 1_000_000
"""The maximum priority fee of a transaction if none is given, in lamports: 0.001 SOL."""
LOWEST_AUTO_PRICE: Final = 1_000
"""The lowest price that is chosen automatically, in micro-lamports per compute unit."""
AUTO_PERCENTILE: Final = 75
"""The percentile of the recent slots' prices that is chosen automatically."""

_LONGEST_SHOWN: Final = 32
_MICRO_LAMPORTS: Final = 1_000_000
_DEFAULT_UNITS: Final = 200_000
_BUILTIN_UNITS: Final = 3_000
_BUILTINS: Final = frozenset(
    {SYSTEM_PROGRAM, VOTE_PROGRAM, COMPUTE_BUDGET, UPGRADEABLE_LOADER, *FINAL_LOADERS, *PRECOMPILES[:2]}
)
_SET_UNITS: Final = 2
_SET_PRICE: Final = 3
_MARGIN_PERCENT: Final = 20
_SMALLEST_MARGIN: Final = 1_000


class PriorityFee(NamedTuple):
    """The requested priority fee: micro-lamports per compute unit, or None to choose the ``price`` automatically.

    ``maximum`` is that of a transaction's priority fee in lamports. An automatic price is lowered to stay within it.
    """

    price: int | None
    maximum: int = DEFAULT_MAX_FEE


def requested_fee(price: str | None, maximum: str | None) -> PriorityFee | None:
    """The priority fee for the values of ``--priority-fee`` and ``--max-fee``; None if none is paid.

    Raises UsageError for an invalid price, or a maximum without a price, and InvalidAmount for an invalid maximum.
    """
    if price in (None, "0"):
        if maximum is not None:
            raise UsageError("--max-fee limits a priority fee, but none is requested.", hint="Add --priority-fee auto.")
        return None
    assert price is not None
    most = DEFAULT_MAX_FEE if maximum is None else parse_amount(maximum, SOL_DECIMALS, "--max-fee")
    if price == "auto":
        return PriorityFee(None, most)
    if not (price.isascii() and price.isdigit() and len(price) <= len(str(U64_MAX)) and int(price) <= U64_MAX):
        raise UsageError(
            f"--priority-fee is neither auto nor a number of micro-lamports: {price[:_LONGEST_SHOWN]!r}.",
            hint="A price per compute unit, such as 10000. A micro-lamport is a millionth of a lamport.",
        )
    return PriorityFee(int(price), most)


class ComputeBudget(NamedTuple):
    """A compute unit limit (``units``), and the ``price`` of a unit in micro-lamports."""

    units: int
    price: int

    @property
    def lamports(self) -> int:
        """The priority fee."""
        return -(-self.units * self.price // _MICRO_LAMPORTS)

    def added_to(self, instructions: Sequence[Instruction]) -> list[Instruction]:
        """The instructions with those that set this budget.

        They come last, so that the indexes of the others in errors are the same with and without a priority fee.
        """
        return [*instructions, set_compute_unit_limit(self.units), set_compute_unit_price(self.price)]


UNPRICED: Final = ComputeBudget(MAX_COMPUTE_UNITS, 0)
"""The budget for simulations that show how many units are needed."""


Refusal: TypeAlias = "Callable[[Json, Sequence[str], LegacyTransaction], PsycheError]"
"""Turns a transaction error and the logs of a simulation into an exception."""


class PriorityFees:
    """Determines the compute budget of transactions, and remembers it. ``notify`` receives a line for the user."""

    def __init__(self, fee: PriorityFee, notify: Callable[[str], None]) -> None:
        self._fee = fee
        self._notify = notify
        self._budgets: dict[bytes, ComputeBudget] = {}

    def budget(
        self, instructions: Sequence[Instruction], payer: Pubkey, rpc: RpcClient, refusal: Refusal
    ) -> ComputeBudget:
        """The compute budget of a transaction, by a simulation unless it is known.

        Raises the error of ``refusal`` if the simulation fails, and FeeAboveMaximum.
        """
        trial = _trial(instructions, payer)
        known = self._budgets.get(trial.raw)
        if known is not None:
            return known
        if self._fee.price is None:
            simulation, recent = _simulate_with_prices(rpc, trial.raw, writable_accounts(instructions, payer))
        else:
            simulation, recent = rpc.simulate_unsigned(trial.raw), []
        if simulation.err is not None:
            raise refusal(simulation.err, simulation.logs, trial)
        units = _limit(simulation)
        budget = self._automatic(units, recent) if self._fee.price is None else self._fixed(units, self._fee.price)
        self._budgets[trial.raw] = budget
        return budget

    def knows(self, instructions: Sequence[Instruction], payer: Pubkey) -> bool:
        """Whether the budget of a transaction is known."""
        return _trial(instructions, payer).raw in self._budgets

    def forget(self, instructions: Sequence[Instruction], payer: Pubkey) -> None:
        """Forget the budget of a transaction."""
        self._budgets.pop(_trial(instructions, payer).raw, None)

    def _fixed(self, units: int, price: int) -> ComputeBudget:
        budget = ComputeBudget(units, price)
        if budget.lamports > self._fee.maximum:
            raise FeeAboveMaximum(
                f"The priority fee would be {format_sol(budget.lamports)} SOL ({units} compute units at {price} "
                f"micro-lamports each); the maximum is {format_sol(self._fee.maximum)} SOL.",
                hint="Use a lower --priority-fee, or a higher --max-fee.",
                fee=budget.lamports,
                maximum=self._fee.maximum,
                units=units,
                price=price,
            )
        self._explain(budget, "as given")
        return budget

    def _automatic(self, units: int, recent: Sequence[int]) -> ComputeBudget:
        price = automatic_price(recent)
        why = f"the {AUTO_PERCENTILE}th percentile of {len(recent)} recent slots, at least {LOWEST_AUTO_PRICE}"
        most = self._fee.maximum * _MICRO_LAMPORTS // units
        if price > most:
            price, why = most, f"limited by the maximum of {format_sol(self._fee.maximum)} SOL"
        budget = ComputeBudget(units, price)
        self._explain(budget, why)
        return budget

    def _explain(self, budget: ComputeBudget, why: str) -> None:
        self._notify(
            f"Priority fee: {format_sol(budget.lamports)} SOL for {budget.units} compute units at {budget.price} "
            f"micro-lamports each ({why})."
        )


def automatic_price(recent: Sequence[int]) -> int:
    """The price chosen for these prices of recent slots, in micro-lamports per compute unit."""
    if not recent:
        return LOWEST_AUTO_PRICE
    rank = -(-len(recent) * AUTO_PERCENTILE // 100)
    return max(sorted(recent)[rank - 1], LOWEST_AUTO_PRICE)


def priority_fee_of(message: Message | MessageV0) -> int:
    """The priority fee of a transaction in lamports; 0 unless it sets a price."""
    return compute_budget_of(message).lamports


def compute_budget_of(message: Message | MessageV0) -> ComputeBudget:
    """The compute unit limit and price of a transaction.

    Without a limit, the runtime's default applies: 3,000 units per instruction of a builtin program, and 200,000 per
    instruction of another one (SIMD-0170).
    """
    found: dict[int, int] = {}
    default = 0
    keys = message.account_keys
    for instruction in message.instructions:
        data, program = instruction.data, keys[instruction.program_id_index]
        default += _BUILTIN_UNITS if program in _BUILTINS else _DEFAULT_UNITS
        if data and program == COMPUTE_BUDGET:
            size = 8 if data[0] == _SET_PRICE else 4
            found[data[0]] = int.from_bytes(data[1 : 1 + size], "little")
    units = min(found.get(_SET_UNITS, default), MAX_COMPUTE_UNITS)
    return ComputeBudget(units, found.get(_SET_PRICE, 0))


def _limit(simulation: Simulation) -> int:
    """The consumed units with a margin: accounts may change until the transaction is executed."""
    used = simulation.units_consumed
    if used is None:
        return MAX_COMPUTE_UNITS
    return min(used + max(used * _MARGIN_PERCENT // 100, _SMALLEST_MARGIN), MAX_COMPUTE_UNITS)


def _trial(instructions: Sequence[Instruction], payer: Pubkey) -> LegacyTransaction:
    return unsigned_transaction(UNPRICED.added_to(instructions), payer)


def _simulate_with_prices(rpc: RpcClient, raw: bytes, writable: Sequence[Pubkey]) -> tuple[Simulation, list[int]]:
    try:
        return rpc.simulate_with_recent_prices(raw, writable)
    except RpcError as error:
        if error.rpc_code == METHOD_NOT_FOUND:
            error.hint = "The endpoint does not report recent prices. Use --priority-fee MICROLAMPORTS."
        raise
