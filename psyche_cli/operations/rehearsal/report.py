"""The report of a rehearsal: what happened, beside what was predicted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from psyche_cli.operations.rehearsal.evidence import Evidence
from psyche_cli.operations.rehearsal.payloads import (
    FaultReport,
    Forecast,
    Lie,
    RehearsedEpoch,
    RehearsedMember,
    RehearsedRound,
)
from psyche_cli.operations.rewards.collateral import in_both_units
from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.protocol.accounts.coordinator_parts import PendingClient
from psyche_cli.rehearsal.record import RoundRecord
from psyche_cli.rehearsal.run_workers import RoundTelemetry
from psyche_cli.rehearsal.settings import number_of
from psyche_cli.training.lies import HARMLESS

_LIES: Final = frozenset(("malformed", "wrong-result", "wrong-check"))
_REASONS: Final = {
    "malformed": "{} published something that is no result",
    "wrong-result": "the result of {} was refuted by two others",
    "wrong-check": "the check of {} was refuted by two others",
    "other-weights": "{} had other weights",
    "undecided": "no two results of the share of {} agree",
}


class LeftOut(NamedTuple):
    """A member whose result the others left out, and the reason."""

    member: int
    reason: str


class Findings:
    """Everything in the report that is computed from the evidence. ``decimals`` are those of the token."""

    def __init__(self, evidence: Evidence, decimals: int) -> None:
        self._evidence = evidence
        self._record = evidence.record
        self._decimals = decimals

    def amount(self, base_units: int) -> CollateralAmount:
        """An amount of the run's token."""
        return in_both_units(base_units, self._decimals)

    def after(self, time: int) -> int:
        """Seconds after the start."""
        return time - self._record.started_at

    # --- telemetry ------------------------------------------------------------------------------------------------

    @cached_property
    def telemetry(self) -> Mapping[int, Sequence[RoundTelemetry]]:
        """The telemetry by step."""
        found: dict[int, list[RoundTelemetry]] = defaultdict(list)
        for one in self._evidence.telemetry:
            found[one.step].append(one)
        return found

    def left_out(self, step: int) -> list[LeftOut]:
        """The members whose results were left out of a step, by what most members say."""
        texts = Counter(one.texts.get("left_out", "") for one in self.telemetry.get(step, ()))
        if not texts:
            return []
        parts = texts.most_common(1)[0][0].split()
        pairs = (part.partition(":") for part in parts)
        return [LeftOut(number_of(member), reason) for member, _, reason in pairs]

    def loss(self, step: int) -> float | None:
        """The mean loss of the members' own results of a step, without those that were left out because of a lie."""
        refuted = {one.member for one in self.left_out(step) if one.reason in _LIES}
        own = [
            (one.values["loss"], one.values.get("tokens", 0.0))
            for one in self.telemetry.get(step, ())
            if "loss" in one.values and one.member not in refuted
        ]
        tokens = sum(weight for _, weight in own)
        if tokens == 0:
            return None
        return round(sum(loss * weight for loss, weight in sorted(own)) / tokens, 6)

    def weights(self, step: int) -> set[str]:
        """The hashes of the members' weights after a step."""
        return {one.texts["weights"] for one in self.telemetry.get(step, ()) if "weights" in one.texts}

    # --- rounds ---------------------------------------------------------------------------------------------------

    @cached_property
    def rounds(self) -> tuple[RehearsedRound, ...]:
        """The rounds."""
        return tuple(map(self._round, self._record.all_rounds))

    def _round(self, one: RoundRecord) -> RehearsedRound:
        left_out = self.left_out(one.step)
        gone = {found.member for found in left_out}
        counted = tuple(number for number in self._evidence.numbers(one.seen) if number not in gone)
        hashes = self.weights(one.step)
        checked = max((int(line.values.get("checked", 0)) for line in self.telemetry.get(one.step, ())), default=0)
        return RehearsedRound(
            step=one.step,
            epoch=one.epoch,
            after=self.after(one.began_at),
            seconds=None if one.ended_at is None else one.ended_at - one.began_at,
            sequences=one.sequences,
            clients=self._evidence.numbers(one.clients),
            witnesses=self._evidence.numbers(one.witnesses),
            counted=counted,
            dropped=self._evidence.numbers(one.dropped),
            loss=self.loss(one.step),
            weights=next(iter(hashes)) if len(hashes) == 1 else None,
            agreed=len(hashes) <= 1,
            checked=checked,
            why=self._why(one, left_out),
        )

    def _why(self, one: RoundRecord, left_out: Sequence[LeftOut]) -> str | None:
        if one.ended_at is None:
            return "the rehearsal ended before the round did"
        if one.is_lost:
            return "no witness reported it" if not one.witnesses else "too few witnesses reported the same results"
        told = {entry.member for entry in left_out}
        absent = [wallet for wallet in one.clients if wallet not in one.seen]
        unseen = [number for number in self._evidence.numbers(absent) if number not in told]
        reasons = [f"no result of {_members(unseen)} in time"] if unseen else []
        for reason, text in _REASONS.items():
            found = [entry.member for entry in left_out if entry.reason == reason]
            reasons += [text.replace("{}", _members(found))] if found else []
        return "; ".join(reasons) or None

    # --- epochs ---------------------------------------------------------------------------------------------------

    @cached_property
    def epochs(self) -> tuple[RehearsedEpoch, ...]:
        """The epochs that ended."""
        return tuple(self._epochs())

    def _epochs(self) -> Iterator[RehearsedEpoch]:
        predicted = {one.epoch: one for one in self._evidence.prediction.epochs}
        for one in self._record.epochs:
            other = predicted.get(one.epoch)
            yield RehearsedEpoch(
                epoch=one.epoch,
                rounds=one.rounds,
                predicted_rounds=None if other is None else other.rounds,
                seconds=one.ended_at - (one.warmup_at if one.waiting_at is None else one.waiting_at),
                predicted_seconds=None
                if other is None
                else other.ended_at - (other.warmup_at if other.waiting_at is None else other.waiting_at),
                clients=one.clients,
                clients_left=one.clients_left,
                paid=self.amount(one.paid),
                predicted_paid=None if other is None else self.amount(other.paid),
                end=None if one.end is None else one.end.value,
                loss=self._evidence.evaluations.get(one.epoch),
            )

    # --- members --------------------------------------------------------------------------------------------------

    @cached_property
    def members(self) -> tuple[RehearsedMember, ...]:
        """The members."""
        return tuple(self._member(number) for number in range(1, len(self._evidence.wallets) + 1))

    def earned(self, number: int) -> int:
        """What a member has earned since the start, in base units."""
        return self._gained(number, lambda client: client.earned)

    def _gained(self, number: int, points: Callable[[PendingClient], int]) -> int:
        """By how much points of a member have grown since the start."""
        wallet = self._evidence.wallets[number - 1]
        before, now = (
            next((points(client) for client in state.clients if client.id.signer == wallet), 0)
            for state in (self._record.first, self._record.state)
        )
        return now - before

    def _member(self, number: int) -> RehearsedMember:
        from solders.pubkey import Pubkey

        evidence = self._evidence
        worker = evidence.workers[number]
        rounds = [one for one in self.rounds if number in one.clients]
        trained = [
            one.values for one in evidence.telemetry if one.member == number and one.values.get("tokens", 0.0) > 0
        ]
        losses = [values["loss"] for values in trained if "loss" in values]
        return RehearsedMember(
            member=number,
            wallet=str(Pubkey(evidence.wallets[number - 1])),
            worker=worker.state,
            ended=worker.reason,
            rounds=len(rounds),
            counted=sum(number in one.counted for one in rounds),
            witnessed=sum(number in one.witnesses for one in rounds),
            dropped_at_steps=tuple(one.step for one in rounds if number in one.dropped),
            hung_at=tuple(self.after(time) for time in evidence.hung.get(number, ())),
            earned=self.amount(self.earned(number)),
            predicted=self.amount(self._predicted(number)),
            claimed=self.amount(evidence.claimed.get(number, 0)),
            loss=losses[-1] if losses else None,
        )

    def _predicted(self, number: int) -> int:
        """What the prediction credits to a member, in base units. That of a new run has other wallets."""
        clients = self._evidence.prediction.state.clients
        wallet = self._evidence.wallets[number - 1]
        for client in clients:
            if client.id.signer == wallet:
                before = {one.id.signer: one.earned for one in self._record.first.clients}
                return client.earned - before.get(wallet, 0)
        return clients[number - 1].earned if number <= len(clients) else 0

    # --- faults ---------------------------------------------------------------------------------------------------

    def faults(self) -> Iterator[FaultReport]:
        """The planned faults. Those of a member that had been killed before did not happen."""
        for fault in self._evidence.faults:
            began = self._evidence.seen.happened_at(fault)
            yield FaultReport(fault.kind, fault.member, fault.text, None if began is None else self.after(began))

    def lies(self) -> Iterator[Lie]:
        """The members that were found to lie, and those that were to lie."""
        steps: dict[int, list[int]] = defaultdict(list)
        for one in self._record.all_rounds:
            for found in self.left_out(one.step):
                if found.reason in _LIES:
                    steps[found.member].append(one.step)
        planned = {fault.member for fault in self._evidence.faults if fault.kind == "lie"}
        for number in sorted({*steps, *planned}):
            hows = {step: how for (member, step), how in self._evidence.lied.items() if member == number}
            found_at = [step for step in steps[number] if step in hows]
            lied = [one for one in self._record.all_rounds if one.step in hows]
            epochs = Counter(one.epoch for one in lied)
            harmful = [one.step for one in lied if hows[one.step] not in HARMLESS]
            spoiled = [one for one in self._record.all_rounds if one.seen and harmful and one.step >= harmful[0]]
            yield Lie(
                member=number,
                how=tuple(dict.fromkeys(hows[one.step] for one in lied)),
                steps=tuple(found_at),
                accused_at=tuple(step for step in steps[number] if step not in hows),
                planned=number in planned,
                rounds=len(lied),
                sequences=sum(self._share(number, one) for one in self._record.all_rounds if one.step in found_at),
                paid=self.amount(sum(self._paid(number, epoch) for epoch in epochs)),
                paid_for_lies=self.amount(
                    sum(
                        self._paid(number, epoch) * rounds // sum(one.epoch == epoch for one in self._record.all_rounds)
                        for epoch, rounds in epochs.items()
                    )
                ),
                slashed=self.amount(self._gained(number, lambda client: client.slashed)),
                spoiled_steps=len(spoiled),
            )

    def _share(self, number: int, one: RoundRecord) -> int:
        """The number of sequences of a member in a round."""
        wallet = self._evidence.wallets[number - 1]
        return one.shares[one.clients.index(wallet)] if wallet in one.clients else 0

    def _paid(self, number: int, epoch: int) -> int:
        """What the member earned in an epoch: an equal part for each client that was left at its end."""
        for one in self._record.epochs:
            if one.epoch == epoch and one.clients_left > 0:
                last = [found for found in self._record.rounds if found.epoch == epoch][-1]
                wallet = self._evidence.wallets[number - 1]
                is_left = wallet in last.clients and wallet not in last.dropped
                return one.paid // one.clients_left if is_left else 0
        return 0

    # --- the prediction -------------------------------------------------------------------------------------------

    def forecast(self) -> Forecast:
        """The prediction in numbers."""
        found = self._evidence.prediction
        return Forecast(
            end=found.end.value,
            seconds=found.now - found.started_at,
            steps=max(found.state.step - self._record.first.step, 0),
            epochs=len(found.epochs),
            paid=self.amount(sum(one.paid for one in found.epochs)),
        )


def _members(numbers: Sequence[int]) -> str:
    text = ", ".join(map(str, numbers))
    return f"member {text}" if len(numbers) == 1 else f"members {text}"
