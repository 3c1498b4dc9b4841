"""What a plan costs, to the lamport, also if others have sent lamports to the addresses of accounts to create."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode
from psyche_cli.protocol.addresses import (
    ANYONE,
    associated_token_address,
    authorization_address,
    instance_address,
    treasurer_index,
    treasurer_run_address,
)
from psyche_cli.run_file.wanted import WantedAuthorization, WantedRun
from psyche_cli.solana.programs import SYSTEM_PROGRAM
from tests.cli.conftest import House
from tests.cli.harness import address_of
from tests.support.counts import Loads
from tests.support.declared_runs import KEYS, EpochEnds, apply_file, random_run, vault_tokens, write_declared_run

_MOST = 5_000_000
"""More than the rent of any of the accounts."""


def addresses_of(house: House, run: WantedRun) -> list[Pubkey]:
    """Everything that a file of the run may create, except for the coordinator account."""
    owner = address_of(house.owner)
    assert run.treasurer is not None
    treasurer = treasurer_run_address(treasurer_index(run.run_id))
    grantees = (ANYONE, owner, *KEYS)
    return [
        instance_address(run.run_id),
        treasurer,
        associated_token_address(treasurer, run.treasurer.mint),
        *(authorization_address(owner, grantee) for grantee in grantees),
    ]


def give(house: House, address: Pubkey, lamports: int) -> None:
    """Add lamports to an account, or to the address of one that does not exist."""
    bank = house.chain.dispatcher.context.bank
    found = bank.accounts.get(address) or Account(0, b"", SYSTEM_PROGRAM)
    bank.set_account(address, Account(found.lamports + lamports, bytes(found.data), found.owner))


def check_costs(house: House, run: WantedRun, path: Path, where: str) -> None:
    """Apply a run: the wallet loses what the plan says, and the vault receives it."""
    file = write_declared_run(run, path)
    plan = house.cli("plan", file, "--output", "json").json["data"]
    exists = plan["state"] != "absent"
    lamports = house.chain.rpc.balance(address_of(house.owner))
    held = vault_tokens(house) if exists else 0.0
    applied = apply_file(house, file)
    assert applied.code is ExitCode.OK, f"{where}: {applied.stderr}"
    lost = lamports - house.chain.rpc.balance(address_of(house.owner))
    assert lost == plan["fee_lamports"] + plan["rent_lamports"], where
    assert round((vault_tokens(house) - held) * 10**6) == plan["collateral"], where
    assert len(applied.json["transactions"]) == plan["transactions"], where


def test_plans_of_random_runs(house: House, base: WantedRun, tmp_path: Path, loads: Loads, random_seed: int) -> None:
    house.cli.clock = EpochEnds(house)
    bank = house.chain.dispatcher.context.bank
    start = bank.save()
    for number in range(loads.of(usual=3, ci=20, full=300)):
        bank.restore(start)
        chance = random.Random(f"{random_seed}:{number}")
        for address in addresses_of(house, base):
            if chance.random() < 0.5:
                give(house, address, chance.randrange(1, _MOST))
        check_costs(house, random_run(base, chance), tmp_path / "a.toml", f"{random_seed}:{number}")
        for address in addresses_of(house, base):
            if chance.random() < 0.3:
                give(house, address, chance.randrange(1, _MOST))
        second = replace(random_run(base, chance), resets_checkpoint=True)
        check_costs(house, second, tmp_path / "b.toml", f"{random_seed}:{number}, second")


def test_delegates_whose_account_shrinks_and_grows(house: House, base: WantedRun, tmp_path: Path) -> None:
    """A list that takes several transactions, with lamports to spare."""
    owner = address_of(house.owner)
    authorization = authorization_address(owner, owner)
    many = tuple(Pubkey.from_bytes(bytes([1, number]) + bytes(30)) for number in range(45))
    for delegates in (many, many[::-1], many[:40], many[5:], (), many):
        give(house, authorization, _MOST)
        listed = (WantedAuthorization(owner, delegates), *base.join.authorizations[1:])
        run = replace(base, join=replace(base.join, authorizations=listed))
        check_costs(house, run, tmp_path / "a.toml", f"{len(delegates)}")
