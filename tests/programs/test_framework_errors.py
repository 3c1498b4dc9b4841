"""Every account of every instruction damaged in every way, alone and in combination: the error code, the reported
account and the log are those derived from the declarations."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from .chain import (
    ABORT,
    AUTHORIZER,
    COORDINATOR,
    COORDINATOR_ACCOUNT_SIZE,
    SOL,
    SYSTEM,
    TOKEN,
    TREASURER,
    Outcome,
    borsh_string,
    find_pda,
    instance_address,
    meta,
    wallet,
)
from .declarations import declarations
from .framework import Declared, verdict
from .idl_declarations import IDL_DISCRIMINATOR, idl_declarations
from .recorded_answers import comparable
from .world import World, token_account_data

FOREIGN = wallet("some program").pubkey()
TOGETHER = 60  # calls of each instruction in which several accounts are damaged
TRIED = 20  # damaged copies in the place of each account


@dataclass
class Target:
    """An instruction that passes every check, and the declarations of its accounts."""

    title: str
    instruction: Instruction
    declared: list[Declared]


@dataclass
class Stage:
    """A world, the instructions in it, and replacement accounts."""

    world: World
    targets: list[Target]
    substitutes: list[Pubkey] = field(default_factory=list)
    copies: list[Pubkey] = field(default_factory=list)


def stage() -> Stage:
    world = World()
    targets = [
        Target(call.name, call.instruction(), declarations(call.name, call.arguments)) for call in world.every_call()
    ]
    scene = Stage(world, [*targets, fresh_target(world), *idl_targets(world)])
    put_substitutes(scene)
    return scene


def fresh_target(world: World) -> Target:
    """A run that does not exist yet: conditions beside its creation are reached."""
    call, account = world.init_coordinator(), wallet("fresh account").pubkey()
    world.chain.put(account, bytes(COORDINATOR_ACCOUNT_SIZE), COORDINATOR)
    arguments = call.arguments[:64] + borsh_string("fresh") + borsh_string("latest")
    payer, instance, old, system_program = call.metas
    metas = [payer, meta(instance_address("fresh"), "w"), meta(account, "w"), system_program]
    assert (instance.is_writable, old.is_writable) == (True, True)
    return Target("init_coordinator", call.instruction(metas, arguments), declarations("init_coordinator", arguments))


def idl_targets(world: World) -> Iterator[Target]:
    """The framework's own instructions, of all three programs."""
    chain, payer, authority = world.chain, world.payer, world.authority
    for program in (COORDINATOR, AUTHORIZER, TREASURER):
        base, _ = find_pda(program)
        names = ("idl", "idl buffer", "empty idl", "new buffer")
        idl, buffer, empty, new = (wallet(f"{name} of {program}").pubkey() for name in names)
        head = IDL_DISCRIMINATOR + bytes(authority)
        chain.put(idl, head + b"\3\0\0\0abc" + bytes(97), program)
        chain.put(buffer, head + b"\2\0\0\0xy" + bytes(98), program)
        chain.put(empty, head + bytes(60), program)
        chain.put(new, bytes(100), program)
        address = Pubkey.create_with_seed(base, "anchor:idl", program)
        created = [(payer, "sw"), (address, "w"), (base, ""), (SYSTEM, ""), (program, "")]
        calls = [
            ("create", b"\0" + (100).to_bytes(8, "little"), created),
            ("create_buffer", b"\1", [(new, "w"), (authority, "s")]),
            ("write", b"\2\1\0\0\0z", [(idl, "w"), (authority, "s")]),
            ("set_buffer", b"\3", [(buffer, "w"), (idl, "w"), (authority, "s")]),
            ("set_authority", b"\4" + bytes(payer), [(idl, "w"), (authority, "s")]),
            ("close", b"\5", [(idl, "w"), (authority, "s"), (world.spill, "w")]),
            ("resize", b"\6" + (500).to_bytes(8, "little"), [(empty, "w"), (authority, "sw"), (SYSTEM, "")]),
        ]
        for name, arguments, accounts in calls:
            data = bytes.fromhex("40f4bc78a7e9690a") + arguments
            metas = [AccountMeta(key, "s" in flags, "w" in flags) for key, flags in accounts]
            yield Target(f"idl {name}", Instruction(program, data, metas), list(idl_declarations(name, program)))


def put_substitutes(scene: Stage) -> None:
    """Accounts of every owner that are empty, short, of another type, truncated, damaged, or at another address."""
    chain, world, put = scene.world.chain, scene.world, scene.substitutes
    for number, (data, owner, lamports) in enumerate(
        [(b"", SYSTEM, 0), (b"", SYSTEM, SOL), (bytes(200), FOREIGN, SOL)]
        + [
            (bytes(length), owner, SOL)
            for owner in (COORDINATOR, AUTHORIZER, TREASURER, TOKEN)
            for length in (0, 7, 8, 43, 82, 165, 200)
        ]
        + [(bytes(100), owner, 1) for owner in (COORDINATOR, AUTHORIZER, TREASURER)]
    ):
        put.append(wallet(f"substitute {number}").pubkey())
        chain.put(put[-1], data, owner, lamports)
    originals = [world.plain_instance, world.instance, world.plain_account, world.account, world.authorization]
    originals += [world.run, world.participant, world.vault, world.user_tokens, world.mint]
    originals += [
        meta.pubkey for target in scene.targets if "idl" in target.title for meta in target.instruction.accounts
    ]
    rng = random.Random(0)
    for original in dict.fromkeys(originals):
        stored = chain.svm.get_account(original)
        if stored is None or not stored.data or stored.executable:
            continue
        data = bytes(stored.data)
        damaged = bytearray(data)
        for _ in range(3):
            damaged[rng.randrange(8, min(len(data), 110))] ^= 1 << rng.randrange(8)
        for number, copy in enumerate([data, data[: rng.randrange(8, min(len(data), 100))], data[:-1], bytes(damaged)]):
            scene.copies.append(wallet(f"copy {number} of {original}").pubkey())
            chain.put(scene.copies[-1], copy, stored.owner)
        scene.copies.append(original)
    delegated = token_account_data(world.mint, world.user, delegate=world.grantee)
    for number, data in enumerate(
        [delegated, token_account_data(FOREIGN, world.user), token_account_data(world.mint, world.run)]
    ):
        put.append(wallet(f"tokens {number}").pubkey())
        chain.put(put[-1], data, TOKEN)
    put += [world.user, world.payer, world.spill]


@pytest.fixture(scope="module")
def scene() -> Stage:
    """Shared, since the changes of each transaction are reverted."""
    return stage()


# --- damage -----------------------------------------------------------------------------------------------------------


def without(metas: list[AccountMeta], at: int, flag: str) -> list[AccountMeta]:
    old = metas[at]
    new = AccountMeta(old.pubkey, old.is_signer and flag != "s", old.is_writable and flag != "w")
    return [*metas[:at], new, *metas[at + 1 :]]


def replaced(metas: list[AccountMeta], at: int, key: Pubkey) -> list[AccountMeta]:
    old = metas[at]
    return [*metas[:at], AccountMeta(key, old.is_signer, old.is_writable), *metas[at + 1 :]]


def each_alone(scene: Stage, metas: list[AccountMeta]) -> Iterator[list[AccountMeta]]:
    for at, listed in enumerate(metas):
        yield metas[:at]
        if listed.is_signer:
            yield without(metas, at, "s")
        if listed.is_writable:
            yield without(metas, at, "w")
        for key in [*scene.substitutes, *random.Random(at).sample(scene.copies, TRIED)]:
            yield replaced(metas, at, key)
        for other in range(at):
            yield replaced(metas, at, metas[other].pubkey)


def some_together(scene: Stage, metas: list[AccountMeta], rng: random.Random) -> list[AccountMeta]:
    for _ in range(rng.choice((2, 2, 3, 4))):
        at = rng.randrange(len(metas))
        match rng.randrange(6):
            case 0:
                metas = without(metas, at, "s")
            case 1:
                metas = without(metas, at, "w")
            case 2 if rng.randrange(8) == 0 and at:
                metas = metas[:at]
            case 3:
                metas = replaced(metas, at, rng.choice(metas).pubkey)
            case _:
                metas = replaced(metas, at, rng.choice(scene.substitutes + scene.copies))
    return metas


def with_accounts(instruction: Instruction, metas: list[AccountMeta]) -> Instruction:
    return Instruction(instruction.program_id, bytes(instruction.data), metas)


# --- comparison -------------------------------------------------------------------------------------------------------


def send(scene: Stage, instruction: Instruction) -> Outcome:
    """Execute the instruction, and revert its changes."""
    svm = scene.world.chain.svm
    before = {meta.pubkey: svm.get_account(meta.pubkey) for meta in instruction.accounts if meta.is_writable}
    outcome = scene.world.chain.send(instruction)
    if outcome.code is None:
        for key, account in before.items():
            if account is None:
                scene.world.chain.put(key, lamports=0)
            else:
                svm.set_account(key, account)
    return outcome


def compare(scene: Stage, target: Target, metas: list[AccountMeta]) -> int | str | None:
    """The predicted error code, which the program must also return."""
    instruction = with_accounts(target.instruction, metas)
    expected = verdict(scene.world.chain, instruction, target.declared)
    outcome = send(scene, instruction)
    logs = comparable(outcome.logs, outcome.code)
    place = (target.title, [(str(m.pubkey), m.is_signer, m.is_writable) for m in metas], logs)
    if expected is None:
        own = [line for line in outcome.logs if "caused by account" in line]
        inner = any(line.endswith("invoke [2]") for line in logs)
        assert not own or inner, place
        return None
    assert outcome.code == expected.code, (expected, *place)
    if expected.code == ABORT:
        return ABORT
    assert logs[-1 - len(expected.lines) : -1] == expected.lines, (expected, *place)
    failed = logs[-1]
    assert failed.startswith(f"Program {instruction.program_id} failed: "), place
    if isinstance(expected.code, int):
        assert failed.endswith(f"custom program error: {hex(expected.code)}"), place
    return expected.code


def test_all_instructions_are_declared_as_they_are_called(scene: Stage) -> None:
    assert len({target.title for target in scene.targets}) == 27
    for target in scene.targets:
        assert len(target.declared) == len(target.instruction.accounts), target.title
        assert verdict(scene.world.chain, target.instruction, target.declared) is None, target.title


def test_each_account_damaged_alone(scene: Stage) -> None:
    seen: dict[str, Counter[int | str | None]] = {}
    for target in scene.targets:
        if "idl" in target.title and target.instruction.program_id != TREASURER:
            continue  # the same code; it takes part in the other comparison
        counter = seen.setdefault(target.title, Counter())
        for metas in each_alone(scene, list(target.instruction.accounts)):
            counter[compare(scene, target, metas)] += 1
    codes = {code for counter in seen.values() for code in counter}
    assert codes == {
        *(None, ABORT, 2000, 2001, 2002, 2003, 2004, 2005, 2006, 2007, 2009, 2011, 2013, 2015, 3001, 3002, 3003, 3005),
        *(3007, 3008, 3010, 3011, 3012, "InvalidAccountData", "UninitializedAccount"),
    }
    for title, counter in seen.items():
        assert len(counter) >= 5, (title, counter)


def test_accounts_damaged_together(scene: Stage, random_seed: int) -> None:
    rng = random.Random(random_seed)
    for target in scene.targets:
        for _ in range(TOGETHER):
            compare(scene, target, some_together(scene, list(target.instruction.accounts), rng))


def test_arguments_come_before_accounts(scene: Stage) -> None:
    for target in scene.targets:
        data = bytes(target.instruction.data)
        start = 9 if target.title.startswith("idl") else 8
        for length in range(start, len(data), max(1, (len(data) - start) // 20)):
            outcome = scene.world.chain.send(Instruction(target.instruction.program_id, data[:length], []))
            assert outcome.code == 102, (target.title, length, outcome.logs)
            assert outcome.said("AnchorError occurred. Error Code: InstructionDidNotDeserialize. Error Number: 102.")
