"""The text of ``tx explain``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from psyche_cli.amounts import SOL_DECIMALS, format_amount, format_sol
from psyche_cli.folding import folded
from psyche_cli.resources import PSYCHE_PROGRAM_NAMES
from psyche_cli.results import Toned
from psyche_cli.run_config.write import shortest_float

if TYPE_CHECKING:
    from psyche_cli.operations.transactions.explain_payloads import (
        BalanceChange,
        ExplainedAccount,
        ExplainedData,
        ExplainedInstruction,
        ExplainedOutcome,
        ExplainedTransfer,
        TokenBalanceChange,
    )

_MOST_IN_SUMMARY: Final = 2
_SUPPORTING: Final = ("compute-budget", "memo", "associated-token")
"""Programs whose instructions are not the purpose of a transaction that has others."""
_STATES: Final = {
    "landed": ("landed", "good"),
    "failed": ("failed on the cluster", "bad"),
    "not_found": ("not on the cluster", "caution"),
    "unsigned": ("not signed by its fee payer", "caution"),
    "unknown": ("unknown: no endpoint was queried, or none responded", "caution"),
}
_INDENT: Final = "     "


def summary(data: ExplainedData) -> str:
    """What the transaction does, in one sentence."""
    own = [one for one in data.instructions if one.program in PSYCHE_PROGRAM_NAMES]
    others = [one for one in data.instructions if one.program not in _SUPPORTING and one.name != "advance_nonce"]
    main = own or others or data.instructions
    shown = [one.description for one in main[:_MOST_IN_SUMMARY]]
    left = len(main) - len(shown)
    if left > 0:
        shown.append(f"and {left} more instruction{'' if left == 1 else 's'}")
    text = "; ".join(shown) or "does nothing, because it has no instructions"
    prefix = ""
    if data.status == "failed":
        prefix = "Failed, and only its fee was paid: "
    elif data.simulation is not None and data.simulation.error is not None:
        prefix = "Would fail now: "
    return f"{prefix}{text}." if prefix else f"{text[0].upper()}{text[1:]}."


def details(data: ExplainedData) -> tuple[tuple[str, str], ...]:
    """The properties of the whole transaction."""
    return tuple(_details(data))


def _details(data: ExplainedData) -> Iterator[tuple[str, str]]:
    if data.signature is not None:
        yield "signature", data.signature
    yield "status", _status(data)
    if data.explorer is not None:
        yield "explorer", data.explorer
    for outcome in (data.outcome, data.simulation):
        if outcome is not None and outcome.error is not None:
            yield "error", outcome.error
    if data.simulation is not None and data.simulation.error is None:
        yield "simulation", Toned("succeeds", "good", f" on {data.endpoint}{_units(data.simulation)}")
    if data.record is not None:
        yield "in the journal", f"{data.record.state.replace('_', ' ')}: {data.record.label}"
    if data.runs:
        yield f"run{'' if len(data.runs) == 1 else 's'}", ", ".join(map(repr, data.runs))
    yield "fee", _fee(data)
    yield "fee payer", data.fee.payer
    for signer in data.signers:
        yield "signer", f"{signer.address}  {signer.signature}"
    if data.nonce_account is None:
        yield "blockhash", data.blockhash
    else:
        yield "durable nonce", f"{data.blockhash}, of account {data.nonce_account}"
    for table in data.lookup_tables:
        yield "lookup table", table
    yield "size", f"{data.size} bytes, {'legacy' if data.version == 'legacy' else f'version {data.version}'}"


def _status(data: ExplainedData) -> str:
    text, tone = _STATES[data.status]
    where = "" if data.slot is None else f" in slot {data.slot}"
    when = "" if data.block_time is None else f" at {data.block_time}"
    units = "" if data.outcome is None else _units(data.outcome)
    on = f" ({data.endpoint})" if data.status == "not_found" else ""
    return Toned(text, tone, f"{where}{when}{units}{on}")  # type: ignore[arg-type]


def _units(outcome: ExplainedOutcome) -> str:
    return "" if outcome.compute_units is None else f", {outcome.compute_units} compute units"


def _fee(data: ExplainedData) -> str:
    fee = data.fee
    text = f"{format_sol(fee.lamports)} SOL"
    if fee.priority_lamports == 0:
        return text
    most = "" if data.outcome is not None or fee.compute_unit_limit is not None else "at most "
    return f"{most}{text}, of which {format_sol(fee.priority_lamports)} SOL is the priority fee"


def body(data: ExplainedData, with_logs: bool, width: int, _utf8: bool) -> list[str]:
    """The instructions, the changed balances, and on request the logs."""
    lines = ["Instructions (s: signer, w: writable)"]
    for number, one in enumerate(data.instructions, 1):
        lines += _instruction(number, one, width)
    lines += _balances(data, width)
    outcome = data.outcome or data.simulation
    if with_logs and outcome is not None and outcome.logs:
        lines += ["", "Program logs", *(f"  {line}" for line in outcome.logs)]
    return lines


def _instruction(number: int, one: ExplainedInstruction, width: int) -> Iterator[str]:
    name = "" if one.name is None else f" {one.name}"
    yield f"{number:3}. {one.program}{name}"
    for line in folded(one.description, width - len(_INDENT)):
        yield f"{_INDENT}{line}"
    rows = [*_flat(one.arguments, "")]
    if one.name is None or one.problem:
        rows.append(("data", one.data or "(none)"))
    if one.unused_bytes > 0:
        rows.append(("unused bytes", str(one.unused_bytes)))
    label = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        yield from _row(name.ljust(label), value, width)
    roles = max((len(account.role) for account in one.accounts), default=0)
    for account in one.accounts:
        flags = ("s" if account.signer else "-") + ("w" if account.writable else "-")
        yield from _row(f"{flags} {account.role.ljust(roles)}", _place(account), width)


def _row(label: str, value: str, width: int) -> Iterator[str]:
    """A label and its value, which is folded inside its column, or below the label if the column is narrow."""
    start = f"{_INDENT}{label}  "
    if width - len(start) < min(len(value), 44):
        yield start.rstrip()
        start = f"{_INDENT}  "
    first, *others = folded(value, max(width - len(start), 2))
    yield f"{start}{first}"
    yield from (f"{' ' * len(start)}{line}" for line in others)


def _place(account: ExplainedAccount) -> str:
    if account.address is None:
        return f"in lookup table {account.lookup_table}"
    return account.address


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """The leaves of an argument by their paths, without those that are null."""
    if value is None:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{index}]")
    else:
        yield path, _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "(none)"
    if isinstance(value, float):
        return shortest_float(value)
    return value or "(empty)" if isinstance(value, str) else str(value)


def _balances(data: ExplainedData, width: int) -> Iterator[str]:
    changes = [(one.address, _lamport_change(one)) for one in data.balances or ()]
    changes += [(one.address, _token_change(one)) for one in data.tokens or ()]
    title = "Changed balances" if data.outcome is not None else "Changed balances, according to the simulation"
    if data.balances is None:
        title, changes = "Transfers in the instructions", _payments(data.transfers)
    if not changes:
        return
    yield from ("", title)
    roles = _roles(data)
    for address, change in changes:
        yield from (f"  {line}" for line in folded(f"{address}  {roles.get(address, '')}".rstrip(), width - 2))
        for line in folded(change, width - 4):
            yield f"    {line}"


def _roles(data: ExplainedData) -> dict[str, str]:
    """The first role of each account, by address."""
    named = [(one.address, one.role) for instruction in data.instructions for one in instruction.accounts]
    return {
        **{address: role.replace("_", " ") for address, role in reversed(named) if address is not None},
        data.fee.payer: "fee payer",
    }


def _lamport_change(one: BalanceChange) -> str:
    change = _signed(one.after - one.before, SOL_DECIMALS)
    return f"{change} SOL, from {format_sol(one.before)} to {format_sol(one.after)}"


def _signed(amount: int, decimals: int) -> str:
    return f"{'+' if amount > 0 else ''}{format_amount(amount, decimals)}"


def _token_change(one: TokenBalanceChange) -> str:
    owner = "" if one.owner is None else f", owned by {one.owner}"
    decimals = one.decimals or 0
    unit = "base units" if one.decimals is None else "tokens"
    amounts = f"from {format_amount(one.before, decimals)} to {format_amount(one.after, decimals)}"
    return f"{_signed(one.after - one.before, decimals)} {unit} of {one.mint}, {amounts}{owner}"


def _payments(transfers: Sequence[ExplainedTransfer]) -> list[tuple[str, str]]:
    return [(one.source or "(minted or not known)", f"pays {_paid(one)}{_to(one)}") for one in transfers]


def _to(one: ExplainedTransfer) -> str:
    return "" if one.destination is None else f" to {one.destination}"


def _paid(one: ExplainedTransfer) -> str:
    if one.lamports is not None:
        return f"{format_sol(one.lamports)} SOL"
    amount = one.base_units or 0
    mint = "" if one.mint is None else f" of {one.mint}"
    if one.decimals is None:
        return f"{amount} base units{mint}"
    return f"{format_amount(amount, one.decimals)} tokens{mint}"
