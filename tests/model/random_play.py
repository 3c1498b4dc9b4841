"""Guided random operations on a run: mostly valid ones, chosen according to the state, and invalid ones.

They are in the form of ``recording``. A seed determines the sequence.
"""

from __future__ import annotations

from random import Random

from psyche_cli.model.committee import CommitteeSelection
from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
from psyche_cli.model.outcomes import Outcome, Refusal
from psyche_cli.model.states import CoordinatorState, initial_state
from psyche_cli.protocol.accounts.coordinator_rounds import Round
from psyche_cli.protocol.run_states import RunState
from tests.model.recording import client, instruction_of
from tests.support.config_keys import CONFIG_KEYS

CLIENTS = 7
_WALLETS = {client(number).signer: number for number in range(CLIENTS)}
_DURATIONS = {
    RunState.WAITING_FOR_MEMBERS: "waiting_for_members_extra_time",
    RunState.WARMUP: "warmup_time",
    RunState.ROUND_TRAIN: "max_round_train_time",
    RunState.ROUND_WITNESS: "round_witness_time",
    RunState.COOLDOWN: "cooldown_time",
}


class RandomPlay:
    """A randomly played run. Each ``step`` is one operation with its clock and outcome."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.state: CoordinatorState = initial_state("run", "")
        self.clock = Clock(1000, 1)

    def step(self) -> tuple[list[int], list[str], Outcome]:
        """Advance the clock and perform an operation."""
        self._pass_time()
        op = self._operation()
        instruction, signer = instruction_of(op)
        outcome = apply(self.state, instruction, signer, self.clock)
        self.state = outcome.state
        return [self.clock.unix_timestamp, self.clock.slot], op, outcome

    def _pass_time(self) -> None:
        duration = self.state.config[_DURATIONS.get(self.state.run_state, "cooldown_time")]
        seconds = self.random.choice([0, 0, 0, 1, 1, 2, duration, duration, self.random.randrange(40)])
        slots = self.random.randrange(5)
        self.clock = Clock(self.clock.unix_timestamp + seconds, self.clock.slot + slots)

    def _operation(self) -> list[str]:
        if self.random.random() < 0.12:
            return self._any_operation()
        match self.state.run_state:
            case RunState.UNINITIALIZED | RunState.PAUSED | RunState.FINISHED:
                return self._owner_operation()
            case RunState.WAITING_FOR_MEMBERS:
                return self._one_of(["tick"], self._join(), self._join(), self._join())
            case RunState.WARMUP:
                return self._one_of(["tick"], self._witness("warmup"), self._witness("warmup"), self._join())
            case RunState.COOLDOWN:
                return self._one_of(["tick"], self._join(), self._checkpoint())
            case _:
                return self._one_of(["tick"], *[self._witness("witness")] * 4, self._health(), self._join())

    def _any_operation(self) -> list[str]:
        return self._one_of(
            *[
                ["tick"],
                ["metadata"],
                *[["pause", "1"]] * 3,
                ["pause", "0"],
                self._rates(),
                self._checkpoint(),
                self._join(),
            ],
            *[self._config(), self._model(), self._progress(), self._health(), self._witness("witness")],
            *[self._witness("warmup"), self._false("witness"), self._false("warmup"), self._false("health")],
        )

    def _owner_operation(self) -> list[str]:
        if self.state.config["total_steps"] <= self.state.step:
            return self._config()
        return self._one_of(
            *[["pause", "0"], ["pause", "0"], self._config(), self._model(), self._join(), self._rates()],
        )

    def _one_of(self, *operations: list[str]) -> list[str]:
        return self.random.choice(operations)

    def _someone(self) -> str:
        return str(self.random.randrange(CLIENTS))

    def _join(self) -> list[str]:
        return ["join", self._someone()]

    def _rates(self) -> list[str]:
        return ["rates", self.random.choice(["-", "0", "100", "1001"]), self.random.choice(["-", "7"])]

    def _config(self) -> list[str]:
        pick = self.random.choice
        init_clients = pick([1, 2, 3, 4])
        clients = pick([1, 1, init_clients, init_clients + pick([0, 0, 0, 1])])
        end = pick([5, 6, 9, 200])
        values = {
            "warmup_time": pick([0, 3, 10]),
            "cooldown_time": pick([1, 4, 9]),
            "max_round_train_time": pick([2, 6, 15]),
            "round_witness_time": pick([1, 2]),
            "global_batch_size_warmup_tokens": pick([0, 1000, 100_000]),
            "epoch_time": pick([20, 60, 200]),
            "total_steps": self.state.step + pick([2, 4, 10, 400]),
            "init_min_clients": init_clients,
            "min_clients": clients,
            "witness_nodes": pick([0, 0, 1, clients, clients + pick([0, 0, 1])]),
            "global_batch_size_start": pick([1, 4, end, end + pick([0, 0, 1])]),
            "global_batch_size_end": end,
            "verification_percent": pick([0, 0, 0, 0, 50, 101]),
            "waiting_for_members_extra_time": pick([1, 1, 3, 0]),
        }
        return ["config", *(str(values[key]) for key in CONFIG_KEYS)]

    def _model(self) -> list[str]:
        pick = self.random.choice
        checkpoint = pick(["hub:a/b", "hub:a/b", "gcs:c", "p2p:x/y", "p2pgcs:z", "dummy:d", "hub:", "eph"])
        return [
            "model",
            checkpoint,
            pick(["128", "128", "0"]),
            pick(["0", "0", "1", "30"]),
            pick(["distro"] * 5 + ["dummy"]),
        ]

    def _progress(self) -> list[str]:
        pick = self.random.choice
        return ["progress", pick(["0", "5", "65535"]), pick(["0", "1", "7", "4294967295"]), pick(["0", "3782"])]

    def _checkpoint(self) -> list[str]:
        repositories = ["hub:n", "gcs:m", "p2p:q", "p2pgcs:q", "dummy:d", "eph", "hub:"]
        return ["checkpoint", self._someone(), self.random.choice(repositories)]

    def _seen(self) -> str:
        everybody = [str(number) for number in range(CLIENTS)]
        absent = self.random.choice([0, 0, 1, 3, CLIENTS])
        return ",".join(everybody[absent:]) or "-"

    def _member(self) -> tuple[int, int] | None:
        """The index of a client of the epoch, and its number."""
        if not self.state.epoch.clients:
            return None
        index = self.random.randrange(len(self.state.epoch.clients))
        return index, _WALLETS[self.state.epoch.clients[index].id.signer]

    def _selection(self, round_: Round | None) -> CommitteeSelection | None:
        try:
            return CommitteeSelection.of(round_, self.state.config) if round_ and round_.clients_len else None
        except Refusal:
            return None

    def _witness(self, name: str) -> list[str]:
        member, selection = self._member(), self._selection(self.state.current_round)
        if member is None:
            return self._false(name)
        index, number = member
        if name == "warmup":
            return [name, str(number), str(index), str(index), "0", "-"]
        position = selection.witness_position(index) if selection and index < selection.total else 0
        return [name, str(number), str(position), str(index), "1", self._seen()]

    def _health(self) -> list[str]:
        member, selection = self._member(), self._selection(self.state.previous_round)
        if member is None or selection is None or member[0] >= selection.total:
            return self._false("health")
        index, number = member
        position = selection.committee_position(index)
        committee = int(selection.committee(position))
        return ["health", self._someone(), str(number), str(committee), str(position), str(index)]

    def _false(self, name: str) -> list[str]:
        position, index = (str(self.random.choice([0, 1, 2, 3, 300])) for _ in range(2))
        if name == "health":
            return [name, self._someone(), self._someone(), str(self.random.randrange(3)), position, index]
        return [name, self._someone(), position, index, self.random.choice(["0", "1", "7"]), self._seen()]
