"""Runs as run files describe them: a file to start from, and a change of each of its values."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from solders.pubkey import Pubkey

from psyche_cli.environment import SystemClock
from psyche_cli.localnet.chain.timekeeping import DEFAULT_SLOT_SECONDS
from psyche_cli.operations.run_files.values import flat
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_config.differences import as_stored
from psyche_cli.run_config.load import load_run_config
from psyche_cli.run_file.load import parse_run_file
from psyche_cli.run_file.wanted import WantedAuthorization, WantedFunding, WantedJoin, WantedRun, WantedTreasurer
from psyche_cli.run_file.write import run_file_toml
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import Outcome, address_of

Variation: TypeAlias = Callable[[WantedRun], WantedRun]

PATH = Path("run.toml")
KEYS = [Pubkey.from_bytes(bytes([number] * 32)) for number in range(101, 140)]


def base_run(house: House, mint: str | None = None) -> WantedRun:
    """A complete run of the owner of the house, which no file leaves anything of to chance."""
    owner = address_of(house.owner)
    config = load_run_config(MINIMAL)
    return WantedRun(
        run_id="test",
        source=PATH,
        state="paused",
        client_version="v1",
        metadata={"name": "A name", "description": "Words", "num_parameters": 5, "vocab_size": 2**64 - 1},
        config={**config.config, "min_clients": 2, "init_min_clients": 3},
        model=as_stored(config.model, "model"),
        join=WantedJoin(
            authority=owner,
            everyone=True,
            authorizations=(WantedAuthorization(owner, (KEYS[0],)), WantedAuthorization(KEYS[1])),
            deactivates_unlisted=True,
        ),
        treasurer=None if mint is None else WantedTreasurer(Pubkey.from_string(mint)),
        earning_rate="12",
        slashing_rate="1",
        funding=None if mint is None else WantedFunding(keep_epochs=5),
    )


def variations(base: WantedRun) -> dict[str, Variation]:
    """A change of each value of a file by its key. Every result is valid."""
    assert base.config is not None
    found: dict[str, Variation] = {
        "state": lambda run: replace(run, state="running" if run.state == "paused" else "paused"),
        "client_version": lambda run: replace(run, client_version=f"{run.client_version}x"),
        "join.everyone": lambda run: _with_join(run, everyone=not run.join.everyone),
        "join.authorizations added": lambda run: _with_join(
            run, authorizations=(*run.join.authorizations, WantedAuthorization(_unlisted_key(run)))
        ),
        "join.authorizations removed": lambda run: _with_join(run, authorizations=run.join.authorizations[:-1]),
        "join.delegates": lambda run: _with_delegates(run, (KEYS[20], KEYS[21])),
        "join.delegates none": lambda run: _with_delegates(run, ()),
        "rewards.earning_rate": lambda run: replace(run, earning_rate=_higher_rate(run.earning_rate)),
        "rewards.slashing_rate": lambda run: replace(run, slashing_rate=_higher_rate(run.slashing_rate)),
    }
    for key, value in base.metadata.items():
        found[f"metadata.{key}"] = _with_metadata(key, f"{value}!" if isinstance(value, str) else value - 1)
    for key, value in base.config.items():
        found[f"config.{key}"] = _with_config_value(key, value + 1)
    assert base.model is not None
    for key, value in flat(base.model, "model").items():
        found[key] = _with_model_value(key, value)
    for key, value in _OTHER_VARIANTS.items():
        found[f"{key} kind"] = _with_model_part(key, value)
    if base.funding is not None:
        found["funding.keep_epochs"] = lambda run: replace(run, funding=WantedFunding(keep_epochs=9))
        found["funding.keep_amount"] = lambda run: replace(run, funding=WantedFunding(keep_amount="300.5"))
    return found


def random_run(base: WantedRun, chance: random.Random) -> WantedRun:
    """A run that differs from the base in any number of values."""
    known = variations(base)
    run = base
    for key in chance.sample(sorted(known), chance.randrange(len(known) // 2)):
        run = known[key](run)
    return replace(run, state=chance.choice(["running", "paused"]))


_OTHER_VARIANTS: Mapping[str, Any] = {
    "architecture": "HfAuto",
    "data_type": "Finetuning",
    "data_location": "Dummy",
    "checkpoint": {"Gcs": {"bucket": "bucket", "prefix": None}},
    "lr_schedule": {
        "Linear": {"base_lr": 0.5, "warmup_init_lr": 0.25, "warmup_steps": 1, "total_steps": 9, "final_lr": 0.125}
    },
    "optimizer": {"AdamW": {"betas": [0.5, 0.75], "weight_decay": 0.0, "eps": 0.5, "clip_grad_norm": 1.0}},
}


def _with_join(run: WantedRun, **changes: Any) -> WantedRun:
    return replace(run, join=replace(run.join, **changes))


def _unlisted_key(run: WantedRun) -> Pubkey:
    listed = {one.grantee for one in run.join.authorizations}
    return next(key for key in KEYS[2:] if key not in listed)


def _with_delegates(run: WantedRun, delegates: tuple[Pubkey, ...]) -> WantedRun:
    first, *others = run.join.authorizations
    return _with_join(run, authorizations=(replace(first, delegates=delegates), *others))


def _higher_rate(rate: str | None) -> str:
    assert rate is not None
    return f"{int(float(rate)) + 1}"


def _with_metadata(key: str, value: Any) -> Variation:
    return lambda run: replace(run, metadata={**run.metadata, key: value})


def _with_config_value(key: str, value: int) -> Variation:
    def change(run: WantedRun) -> WantedRun:
        assert run.config is not None
        config = {**run.config, key: value}
        config["init_min_clients"] = max(config["init_min_clients"], config["min_clients"])
        return replace(run, config=config)

    return change


def _with_model_value(key: str, value: Any) -> Variation:
    """A change of a leaf; nothing if a kind with other leaves has replaced it."""
    _, _, *path = key.split(".")

    def change(run: WantedRun) -> WantedRun:
        assert run.model is not None
        return replace(run, model={"LLM": _with_leaf(run.model["LLM"], path, value)})

    return change


def _with_leaf(table: Any, path: list[str], value: Any) -> Any:
    first, *rest = path
    if not isinstance(table, Mapping) or first not in table:
        return table
    return {**table, first: _with_leaf(table[first], rest, value) if rest else _another_value(first, value)}


def _another_value(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return _OTHER_VARIANTS.get(key, f"{value}x")
    if isinstance(value, bool):
        return not value
    if value is None:
        return "main" if key == "revision" else 0.5
    return value / 2 if isinstance(value, float) else value + 1


def _with_model_part(key: str, value: Any) -> Variation:
    def change(run: WantedRun) -> WantedRun:
        assert run.model is not None
        return replace(run, model={"LLM": {**run.model["LLM"], key: value}})

    return change


class EpochEnds(SystemClock):
    """A clock with which nothing takes time. A pause that is pending takes effect when a command waits."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.waits = 0

    def sleep(self, seconds: float) -> None:
        if self._house.driver().account.pending_pause:
            self.waits += 1
            self._house.enter(RunState.PAUSED)


class NoEnd(SystemClock):
    """A clock on which waits pass at once, with their slots, and the epoch does not end until ``ends_after`` waits."""

    def __init__(self, house: House, ends_after: int | None = None) -> None:
        self._house, self._left, self._passed = house, ends_after, 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._passed

    def sleep(self, seconds: float) -> None:
        slots_before = int(self._passed / DEFAULT_SLOT_SECONDS)
        self._passed += seconds
        if slots := int(self._passed / DEFAULT_SLOT_SECONDS) - slots_before:
            self._house.chain.dispatcher.context.bank.warp_slots(slots)
        if self._left is not None and self._house.driver().account.pending_pause:
            self._left -= 1
            if self._left == 0:
                self._house.enter(RunState.PAUSED)


def write_declared_run(run: WantedRun, path: Path) -> Path:
    """Write the file of a run."""
    path.write_text(run_file_toml(run), encoding="utf-8")
    return path


def dumped_run(house: House) -> WantedRun:
    """The run ``test`` as it is on-chain."""
    return parse_run_file(house.cli("config", "dump", "--full", "--run-id", "test").stdout, PATH)


def run_as_dumped(run: WantedRun) -> WantedRun:
    """A run as it is dumped: without what is not on-chain, and in canonical order."""
    listed = [replace(one, delegates=_sorted_keys(one.delegates)) for one in run.join.authorizations]
    join = replace(run.join, authorizations=tuple(sorted(listed, key=lambda one: str(one.grantee))))
    return replace(
        run,
        config=dict(run.config or {}),
        model=as_stored(run.model, "model"),
        join=replace(join, deactivates_unlisted=False),
        funding=None,
        resets_checkpoint=False,
        warnings=(),
    )


def _sorted_keys(delegates: tuple[Pubkey, ...] | None) -> tuple[Pubkey, ...]:
    return tuple(sorted(delegates or (), key=str))


def apply_file(house: House, file: Path, *words: object) -> Outcome:
    """Apply a file without a question, with JSON output."""
    return house.cli("apply", file, "--yes", "--output", "json", *words)


def vault_tokens(house: House) -> float:
    """The balance of the vault of the run ``test`` in whole tokens."""
    held: float = house.dump()["treasurer_run"]["funded_collateral_amount"]
    return held
