"""The rules and the destinations of ``monitor``, as they are in its rules file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from solders.pubkey import Pubkey

from psyche_cli.amounts import parse_amount
from psyche_cli.durations import parse_duration
from psyche_cli.errors import UsageError
from psyche_cli.run_config.reader import BAD, Reader
from psyche_cli.run_config.types import Choice, Field, Integer, Table, Text, Variant

RuleKind: TypeAlias = Literal[
    "funding_below",
    "state_overdue",
    "members_below",
    "loss_not_a_number",
    "loss_rising",
    "paused",
    "configuration_changed",
    "program_upgraded",
    "authority_sol_below",
    "endpoint_stale",
]
Severity: TypeAlias = Literal["info", "warning", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
KINDS: Final[tuple[RuleKind, ...]] = get_args(RuleKind)

MOST_STEPS: Final = 256
"""The largest number of steps of a rule about the loss."""

LONGEST_NAME: Final = 64
"""The largest number of characters of a name."""

_LONGEST: Final = 30 * 86_400
_SOL_DECIMALS: Final = 9
_EVENT_KEPT: Final = 3600

_THRESHOLDS: Final[Mapping[str, str]] = {
    "funding_below": "epochs",
    "members_below": "members",
    "state_overdue": "seconds",
    "endpoint_stale": "seconds",
    "loss_not_a_number": "steps",
    "loss_rising": "steps",
    "authority_sol_below": "sol",
}
"""The key with the threshold of each kind that has one."""
_WITH_CLEAR: Final = frozenset(
    {"funding_below", "members_below", "state_overdue", "endpoint_stale", "authority_sol_below"}
)
_WITH_SIGNERS: Final = frozenset({"paused", "configuration_changed"})
_EVENTS: Final = frozenset({"configuration_changed", "program_upgraded"})

_RULE: Final = Table(
    (
        Field("kind", Choice(tuple(map(Variant, KINDS))), "what the rule watches"),
        Field("name", Text(LONGEST_NAME), "name of the rule; by default its kind", optional=True),
        Field("severity", Choice(tuple(map(Variant, SEVERITIES))), "how severe an alarm is", optional=True),
        Field("epochs", Integer(32), "epochs that the vault must pay for", optional=True),
        Field("members", Integer(16), "members that the run must have", optional=True),
        Field("seconds", Integer(32), "seconds that are allowed", optional=True),
        Field("steps", Integer(16), "number of steps", optional=True),
        Field("sol", Text(32), "SOL that the authority must have, as text", optional=True),
        Field("clear_at", Integer(32), "the value at which the alarm is over", optional=True),
        Field("clear_at_sol", Text(32), "the SOL at which the alarm is over, as text", optional=True),
        Field("for", Text(32), "how long the condition must last before there is an alarm", optional=True),
        Field("clear_for", Text(32), "how long the condition must be over before the alarm is over", optional=True),
        Field("keep", Text(32), "how long the alarm of a change lasts", optional=True),
    )
)


class MonitorRule(NamedTuple):
    """A rule.

    ``threshold`` is the value below which, or above which, its condition is met, and ``clear_at`` that from which on it
    is over: epochs, members, seconds, steps, or lamports. ``lasting`` is how long the condition must last before there
    is an alarm, and ``clear_for`` how long it must be over before the alarm is; ``keep`` is how long the alarm of a
    change lasts; all in seconds. ``signers`` are those whose changes are expected.
    """

    name: str
    kind: RuleKind
    severity: Severity
    threshold: int
    clear_at: int
    lasting: int
    clear_for: int
    keep: int
    signers: tuple[str, ...]


class Destination(NamedTuple):
    """Where notifications are sent. ``url`` is secret. ``severity`` is that of the least severe alarm to send."""

    name: str
    kind: Literal["webhook", "apprise"]
    url: str
    severity: Severity


class RulesFile(NamedTuple):
    """A rules file. ``name`` is that of the monitor, by which its alarms are kept."""

    name: str
    rules: tuple[MonitorRule, ...]
    destinations: tuple[Destination, ...]


def read_rule(table: object, key: str, reader: Reader) -> MonitorRule | None:
    """The rule in a table of the file, whose problems are recorded; None if it has any."""
    known = len(reader.problems)
    signers = _signers(table, key, reader)
    rest = {name: value for name, value in table.items() if name != "signers"} if isinstance(table, dict) else table
    value = reader.read(_RULE, rest, key)
    if value is BAD or len(reader.problems) > known:
        return None
    kind: RuleKind = value["kind"]
    threshold_key = _THRESHOLDS.get(kind)
    clear_key = "clear_at_sol" if kind == "authority_sol_below" else "clear_at"
    allowed = {"kind", "name", "severity", "for", "clear_for", threshold_key}
    allowed |= {clear_key} if kind in _WITH_CLEAR else set()
    allowed |= {"keep"} if kind in _EVENTS else set()
    for name, given in value.items():
        if given is not None and name not in allowed:
            reader.note(f"{key}.{name}", "UnknownKey", f'{key}.{name} does not apply to the kind "{kind}"')
    if signers and kind not in _WITH_SIGNERS:
        reader.note(f"{key}.signers", "UnknownKey", f'{key}.signers does not apply to the kind "{kind}"')
    threshold, clear_at = 0, 0
    if threshold_key is not None:
        threshold = _number(value[threshold_key], f"{key}.{threshold_key}", reader)
        clear = value[clear_key] if kind in _WITH_CLEAR else None
        clear_at = threshold if clear is None else _number(clear, f"{key}.{clear_key}", reader)
        falls = kind in ("funding_below", "members_below", "authority_sol_below")
        if len(reader.problems) == known and (clear_at < threshold if falls else clear_at > threshold):
            side = "at least" if falls else "at most"
            reader.note(f"{key}.{clear_key}", "OutOfRange", f"{key}.{clear_key} must be {side} {key}.{threshold_key}")
        if threshold_key == "steps" and threshold > MOST_STEPS:
            message = f"{key}.steps = {threshold} is out of range: expected 1 to {MOST_STEPS}"
            reader.note(f"{key}.steps", "OutOfRange", message)
    lasting, clear_for, keep = (_seconds(value[name], f"{key}.{name}", reader) for name in ("for", "clear_for", "keep"))
    if len(reader.problems) > known:
        return None
    return MonitorRule(
        name=value["name"] or kind,
        kind=kind,
        severity=value["severity"] or "warning",
        threshold=threshold,
        clear_at=clear_at,
        lasting=lasting or 0,
        clear_for=clear_for or 0,
        keep=_EVENT_KEPT if keep is None else keep,
        signers=signers,
    )


def _number(value: int | str | None, key: str, reader: Reader) -> int:
    """A threshold: a number, or an amount of SOL as text. 0 for one that is not valid."""
    if value is None:
        reader.note(key, "MissingKey", f"{key} is missing")
    elif isinstance(value, str):
        try:
            return parse_amount(value, _SOL_DECIMALS, key)
        except UsageError as error:
            reader.note(key, "WrongType", error.message.rstrip("."))
    elif value == 0:
        reader.note(key, "OutOfRange", f"{key} = 0 is out of range: expected at least 1")
    else:
        return value
    return 0


def _seconds(value: str | None, key: str, reader: Reader) -> int | None:
    if value is None:
        return None
    try:
        return parse_duration(value, key, maximum=_LONGEST)
    except UsageError as error:
        reader.note(key, "WrongType", f"{error.message.rstrip('.')}: write such as 90s, 10m or 2h")
        return None


def _signers(table: object, key: str, reader: Reader) -> tuple[str, ...]:
    found = table.get("signers", []) if isinstance(table, dict) else []
    if not isinstance(found, list):
        reader.note(f"{key}.signers", "WrongType", f"{key}.signers must be an array of public keys")
        return ()
    for index, one in enumerate(found):
        try:
            Pubkey.from_string(one)
        except (TypeError, ValueError):
            reader.note(f"{key}.signers[{index}]", "WrongType", f"{key}.signers[{index}] is not a public key in base58")
    return tuple(one for one in found if isinstance(one, str))
