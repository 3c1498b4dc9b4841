"""The audit log of a run in words: who did what, and with what effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

from psyche_cli.history.changes import configuration_changes, consequences, listed, rate_changes
from psyche_cli.history.events import DONE, FAILED, NOT_RUN
from psyche_cli.history.moments import Moment
from psyche_cli.history.phrases import in_the_past, phrase_of
from psyche_cli.history.records import Event
from psyche_cli.model.states import CoordinatorState
from psyche_cli.printable import printable
from psyche_cli.protocol.run_states import ClientState, RunState

Role: TypeAlias = Literal["owner", "member", "treasurer", "join authority", ""]


class Who(NamedTuple):
    """The wallet that acted: the owner of the run, one of its members, its treasurer, or another one."""

    address: str
    role: Role

    @property
    def text(self) -> str:
        """``Owner 9xQe...``, with the whole address."""
        return f"{self.role[:1].upper()}{self.role[1:]} {self.address}" if self.role else self.address


def who(event: Event, before: Moment | None = None, after: Moment | None = None) -> Who:
    """Who an event is due to: of a call by the treasurer, the wallet on whose behalf it was made.

    The roles are those in the run before the event, or after it, if it was created then.
    """
    signer = event.effects.get("signer")
    address = signer if isinstance(signer, str) else "An unknown wallet"
    return Who(address, _role(address, before, after))


def words(event: Event, before: Moment | None = None, after: Moment | None = None) -> str:
    """What an event did, in one sentence of printable text.

    ``before`` and ``after`` are the run before and after it, None if they are unknown: the sentence then says what the
    instruction is for. Of an instruction that had no effect, it says why.
    """
    actor = who(event, before, after).text
    moment = before if before is not None and before.treasury is not None else after
    treasury = None if moment is None else moment.treasury
    phrase = phrase_of(event, None if treasury is None else treasury.vault_address)
    if event.inner > 0 and treasury is not None and treasury.address in event.accounts.values():
        phrase = f"{phrase} through the treasurer"
    outcome = event.effects.get("outcome", DONE)
    if outcome == DONE:
        return printable(f"{actor} {_done(event, phrase, before, after)}.")
    if outcome == FAILED:
        return printable(f"{actor} failed to {phrase}: {_ended(event.error or 'unknown error')}")
    what = "it was not executed" if outcome == NOT_RUN else "this was undone"
    why = f": {_ended(event.error)}" if event.error else ", because the transaction failed."
    return printable(f"{actor} tried to {phrase}; {what}{why}")


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith(".") else f"{sentence}."


def _role(address: str, before: Moment | None, after: Moment | None) -> Role:
    for moment in (before, after):
        if moment is None:
            continue
        treasury = moment.treasury
        if treasury is not None and address == treasury.address:
            return "treasurer"
        if address == (moment.main_authority if treasury is None else treasury.main_authority):
            return "owner"
        if address == moment.join_authority:
            return "join authority"
        if moment.state is not None and any(str(one.id.wallet) == address for one in moment.state.clients):
            return "member"
    return ""


def _done(event: Event, phrase: str, before: Moment | None, after: Moment | None) -> str:
    old = None if before is None else before.state
    new = None if after is None else after.state
    if event.program != "coordinator" or old is None or new is None:
        return in_the_past(phrase) + _vault(before, after)
    deed, effects = _deed(event, phrase, old, new)
    return deed + (f": {listed(effects)}" if effects else "")


def _vault(before: Moment | None, after: Moment | None) -> str:
    """The balance of the vault, if the event has changed it."""
    old, new = (None if moment is None else moment.treasury for moment in (before, after))
    if old is None or new is None or old.vault == new.vault:
        return ""
    return f"; the vault holds {new.vault} base units"


def _deed(event: Event, phrase: str, old: CoordinatorState, new: CoordinatorState) -> tuple[str, list[str]]:
    """What was done, in the past, and its effects."""
    effects = consequences(old, new)
    through = " through the treasurer" if phrase.endswith(" through the treasurer") else ""
    match event.kind:
        case "update" | "update_client_version":
            changes = configuration_changes(old, new)
            return _changed(phrase, changes, through), effects
        case "set_future_epoch_rates":
            changes = rate_changes(old, new)
            return _changed(phrase, [f"the {change}" for change in changes], through), effects
        case "set_paused":
            return _paused(phrase, old, new) + through, effects
        case "join_run":
            return _joined(event, old), effects
        case "health_check":
            return in_the_past(phrase), [*_dropped(old, new), *effects]
        case "checkpoint":
            same = old.model["LLM"]["checkpoint"] == new.model["LLM"]["checkpoint"]
            return in_the_past(phrase) + (", which changed nothing" if same else ""), effects
        case "tick":
            return in_the_past(phrase), effects or ["nothing was due"]
    return in_the_past(phrase), effects


def _changed(phrase: str, changes: Sequence[str], through: str) -> str:
    return f"changed {listed(changes)}{through}" if changes else f"{in_the_past(phrase)}, without a change"


def _dropped(old: CoordinatorState, new: CoordinatorState) -> Iterator[str]:
    pairs = zip(old.epoch.clients, new.epoch.clients, strict=False)
    if any(one.state != other.state == ClientState.DROPPED for one, other in pairs):
        yield "it is dropped at the end of the round"


def _paused(phrase: str, old: CoordinatorState, new: CoordinatorState) -> str:
    if new.run_state == RunState.PAUSED:
        return "paused the run"
    if phrase.startswith("pause"):
        return "requested a pause" if not old.pending_pause else "requested a pause again"
    return "started the run" if old.run_state == RunState.UNINITIALIZED else "resumed the run"


def _joined(event: Event, old: CoordinatorState) -> str:
    wallet = event.accounts.get("user")
    member = next((one for one in old.clients if str(one.id.wallet) == wallet), None)
    if member is None:
        return f"joined the run as member {len(old.clients) + 1}"
    return "joined again for the next epoch" if member.active != old.next_active else "joined again, without effect"
