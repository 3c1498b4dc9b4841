"""The figures of a rehearsal's report, computed again from what it leaves behind.

These are the validator's ledger, the database of the daemon's registry, and that of the telemetry. The record that the
rehearsal makes of itself is not read. The accounts are decoded by ``coordinator_bytes``, independently of the package.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.model.bloom import contains, wallet_item
from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
from psyche_cli.model.from_instruction import instruction_from_arguments
from psyche_cli.model.states import CoordinatorState
from psyche_cli.operations.rehearsal.payloads import RehearsalData
from psyche_cli.protocol.instructions.idl_decoder import idl_instruction
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.protocol.run_states import RunState
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.whole_transactions import LedgerTransaction, ledger_transactions
from psyche_cli.workers.storage.layout import WorkersFolder
from tests.programs.coordinator_bytes import decode

OPEN = (RunState.ROUND_TRAIN, RunState.ROUND_WITNESS)
LIES = ("malformed", "wrong-result", "wrong-check")


class Ledger(NamedTuple):
    """The coordinator account before the workers start and at the end, and the transactions between, oldest first."""

    before: bytes
    after: bytes
    transactions: Sequence[LedgerTransaction]


def transactions_of(rpc: RpcClient, account: Pubkey) -> list[LedgerTransaction]:
    """All transactions of a run and of its treasury, oldest first."""
    signatures = [one.signature for one in reversed(rpc.signatures_for_address(account))]
    assert len(signatures) < 1000  # what one call returns
    found = [one for one in ledger_transactions(rpc, signatures) if one is not None]
    assert len(found) == len(signatures)
    return found


class Moment(NamedTuple):
    """The run after an instruction, which a member or the owner sent."""

    name: str
    signer: bytes
    state: CoordinatorState
    time: int


def replayed(ledger: Ledger, account: Pubkey) -> list[Moment]:
    """The run after each instruction of the coordinator, as the model executes them."""
    state, moments = decode(ledger.before), []
    for transaction in ledger.transactions:
        assert transaction.block_time is not None
        if transaction.err is not None:
            continue
        for call in transaction.executed:
            if call.program != PUBLISHED.coordinator:
                continue
            decoded = idl_instruction("coordinator", call.data)
            addresses = dict(zip(decoded.accounts, (one.address for one in call.accounts), strict=False))
            step = instruction_from_arguments(decoded.name, decoded.arguments)
            if addresses.get("coordinator_account") != account or step is None:
                continue
            signer = addresses[decoded.accounts[0]]
            assert signer is not None
            outcome = apply(state, step, bytes(signer), Clock(transaction.block_time, transaction.slot))
            assert outcome.succeeded, (decoded.name, outcome)
            state = outcome.state
            moments.append(Moment(decoded.name, bytes(signer), state, transaction.block_time))
    return moments


class Telemetry(NamedTuple):
    """What workers told, by the step and the member."""

    rounds: dict[int, dict[int, dict[str, Any]]]
    evaluations: dict[int, list[float]]


def telemetry_of(state_folder: Path, run: str) -> Telemetry:
    """What is in the database of telemetry."""
    rounds: dict[int, dict[int, dict[str, Any]]] = defaultdict(dict)
    evaluations: dict[int, list[float]] = defaultdict(list)
    query = "SELECT worker, line FROM events WHERE run = ? ORDER BY stream, seq"
    for worker, line in _rows(WorkersFolder.of_state(state_folder).telemetry, query, run):
        values = json.loads(line)
        if values["type"] == "step":
            rounds[values["step"]][_number(worker)] = values
        elif values["type"] == "episode" and "eval_loss" in values:
            evaluations[values["episode"]].append(round(values["eval_loss"], 6))
    return Telemetry(rounds, evaluations)


def workers_of(state_folder: Path, run: str) -> dict[int, tuple[str, str]]:
    """The last transition of each worker in the registry: the state, and the reason."""
    query = "SELECT worker_id, target, reason FROM transitions WHERE run_id = ? ORDER BY number"
    rows = _rows(WorkersFolder.of_state(state_folder).registry, query, run)
    return {_number(worker): (target, reason) for worker, target, reason in rows if worker}


def _rows(file: Path, query: str, *given: str) -> list[Any]:
    connection = sqlite3.connect(file)
    try:
        return connection.execute(query, given).fetchall()
    finally:
        connection.close()


def _number(worker: str) -> int:
    return int(worker.rpartition("-")[2])


# --- the figures ------------------------------------------------------------------------------------------------------


class _Round(NamedTuple):
    step: int
    epoch: int
    began: int
    ended: int | None
    clients: tuple[bytes, ...]
    witnesses: frozenset[bytes]
    seen: frozenset[bytes]
    dropped: frozenset[bytes]
    sequences: int


class Figures:
    """The figures of a report, computed from a ledger, the registry's transitions and the telemetry.

    ``wallets`` are the addresses of the members, in the order of their numbers.
    """

    def __init__(
        self,
        ledger: Ledger,
        account: Pubkey,
        wallets: Sequence[str],
        workers: dict[int, tuple[str, str]],
        telemetry: Telemetry,
    ) -> None:
        self.numbers = {bytes(Pubkey.from_string(wallet)): number for number, wallet in enumerate(wallets, 1)}
        self.first, self.last = decode(ledger.before), decode(ledger.after)
        self.moments = replayed(ledger, account)
        self.claims = _claims(ledger)
        self.workers, self.telemetry = workers, telemetry
        self.rounds = list(self._rounds())
        self.paid = self._paid()

    def _rounds(self) -> Iterator[_Round]:
        """Rounds begin with a tick, and end with the tick after which another round or no round is open."""
        begun: Moment | None = None
        reporters: set[bytes] = set()
        latest = None
        for moment in self.moments:
            state = moment.state
            key = (state.progress["epoch"], state.current_round.height) if state.run_state in OPEN else None
            if begun is not None and latest is not None and key != _key(begun):
                yield self._round(begun, latest, reporters, moment)
                begun = None
            if key is not None and begun is None:
                begun, reporters = moment, set()
            if moment.name == "witness" and begun is not None:
                reporters.add(moment.signer)
            latest = moment
        if begun is not None and latest is not None:
            yield self._round(begun, latest, reporters, None)

    def _round(self, begun: Moment, latest: Moment, reporters: set[bytes], end: Moment | None) -> _Round:
        state, reported = begun.state, latest.state.current_round.witnesses
        clients = tuple(client.id.signer for client in state.epoch.clients)
        needed = min(state.config["witness_nodes"] or len(reported), 2)  # of fewer than four witnesses
        if (state.config["witness_nodes"] or len(reported)) > 3:
            needed = (state.config["witness_nodes"] or len(reported)) * 2 // 3
        votes = Counter(
            wallet
            for wallet in clients
            for record in reported
            if contains(record.participant_bloom, wallet_item(wallet))
        )
        staying = frozenset(clients if end is None else (client.id.signer for client in end.state.epoch.clients))
        return _Round(
            step=state.step,
            epoch=state.progress["epoch"],
            began=begun.time,
            ended=None if end is None else end.time,
            clients=clients,
            witnesses=frozenset(reporters),
            seen=frozenset(wallet for wallet, count in votes.items() if count >= needed),
            dropped=frozenset(clients) - staying,
            sequences=_batch(state),
        )

    def _paid(self) -> dict[int, dict[bytes, int]]:
        """What was credited to each member, by epoch."""
        paid: dict[int, dict[bytes, int]] = defaultdict(dict)
        before = self.first
        for moment in self.moments:
            earned = {client.id.signer: client.earned for client in before.clients}
            for client in moment.state.clients:
                more = client.earned - earned.get(client.id.signer, 0)
                if more:
                    paid[before.progress["epoch"]][client.id.signer] = more
            before = moment.state
        return paid

    def _left_out(self, step: int) -> dict[int, str]:
        texts = Counter(told.get("left_out", "") for told in self.telemetry.rounds.get(step, {}).values())
        parts = texts.most_common(1)[0][0].split() if texts else []
        return {_number(part.partition(":")[0]): part.partition(":")[2] for part in parts}

    def _named(self, wallets: Sequence[bytes] | frozenset[bytes]) -> tuple[int, ...]:
        return tuple(sorted(self.numbers[wallet] for wallet in wallets))

    def _counted(self, one: _Round) -> tuple[int, ...]:
        return tuple(number for number in self._named(one.seen) if number not in self._left_out(one.step))

    def _loss(self, step: int) -> float | None:
        refuted = {number for number, reason in self._left_out(step).items() if reason in LIES}
        rounds = self.telemetry.rounds.get(step, {})
        told = [one for number, one in rounds.items() if "loss" in one and number not in refuted]
        tokens = sum(one["tokens"] for one in told)
        return sum(one["loss"] * one["tokens"] for one in told) / tokens if tokens else None

    def wrong(self, data: RehearsalData) -> list[str]:
        """The figures of a report that differ from those computed here, each with both values."""
        found: list[str] = []

        def compare(what: str, shown: object, computed: object) -> None:
            if shown != computed:
                found.append(f"{what}: the report has {shown}, the databases and the ledger {computed}")

        self._compare_all(data, compare)
        return found

    def _compare_all(self, data: RehearsalData, compare: Callable[[str, object, object], None]) -> None:
        compare("steps", data.steps, self.last.step - self.first.step)
        compare("step", data.step, self.last.step)
        compare("state", data.state, self.last.run_state.variant)
        compare("rounds", [one.step for one in data.round_list], [one.step for one in self.rounds])
        losses = [loss for one in self.rounds if (loss := self._loss(one.step)) is not None]
        compare("first loss", _short(data.first_loss), _short(losses[0]))
        compare("last loss", _short(data.last_loss), _short(losses[-1]))
        compare("paid", data.paid.base_units, sum(sum(one.values()) for one in self.paid.values()))
        compare("claimed", data.claimed.base_units, sum(self.claims.values()))
        self._compare_rounds(data, compare)
        self._compare_members(data, compare)
        self._compare_epochs(data, compare)
        self._compare_lies(data, compare)

    def _compare_rounds(self, data: RehearsalData, compare: Callable[[str, object, object], None]) -> None:
        start = self.rounds[0].began - data.round_list[0].after
        for shown, one in zip(data.round_list, self.rounds, strict=False):
            name = f"step {one.step}"
            told = self.telemetry.rounds.get(one.step, {}).values()
            hashes = {values["weights"] for values in told if "weights" in values}
            compare(f"{name} epoch", shown.epoch, one.epoch)
            compare(f"{name} after", shown.after, one.began - start)
            compare(f"{name} seconds", shown.seconds, None if one.ended is None else one.ended - one.began)
            compare(f"{name} sequences", shown.sequences, one.sequences)
            compare(f"{name} clients", shown.clients, self._named(one.clients))
            compare(f"{name} witnesses", shown.witnesses, self._named(one.witnesses))
            compare(f"{name} counted", shown.counted, self._counted(one))
            compare(f"{name} dropped", shown.dropped, self._named(one.dropped))
            compare(f"{name} loss", _short(shown.loss), _short(self._loss(one.step)))
            compare(f"{name} weights", {shown.weights} - {None}, hashes)
            compare(f"{name} agreed", shown.agreed, len(hashes) <= 1)
            compare(f"{name} checked", shown.checked, int(max((one.get("checked", 0) for one in told), default=0)))

    def _compare_members(self, data: RehearsalData, compare: Callable[[str, object, object], None]) -> None:
        earned = {client.id.signer: client.earned for client in self.last.clients}
        for wallet, number in self.numbers.items():
            shown, name = data.member_list[number - 1], f"member {number}"
            rounds = [one for one in self.rounds if wallet in one.clients]
            compare(f"{name} worker", (shown.worker, shown.ended), self.workers[number])
            compare(f"{name} rounds", shown.rounds, len(rounds))
            compare(f"{name} counted", shown.counted, sum(number in self._counted(one) for one in rounds))
            compare(f"{name} witnessed", shown.witnessed, sum(wallet in one.witnesses for one in rounds))
            compare(f"{name} dropped", shown.dropped_at_steps, tuple(o.step for o in rounds if wallet in o.dropped))
            compare(f"{name} earned", shown.earned.base_units, earned.get(wallet, 0))
            compare(f"{name} claimed", shown.claimed.base_units, self.claims[wallet])
            told = [step[number]["loss"] for _, step in sorted(self.telemetry.rounds.items()) if number in step]
            compare(f"{name} loss", shown.loss, told[-1] if told else None)

    def _compare_epochs(self, data: RehearsalData, compare: Callable[[str, object, object], None]) -> None:
        compare("epochs", (data.epochs, len(data.epoch_list)), (len(self.paid), len(self.paid)))
        for shown in data.epoch_list:
            name, rounds = f"epoch {shown.epoch}", [one for one in self.rounds if one.epoch == shown.epoch]
            left = set(rounds[-1].clients) - rounds[-1].dropped
            compare(f"{name} rounds", shown.rounds, len(rounds))
            compare(f"{name} clients", (shown.clients, shown.clients_left), (len(rounds[0].clients), len(left)))
            compare(f"{name} paid", shown.paid.base_units, sum(self.paid[shown.epoch].values()))
            heard = self.telemetry.evaluations.get(shown.epoch, [])
            compare(f"{name} loss", {shown.loss} - {None}, set(heard))

    def _compare_lies(self, data: RehearsalData, compare: Callable[[str, object, object], None]) -> None:
        steps: dict[int, list[int]] = defaultdict(list)
        for one in self.rounds:
            for number, reason in self._left_out(one.step).items():
                if reason in LIES:
                    steps[number].append(one.step)
        compare("liars", {one.member: list(one.steps) for one in data.lies if one.steps}, dict(steps))
        wallets = {number: wallet for wallet, number in self.numbers.items()}
        for lie in data.lies:
            slashed = {client.id.signer: client.slashed for client in self.last.clients}
            compare(f"lie of {lie.member} slashed", lie.slashed.base_units, slashed.get(wallets[lie.member], 0))
            paid = sum(epoch.get(wallets[lie.member], 0) for epoch in self.paid.values())
            compare(f"lie of {lie.member} paid", lie.paid.base_units, paid)
            begun = next(one.began_after for one in data.faults if (one.kind, one.member) == ("lie", lie.member))
            assert begun is not None
            start = self.rounds[0].began - data.round_list[0].after
            lied = [one for one in self.rounds if one.began >= start + begun and wallets[lie.member] in one.seen]
            compare(f"lie of {lie.member} rounds", lie.rounds, len(lied))
            shares = Counter(one.epoch for one in lied)
            sizes = Counter(one.epoch for one in self.rounds)
            owed = sum(
                self.paid[epoch].get(wallets[lie.member], 0) * rounds // sizes[epoch]
                for epoch, rounds in shares.items()
            )
            compare(f"lie of {lie.member} paid for lies", lie.paid_for_lies.base_units, owed)
            spoiled = sum(bool(one.seen) and one.step >= lied[0].step for one in self.rounds)
            compare(f"lie of {lie.member} spoiled", lie.spoiled_steps, spoiled)


def _key(moment: Moment) -> tuple[int, int]:
    return moment.state.progress["epoch"], moment.state.current_round.height


def _short(loss: float | None) -> float | None:
    return None if loss is None else round(loss, 6)


def _batch(state: CoordinatorState) -> int:
    """The sequences of a batch whose size grows with the tokens that were trained."""
    config = state.config
    start, end = config["global_batch_size_start"], config["global_batch_size_end"]
    warmup = config["global_batch_size_warmup_tokens"]
    tokens = state.current_round.data_index * state.max_seq_len
    if warmup == 0 or tokens >= warmup:
        return int(end)
    return int(start + (end - start) * tokens / warmup + 0.5)


def _claims(ledger: Ledger) -> Counter[bytes]:
    """The points that each member has claimed, by the instructions of the treasurer."""
    found: Counter[bytes] = Counter()
    for transaction in ledger.transactions:
        if transaction.err is not None:
            continue
        for call in transaction.executed:
            if call.program == PUBLISHED.treasurer:
                decoded = idl_instruction("treasurer", call.data)
                if decoded.name == "participant_claim":
                    user = call.accounts[decoded.accounts.index("user")].address
                    assert user is not None
                    points = decoded.arguments["claim_earned_points"]
                    assert isinstance(points, int)
                    found[bytes(user)] += points
    return found
