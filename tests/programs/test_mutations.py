"""Thousands of calls with damaged data and swapped accounts: each fails, or changes only what its signer may."""

from __future__ import annotations

import random
import struct
from collections import Counter
from dataclasses import dataclass

import pytest
from solders.account import Account
from solders.instruction import AccountMeta
from solders.pubkey import Pubkey

from .chain import ABORT, COORDINATOR, SYSTEM, TOKEN, Code, meta, option, wallet
from .coordinator_bytes import config_bytes, decode, model_bytes, u64
from .test_treasurer import earn, fill_vault
from .world import GOOD_CONFIG, GOOD_MODEL, Call, World, token_amount

MUTATIONS_PER_INSTRUCTION = 5  # of the 20,000 that the other comparison makes by default: 100,000
ANYBODY = None
MEMBER_CALLS = ("tick", "witness", "warmup_witness", "health_check", "checkpoint")
OWNER_CALLS = ("update", "update_client_version", "set_future_epoch_rates", "set_paused")


@dataclass(frozen=True)
class Snapshot:
    """The content of every account of the world."""

    accounts: dict[Pubkey, Account | None]

    @classmethod
    def take(cls, world: World, addresses: list[Pubkey]) -> Snapshot:
        return cls({address: world.chain.svm.get_account(address) for address in addresses})


METADATA = b"\1" + bytes(range(1, 181)) * 2 + bytes(3)
"""The arguments of an update of the metadata only."""


class Attack:
    """Random calls against one world, restored after every success. Its run waits for members, or is paused."""

    def __init__(self, seed: int, *, paused: bool) -> None:
        self.rng = random.Random(seed)
        self.world = world = World()
        self.calls = [*world.every_call(), world.owner_call("update", METADATA)]
        setup = b"\0" + option(config_bytes(GOOD_CONFIG)) + option(model_bytes(GOOD_MODEL)) + b"\0"
        for call in (
            world.owner_call("update", setup),
            world.owner_call("set_paused", b"\0"),
            world.join_run(),
            world.run_update(setup + bytes(4)),
        ):
            world.chain.must(call.instruction())
        if paused:
            world.chain.must(world.owner_call("set_paused", b"\1").instruction())
        earn(world, 1000)
        fill_vault(world, 700)
        self.may_change = self._permissions()
        self.cast = [*self.may_change, world.mint, world.payer, world.authority, world.user, world.grantee, world.spill]
        self.cast += [COORDINATOR, TOKEN, SYSTEM, wallet("nobody").pubkey()]
        self.watched = [*self.may_change, world.mint]
        self.before = Snapshot.take(world, self.watched)
        self.results: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()
        self.metadata_updates = 0

    def _permissions(self) -> dict[Pubkey, dict[str, Pubkey | None]]:
        """The accounts that each instruction may change, and the signers that it requires."""
        world = self.world
        members = dict.fromkeys(MEMBER_CALLS, ANYBODY) | {"join_run": world.grantee}
        owners = dict.fromkeys((*OWNER_CALLS, "free_coordinator"), world.authority)
        claim: dict[str, Pubkey | None] = {"participant_claim": world.user}
        return {
            world.plain_account: members | owners,
            world.plain_instance: {"free_coordinator": world.authority},
            world.account: members | {"run_update": world.authority},
            world.instance: {},
            world.run: claim,
            world.participant: claim,
            world.vault: claim,
            world.user_tokens: claim,
            world.authorization: {
                "authorization_grantor_update": world.authority,
                "authorization_close": world.authority,
                "authorization_grantee_update": world.grantee,
            },
        }

    def strike(self) -> None:
        call = self.rng.choice(self.calls)
        metas, arguments = call.metas, call.arguments
        for _ in range(self.rng.choice((1, 1, 1, 2, 3))):
            if self.rng.random() < 0.5:
                metas = self._exchange(metas)
            else:
                arguments = self._damage(arguments)
        outcome = self.world.chain.send(call.instruction(metas, arguments))
        self.results[_kind(outcome.code)] += 1
        if outcome.code is None:
            self._judge(call, metas, arguments)
            self._put_back()

    def _exchange(self, metas: list[AccountMeta]) -> list[AccountMeta]:
        rng, metas = self.rng, list(metas)
        choice = rng.randrange(6)
        if not metas or choice == 0:
            metas.insert(rng.randrange(len(metas) + 1), meta(rng.choice(self.cast), rng.choice(("", "s", "w", "sw"))))
            return metas
        at = rng.randrange(len(metas))
        old = metas[at]
        if choice == 1:
            del metas[at]
        elif choice == 2:
            other = rng.randrange(len(metas))
            metas[at], metas[other] = metas[other], old
        elif choice == 3:
            metas[at] = AccountMeta(metas[rng.randrange(len(metas))].pubkey, old.is_signer, old.is_writable)
        elif choice == 4:
            metas[at] = AccountMeta(
                old.pubkey, old.is_signer ^ (rng.random() < 0.5), old.is_writable ^ (rng.random() < 0.5)
            )
        else:
            metas[at] = AccountMeta(rng.choice(self.cast), old.is_signer, old.is_writable)
        return metas

    def _damage(self, arguments: bytes) -> bytes:
        rng, data = self.rng, bytearray(arguments)
        choice = rng.randrange(5)
        if not data or choice == 0:
            return bytes(data) + rng.randbytes(rng.randrange(1, 40))
        if choice == 1:
            return bytes(data[: rng.randrange(len(data))])
        if choice == 2:
            return rng.randbytes(len(data))
        for _ in range(rng.choice((1, 1, 2, 8))):
            at = rng.randrange(len(data))
            data[at] = rng.choice((0, 1, 2, 255, data[at] ^ 1 << rng.randrange(8), rng.randrange(256)))
        return bytes(data)

    def _judge(self, call: Call, metas: list[AccountMeta], arguments: bytes) -> None:
        """Check that only accounts have changed that the instruction may change, and that an authorized key signed."""
        world = self.world
        signers = {world.chain.payer_key, *(account.pubkey for account in metas if account.is_signer)}
        after = Snapshot.take(world, self.watched)
        for address, permissions in self.may_change.items():
            if after.accounts[address] != self.before.accounts[address]:
                assert call.name in permissions, (call.name, address)
                needed = permissions[call.name]
                assert needed is None or needed in signers, (call.name, address)
                self.changed[call.name] += 1
        assert after.accounts[world.mint] == self.before.accounts[world.mint]
        for address in (world.plain_account, world.account):
            self._judge_account(address, call, arguments)
        if call.name != "authorization_close":
            new, old = (world.chain.data(world.authorization), self.before.accounts[world.authorization])
            assert old is not None
            assert new[:95] == bytes(old.data)[:95]
            assert len(new) == 108 + 32 * struct.unpack_from("<I", new, 96)[0]
        assert token_amount(world.chain, world.vault) + token_amount(world.chain, world.user_tokens) == 700
        assert u64(world.chain.data(world.participant), 17) <= 1000

    def _judge_account(self, address: Pubkey, call: Call, arguments: bytes) -> None:
        data, before = self.world.chain.data(address), self.before.accounts[address]
        assert before is not None
        old = bytes(before.data)
        if call.name == "free_coordinator" or data == old:
            return
        assert (data[:16], data[376:408]) == (old[:16], old[376:408])
        decode(data)
        if call.name in ("update", "run_update") and arguments[:1] == b"\1":
            assert data[16:376] == arguments[1:361]
            self.metadata_updates += 1

    def _put_back(self) -> None:
        for address, account in self.before.accounts.items():
            if account is not None and self.world.chain.svm.get_account(address) != account:
                self.world.chain.svm.set_account(address, account)


def _kind(code: Code) -> str:
    return "ok" if code is None else "abort" if code == ABORT else "error"


@pytest.mark.parametrize("paused", [False, True])
def test_no_damaged_instruction_makes_a_wrong_write(instruction_budget: int, random_seed: int, *, paused: bool) -> None:
    attack = Attack(random_seed, paused=paused)
    count = MUTATIONS_PER_INSTRUCTION * instruction_budget // 2
    for number in range(count):
        try:
            attack.strike()
        except AssertionError as error:
            raise AssertionError(f"seed {random_seed}, mutation {number}: {error}") from error
    assert sum(attack.results.values()) == count
    assert attack.results["ok"] > count // 20
    assert attack.results["error"] > count // 2
    assert len(attack.changed) >= 7, attack.changed
    assert attack.metadata_updates > 0
