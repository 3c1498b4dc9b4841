"""What an instruction changed in a run, in words: the differences between the run before and after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from psyche_cli.model.leaves import shown_leaf
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.accounts.coordinator_parts import EpochRates
from psyche_cli.protocol.run_states import ClientState, RunState
from psyche_cli.run_config.differences import Difference, differences

_MOST_LISTED: Final = 6
_MOST_SHOWN: Final = 60
_RATES: Final = (
    ("future", "future_epoch_rates"),
    ("current", "current_epoch_rates"),
)


def configuration_changes(before: CoordinatorState, after: CoordinatorState) -> list[str]:
    """The changed values of the metadata, the configuration and the progress, such as ``min_clients 4 -> 8``."""
    return [
        f"{_short_key(one.key)} {shown(one.before)} -> {shown(one.after)}"
        for one in configuration_differences(before, after)
    ]


def configuration_differences(before: CoordinatorState, after: CoordinatorState) -> Iterator[Difference]:
    """The changed values of the metadata, the configuration, the progress and the client version, by dotted path."""
    for name in ("metadata", "config", "model", "progress"):
        old, new = getattr(before, name), getattr(after, name)
        if old is not new:
            # NaN differs from itself
            yield from (one for one in differences(old, new, name) if repr(one.before) != repr(one.after))
    if before.client_version != after.client_version:
        yield Difference("client_version", before.client_version, after.client_version)


def rate_changes(before: CoordinatorState, after: CoordinatorState) -> list[str]:
    """The changed rates of future epochs."""
    return [*_rates("future", before.future_epoch_rates, after.future_epoch_rates)]


def consequences(before: CoordinatorState, after: CoordinatorState) -> list[str]:
    """What followed from an instruction besides its purpose: transitions, steps, and what these did to the members."""
    found = [*_transition(before, after)]
    if after.progress["epoch"] > before.progress["epoch"]:
        found.append(f"epoch {before.progress['epoch']} ended")
        found += _rewards(before, after)
    elif before.run_state == RunState.ROUND_WITNESS and after.step > before.step:
        found.append(
            f"step {after.step} began"
            if after.run_state == RunState.ROUND_TRAIN
            else f"the run is at step {after.step}"
        )
    found += _epoch_began(before, after)
    found += _members_left(before, after)
    found += _rates("current", before.current_epoch_rates, after.current_epoch_rates)
    if not before.pending_pause and after.pending_pause:
        found.append("the run pauses at the end of the epoch")
    old, new = before.model["LLM"]["checkpoint"], after.model["LLM"]["checkpoint"]
    if old != new and before.model is not after.model and before.run_state != after.run_state:
        found.append(f"checkpoint {checkpoint_words(old)} -> {checkpoint_words(new)}")
    return found


def listed(parts: Sequence[str], most: int = _MOST_LISTED) -> str:
    """The parts in one line; of many, the first ones and the number of the others."""
    left = len(parts) - most
    return ", ".join(parts) if left <= 0 else f"{', '.join(parts[:most])} and {left} more"


def shown(value: Any) -> str:
    """A value in one line, shortened if it is long."""
    if isinstance(value, Mapping):
        return _shortened(repr(dict(value)))
    if isinstance(value, list | tuple):
        return _shortened(repr(list(value)))
    text = shown_leaf(value)
    return _shortened(repr(value) if isinstance(value, str) and not text.startswith(("'", '"')) else text)


def checkpoint_words(value: Any) -> str:
    """A checkpoint such as ``Hub 'owner/model'``."""
    if not isinstance(value, Mapping):
        return str(value)
    ((kind, place),) = value.items()
    where, inside = place.values()
    return f"{kind} {shown(where)}" + ("" if inside is None else f" at {shown(inside)}")


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"


def _short_key(key: str) -> str:
    """The key without its table, except that of the metadata: ``config.min_clients`` as ``min_clients``."""
    return key.removeprefix("config.").removeprefix("model.LLM.").removeprefix("progress.")


def _transition(before: CoordinatorState, after: CoordinatorState) -> Iterator[str]:
    if before.run_state != after.run_state:
        yield f"{before.run_state.text} -> {after.run_state.text}"
    elif before.run_state_start_timestamp != after.run_state_start_timestamp:
        yield f"{after.run_state.text} began again"


def _epoch_began(before: CoordinatorState, after: CoordinatorState) -> Iterator[str]:
    if after.run_state == RunState.WARMUP != before.run_state:
        count = len(after.epoch.clients)
        yield f"epoch {after.progress['epoch']} began with {_members(count)}"
    if after.epoch.last_step not in (0, before.epoch.last_step):
        yield f"step {after.epoch.last_step} is the last one of the epoch"


def _members_left(before: CoordinatorState, after: CoordinatorState) -> Iterator[str]:
    if after.run_state == RunState.WARMUP != before.run_state:
        return
    known = {client.id.signer for client in before.epoch.exited_clients}
    for client in after.epoch.exited_clients:
        if client.id.signer not in known:
            yield f"member {client.id.wallet} left the epoch ({client.state.text})"
    old = {client.id.signer: client.state for client in before.epoch.clients}
    withdrawn = [
        client
        for client in after.epoch.clients
        if client.state == ClientState.WITHDRAWN != old.get(client.id.signer, ClientState.WITHDRAWN)
    ]
    if withdrawn:
        yield f"{_members(len(withdrawn))} withdrawn"


def _rewards(before: CoordinatorState, after: CoordinatorState) -> Iterator[str]:
    earned = {client.id.signer: client.earned for client in before.clients}
    paid = [client.earned - earned.get(client.id.signer, 0) for client in after.clients]
    rewarded = [points for points in paid if points > 0]
    if rewarded:
        yield f"{_members(len(rewarded))} earned {sum(rewarded)} points"
    elif before.current_epoch_rates.earning_rate_total_shared > 0:
        yield "nobody earned points"


def _members(count: int) -> str:
    return "1 member" if count == 1 else f"{count} members"


def _rates(epochs: str, before: EpochRates, after: EpochRates) -> Iterator[str]:
    pairs = zip(("earning", "slashing"), before, after, strict=True)
    for name, old, new in pairs:
        if old != new:
            yield f"{epochs} {name} rate {old} -> {new} points"
