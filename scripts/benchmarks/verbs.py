"""Round trips of every verb that talks to a cluster, and its real time beside a local validator and far away from it.

Each verb is measured once per latency, as a process of its own: where a figure decides, compare several runs. A run is
administered from its creation to its end, so that every writing verb finds something to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from psyche_cli import api
from psyche_cli.members.actions import Actions
from psyche_cli.members.looking import find_run, look_at
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.protocol.run_states import RunState
from scripts.benchmarks.faraway import FarAway
from scripts.benchmarks.shell import ROOT, Shell
from scripts.benchmarks.table import Table
from tests.support.run_driver import witness_of

LATENCIES: Final = (0.0, 0.05, 0.15)
RUN: Final = ("--run-id", "verbs")
CHANGED: Final = {"waiting_for_members_extra_time": 60, "init_min_clients": 3, "epoch_time": 15}
"""Changes to the minimal example, with which all members are in the first epoch, and it is short."""
MANY_RUNS: Final = (1, 100, 250)

Line = Callable[[int], Sequence[str]]
"""A command line for the measurement with this number, from 0."""


@dataclass
class Scene:
    """A local validator, seen from nearby (``near``) and through a proxy that delays every round trip (``far``)."""

    near: Shell
    far: Shell
    proxy: FarAway
    url: str
    table: Table

    def measure(self, name: str, line: Line, aim: int, *, before: Callable[[int], object] = lambda _: None) -> None:
        """Run a verb at each latency, after ``before``, and print its round trips and times."""
        times = []
        for number, latency in enumerate(LATENCIES):
            before(number)
            self.proxy.forget()
            self.proxy.latency = latency
            started = time.perf_counter()
            self.far.cli(*line(number))
            times.append((time.perf_counter() - started) * 1000)
        self.table.verb(name, len(self.proxy.requests), aim, times, self.proxy.received)


def measure(shell: Shell, table: Table) -> None:
    """Print a table of all verbs, and of list-runs by the number of runs."""
    table.section("round trips [aim], kB received, and milliseconds of a process at 0, 50 and 150 ms of latency")
    names = ("owner", "a", "b", "c")
    keys = {name: shell.cli("localnet", "new-wallet", f"{name}.json").strip() for name in names}
    airdrops = [word for key in keys.values() for word in ("--airdrop", f"{key}=10000")]
    with shell.validator(*airdrops) as validator, FarAway(validator.rpc_url).serving() as proxy:
        wallet = {"WALLET_PRIVATE_KEY_PATH": "owner.json"}
        scene = Scene(
            replace(shell, variables={"RPC": validator.rpc_url, **wallet}),
            replace(shell, variables={"RPC": proxy.url, **wallet}),
            proxy,
            validator.rpc_url,
            table,
        )
        _authorizations(scene, keys)
        _life_of_a_run(scene)
        _reading(scene, keys["owner"])
    with shell.validator(*airdrops) as validator, FarAway(validator.rpc_url).serving() as proxy:
        far = replace(shell, variables={"RPC": proxy.url})
        _many_runs(Scene(far, far, proxy, validator.rpc_url, table))


def _authorizations(scene: Scene, keys: dict[str, str]) -> None:
    members = [keys[name] for name in "abc"]

    def authorizer(number: int) -> tuple[str, str]:
        return ("--authorizer", members[number])

    def delegate(number: int) -> tuple[str, ...]:
        words = ("join-authorization-delegate", "--join-authority", keys["owner"])
        return (*words, "--delegates-added", members[number - 1], "-w", f"{'abc'[number]}.json")

    def undelegate(number: int) -> None:
        words = delegate(number)
        scene.near.cli(*words[:3], "--delegates-clear", *words[-2:])

    scene.measure("join-authorization-create", lambda i: ("join-authorization-create", *authorizer(i)), 5)
    scene.measure("join-authorization-delegate", delegate, 5)
    scene.measure(
        "join-authorization-read",
        lambda i: ("join-authorization-read", *authorizer(i), "--join-authority", keys["owner"]),
        1,
    )
    scene.measure("join-authorization list", lambda _: ("join-authorization", "list", "--grantor", keys["owner"]), 1)
    scene.measure("join-authorization-delete", lambda i: ("join-authorization-delete", *authorizer(i)), 5)
    scene.measure(
        "join-authorization-close", lambda i: ("join-authorization-close", *authorizer(i)), 4, before=undelegate
    )


def _life_of_a_run(scene: Scene) -> None:
    lines = (ROOT / "configs" / "minimal.toml").read_text(encoding="utf-8").splitlines()
    changed = [f"{key} = {CHANGED[key]}" if (key := line.partition(" =")[0]) in CHANGED else line for line in lines]
    (scene.far.folder / "run.toml").write_text("\n".join(changed), encoding="utf-8")
    mint = scene.near.json("localnet", "new-mint", "--amount", "1000000")["data"]["mint"]
    rewarded = ("--treasurer-collateral-mint", mint)
    scene.measure("create-run", lambda i: ("create-run", "--run-id", f"plain{i}"), 4)
    scene.measure("create-run with treasurer", lambda i: ("create-run", "--run-id", f"verbs{i or ''}", *rewarded), 4)
    scene.measure(
        "update-config", lambda i: ("update-config", *RUN, "--config-path", "run.toml", "--name", f"name {i}"), 5
    )
    scene.measure("set-future-epoch-rates", lambda i: ("set-future-epoch-rates", *RUN, "--earning-rate", f"{i + 1}"), 5)
    scene.measure(
        "treasurer-top-up-rewards", lambda _: ("treasurer-top-up-rewards", *RUN, "--collateral-amount", "9"), 6
    )
    scene.measure("set-paused", lambda i: ("set-paused", *RUN, *(["--resume"] if i % 2 == 0 else [])), 6)
    scene.near.cli("join-authorization-create", "--permissionless")
    for name in "abc":
        _join(scene, name)
    scene.measure("tick", lambda _: ("tick", *RUN, "--count", "1"), 6, before=lambda _: _until_a_tick_is_due(scene))
    scene.measure("checkpoint", lambda i: ("checkpoint", *RUN, "--repo", f"owner/model{i}", "-w", "a.json"), 6)
    while _state(scene) != RunState.WAITING_FOR_MEMBERS:
        _until_a_tick_is_due(scene)
        scene.near.cli("tick", *RUN, "--count", "1")
    scene.measure("treasurer-claim-rewards", lambda i: ("treasurer-claim-rewards", *RUN, "-w", f"{'abc'[i]}.json"), 6)
    scene.measure("close-run", lambda i: ("close-run", "--run-id", f"plain{i}", "--yes"), 5)


def _reading(scene: Scene, owner: str) -> None:
    signature = scene.near.json("tx", "list", "--all")["data"]["transactions"][0]["signature"]
    scene.near.cli("config", "dump", *RUN, "-o", "dumped.toml")
    lines: dict[str, tuple[int, Sequence[str]]] = {
        "json-dump-run": (2, ("json-dump-run", *RUN)),
        "json-dump-user": (3, ("json-dump-user", *RUN, "--address", owner)),
        "show": (2, ("show", *RUN)),
        "explain": (2, ("explain", *RUN)),
        "members": (3, ("members", *RUN)),
        "can-join": (2, ("can-join", *RUN, "--address", owner)),
        "authority check": (5, ("authority", "check", *RUN)),
        "cost": (4, ("cost", *RUN)),
        "rewards list": (3, ("rewards", "list", *RUN)),
        "config dump": (2, ("config", "dump", *RUN)),
        "config diff": (2, ("config", "diff", *RUN, "dumped.toml")),
        "config preview --run-id": (2, ("config", "preview", *RUN, "run.toml")),
        "list-runs": (2, ("list-runs",)),
        "list-runs --joinable": (2, ("list-runs", "--joinable")),
        "balance": (1, ("balance",)),
        "tx status": (2, ("tx", "status", signature)),
        "tx explain": (2, ("tx", "explain", signature)),
    }
    for name, (aim, line) in lines.items():
        scene.measure(name, lambda _, line=line: line, aim)  # type: ignore[misc]  # a default, bound now


def _many_runs(scene: Scene) -> None:
    made = 0
    with api.open_signing_session(scene.url, wallet=scene.far.folder / "owner.json") as session:
        for count in MANY_RUNS:
            for number in range(made, count):
                api.create_run(session, run_id=f"run-{number}", name=f"Run number {number}")
            made = count
            scene.measure(f"list-runs with {count} runs", lambda _: ("list-runs",), 1 - -count // 100)


def _join(scene: Scene, name: str) -> None:
    with api.open_signing_session(scene.url, wallet=scene.far.folder / f"{name}.json") as session:
        run, user = api.find_run(session, "verbs"), session.wallet.address
        join = session.instructions.join_run(
            user=user,
            authorization=authorization_address(run.main_authority, ANYONE),
            instance=run.instance.address,
            account=run.instance.coordinator_account,
            p2p_identity=bytes(32),
        )
        api.send(session, [join], label="join")


def _state(scene: Scene) -> RunState:
    with api.open_session(scene.url) as session:
        return api.find_run(session, "verbs").account.run_state


def _until_a_tick_is_due(scene: Scene) -> None:
    """Advance the clock beyond the duration of the run's state. In a round, the members witness first."""
    if _state(scene) == RunState.ROUND_TRAIN:
        for name in "abc":
            with api.open_signing_session(scene.url, wallet=scene.far.folder / f"{name}.json") as session:
                instance = find_run(session.rpc, "verbs")
                record = witness_of(Actions(instance), look_at(session.rpc, instance)[0], session.wallet.address)
                api.send(session, [record], label="witness")
    scene.near.cli("localnet", "warp", "61")
